"""Opens an engine by the name of its backend."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evals.backends import Engine

Backend = Literal["hf", "vllm", "server"]
BACKENDS: tuple[Backend, ...] = ("hf", "vllm", "server")


def open_engine(
    backend: Backend,
    folder: Path,
    *,
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
    batch_size: int = 256,
) -> Engine:
    """Return an engine that holds the checkpoint in `folder`.

    Raises:
        ProctorError: the backend's package is not installed, or the checkpoint does not load.
    """
    from evals.backends.hf import HfEngine

    return HfEngine(folder, dtype=dtype, batch_size=batch_size)
