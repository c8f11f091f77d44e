"""Writes the small world's sources, exams and base model to disk, once.

The files are cached by the digest of what determines them, in `PROCTOR_CACHE` or the user's
cache folder, so that every workspace shares one base model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from harness.world.base import BaseSettings, base_identity, train_base
from harness.world.exams import KINDS, exam_instances
from harness.world.sources import SOURCES, source_rows
from proctor.digest import digest_json
from proctor.errors import UsageError
from proctor.files import folder_atomically, write_atomically

BASE = "world"


def cache_folder() -> Path:
    """Return `PROCTOR_CACHE`, or `proctor` in the user's cache folder."""
    named = os.environ.get("PROCTOR_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "proctor"


def _jsonl(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_source(name: str, folder: Path) -> Path:
    """Write one source as `<name>.jsonl` into `folder` and return the file.

    Raises:
        UsageError: the small world has no such source.
    """
    if name not in SOURCES:
        raise UsageError(f"the small world has no source {name!r}: it has {', '.join(SOURCES)}")
    return _keep(folder / f"{name}.jsonl", _jsonl(source_rows(name)))


def write_exams(folder: Path) -> Path:
    """Write all exams as `<kind>-<family>.jsonl` into `folder` and return it."""
    for family, kinds in KINDS.items():
        for kind in kinds:
            _keep(folder / f"{kind}-{family}.jsonl", _jsonl(exam_instances(kind, family)))
    return folder


def _keep(path: Path, text: str) -> Path:
    """Write the file unless it holds this text already: the code that makes it may be newer."""
    if not path.is_file() or path.read_bytes() != text.encode():
        write_atomically(path, text)
    return path


def world_base(progress: Callable[[int, int, float], None], settings: BaseSettings) -> Path:
    """Return the folder of the base model, trained now if it never was on this machine.

    `progress` gets (step, steps, loss).
    """
    identity = digest_json(base_identity(settings))[:16]
    folder = cache_folder() / "world" / identity
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder_atomically(folder) as unfinished:
            train_base(unfinished, settings, progress)
    return folder
