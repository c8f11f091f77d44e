"""Merging checkpoints of one architecture: soups, spherical interpolation, WARP.

Tensors are read one at a time from safetensors, merged in float64 and written in the first
checkpoint's dtype, so memory holds one file of the result and never a model. The result is a
checkpoint like any other, in a folder of its own; config and tokenizer are the first one's.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from proctor.digest import canonical_json, digest_json
from proctor.errors import ProctorError, UsageError
from proctor.files import explain_os_errors, read_json, write_atomically
from train.checkpoint import check_folder, checkpoint_digest, weights_digest
from train.course import SEAL, StageResult, read_result

if TYPE_CHECKING:
    from torch import Tensor

Combine = Callable[[Sequence["Tensor"]], "Tensor"]
_PARALLEL = 1e-9


class MergeSettings(BaseModel):
    """How checkpoints are merged.

    `linear` averages them with `weights` (equal if not given), as Llama 3.1 averages over data
    and hyper-parameters (arXiv 2407.21783, section 4.1.5). `slerp` interpolates on the sphere
    between two, at `at`. `warp` takes the first as the start: the others' differences from it
    are interpolated on the sphere and the result is pulled back to the start, `eta` being the
    share kept (arXiv 2406.16768, sections 3.2 and 3.3; its moving anchor is TRL's
    `sync_ref_model` in the rlvr stage).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["linear", "slerp", "warp"] = "linear"
    weights: list[float] | None = None
    at: Annotated[float, Field(ge=0, le=1)] = 0.5
    eta: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> MergeSettings:
        if self.method == "warp" and self.eta is None:
            raise ValueError("'warp' needs 'eta', the share of the merged difference to keep")
        if self.weights is not None and self.method != "linear":
            raise ValueError("'weights' belong to the method 'linear'")
        return self


def merge(folders: Sequence[Path], settings: MergeSettings, out: Path) -> StageResult:
    """Merge checkpoints into `out`.

    Args:
        folders: the checkpoints; for `warp` the start and then the policies trained from it.
        settings: see `MergeSettings`.
        out: the folder of the merged checkpoint; a finished one is returned as it is.

    Raises:
        ProctorError: a folder is no checkpoint, or its tensors differ in name or shape.
        UsageError: the number of checkpoints or weights does not fit the method, or `out` holds
            something else.
    """
    for folder in folders:
        check_folder(folder)
    combine = combination(settings, len(folders))
    identity = {
        "stage": "merge",
        "base": checkpoint_digest(folders[0]),
        "merged": [checkpoint_digest(folder) for folder in folders],
        "settings": settings.model_dump(mode="json"),
    }
    seal = out / SEAL
    if seal.is_file():
        if read_json(seal)["id"] != digest_json(identity):
            raise UsageError(f"{out} holds something else: give another folder or remove it")
        return read_result(out)
    started = time.monotonic()
    with explain_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        for file in sorted(folders[0].iterdir()):
            if file.is_file() and file.name != SEAL and file.suffix != ".safetensors":
                shutil.copyfile(file, out / file.name)
        _merge_files(folders, combine, out)
    record = {
        "id": digest_json(identity),
        **identity,
        "weights": weights_digest(out),
        "choices": [],
        "log": [],
        "tokens": 0,
        "seconds": round(time.monotonic() - started, 3),
    }
    write_atomically(seal, canonical_json(record))
    return read_result(out)


def combination(settings: MergeSettings, count: int) -> Combine:
    """Return the function that merges one tensor of every checkpoint, in float64.

    Raises:
        UsageError: the number of checkpoints or weights does not fit the method.
    """
    if settings.method == "linear":
        weights = settings.weights or [1 / count] * count
        if len(weights) != count or abs(sum(weights) - 1) > 1e-6:
            raise UsageError(
                f"a soup of {count} checkpoints needs {count} weights that add up to 1, not "
                f"{weights}"
            )
        return lambda tensors: linear(tensors, weights)
    if settings.method == "slerp":
        if count != 2:
            raise UsageError(f"'slerp' merges 2 checkpoints, not {count}")
        return lambda tensors: slerp(tensors[0], tensors[1], settings.at)
    if count < 3:
        raise UsageError(f"'warp' needs a start and at least 2 policies, not {count} checkpoints")
    eta = settings.eta if settings.eta is not None else 1.0
    return lambda tensors: warp(tensors[0], tensors[1:], eta)


def linear(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the weighted sum of tensors."""
    total = weights[0] * tensors[0]
    for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
        total = total + weight * tensor
    return total


def slerp(first: Tensor, second: Tensor, at: float) -> Tensor:
    """Interpolate on the sphere: sin((1-at)w)/sin(w) first + sin(at w)/sin(w) second.

    w is the angle between the two as vectors. Where they are parallel, opposite or zero there is
    no arc to follow, and the straight line is taken.
    """
    import torch

    norms = first.norm() * second.norm()
    cosine = (first * second).sum() / norms if norms > 0 else torch.ones((), dtype=first.dtype)
    if 1 - cosine.abs() < _PARALLEL:
        return (1 - at) * first + at * second
    angle = torch.arccos(cosine)
    return (torch.sin((1 - at) * angle) * first + torch.sin(at * angle) * second) / torch.sin(angle)


def warp(start: Tensor, policies: Sequence[Tensor], eta: float) -> Tensor:
    """Merge policies trained from `start`: SLERP of their differences, then a step back.

    More than two are merged one after the other, the m-th at 1/m, so that each has the same
    share; `eta` 1 keeps the merged difference whole and 0 returns the start.
    """
    merged = policies[0] - start
    for place, policy in enumerate(policies[1:], 2):
        merged = slerp(merged, policy - start, 1 / place)
    return start + eta * merged


def _merge_files(folders: Sequence[Path], combine: Combine, out: Path) -> None:
    """Merge tensor by tensor, in files of the same names as the first checkpoint's."""
    from contextlib import ExitStack

    from safetensors import safe_open
    from safetensors.torch import save_file

    with ExitStack() as stack:
        opened: list[dict[str, Any]] = []
        for folder in folders:
            files = [
                stack.enter_context(safe_open(file, framework="pt"))
                for file in sorted(folder.glob("*.safetensors"))
            ]
            opened.append({name: file for file in files for name in file.keys()})  # noqa: SIM118
        for folder, names in zip(folders[1:], opened[1:], strict=True):
            different = sorted(set(opened[0]) ^ set(names))
            if different:
                raise ProctorError(
                    f"{folder} cannot be merged with {folders[0]}: only one of the two has the "
                    f"tensor {different[0]!r}"
                )
        for file in sorted(folders[0].glob("*.safetensors")):
            merged: dict[str, Tensor] = {}
            with safe_open(file, framework="pt") as names:
                metadata = names.metadata()
                for name in names.keys():  # noqa: SIM118
                    tensors = [source[name].get_tensor(name) for source in opened]
                    merged[name] = _merge_tensors(name, tensors, combine, folders)
            save_file(merged, out / file.name, metadata=metadata or {"format": "pt"})
            del merged


def _merge_tensors(
    name: str, tensors: Sequence[Tensor], combine: Combine, folders: Sequence[Path]
) -> Tensor:
    for folder, tensor in zip(folders, tensors, strict=True):
        if tensor.shape != tensors[0].shape:
            raise ProctorError(
                f"{folder} cannot be merged with {folders[0]}: {name!r} has the shape "
                f"{tuple(tensor.shape)} in one and {tuple(tensors[0].shape)} in the other"
            )
    if not tensors[0].is_floating_point():
        return tensors[0]
    result = combine([tensor.double() for tensor in tensors])
    return result.to(tensors[0].dtype).contiguous()
