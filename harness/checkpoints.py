"""Checkpoints in the workspace: what belongs to one, its digest, and whether it still holds.

A checkpoint is safetensors weights, config, tokenizer and chat template; its digest covers the
content of all of these and nothing else. Files that can run code when loaded are refused. Not
for loading or training models.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proctor.digest import digest_file, digest_json
from proctor.errors import ProctorError
from proctor.files import folder_atomically, read_json

MANIFEST = "manifest.json"
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"}
# Files that change what a checkpoint answers; all else (README, trainer state) is left behind.
CONTENT = {
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "model.safetensors.index.json",
}
_CODED = ("config.json", "tokenizer_config.json", "generation_config.json")
_HEADER_LIMIT = 100 << 20


def describe_checkpoint(folder: Path, *, allow_code: bool = False) -> dict[str, str]:
    """Return {file name: sha256} of what makes up the checkpoint in `folder`.

    Raises:
        ProctorError: weights, config or tokenizer are missing, a file could run code on loading
            (a pickle, or `auto_map` without `allow_code`), or a link stands in the folder.
    """
    if not folder.is_dir():
        raise ProctorError(f"{folder} is not a checkpoint folder: give a folder with config.json")
    files = sorted(p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())
    _refuse_unsafe(folder, files)
    code = _remote_code(folder)
    if code and not allow_code:
        raise ProctorError(
            f"{folder / code} asks for its own code to be run (auto_map): read that code, and "
            "allow it by name if you trust it"
        )
    content = [p for p in files if _belongs(p.relative_to(folder), bool(code))]
    names = [str(p.relative_to(folder)) for p in content]
    _require_parts(folder, names)
    for path in content:
        if path.suffix == ".safetensors":
            _check_header(path)
    return {name: digest_file(path) for name, path in zip(names, content, strict=True)}


def register_checkpoint(
    folder: Path,
    workspace: Path,
    *,
    about: Mapping[str, Any] | None = None,
    allow_code: bool = False,
) -> str:
    """Copy a checkpoint into `<workspace>/checkpoints/<digest>/` and return its digest.

    `about` is kept in the manifest beside `digest` and `files` (name, sources, families...); a
    checkpoint already there is left as it is.

    Raises:
        ProctorError: see `describe_checkpoint`; or a file changed while it was copied.
    """
    files = describe_checkpoint(folder, allow_code=allow_code)
    digest = digest_json(files)
    place = workspace / "checkpoints" / digest
    if (place / MANIFEST).exists():
        return digest
    with folder_atomically(place) as fresh:
        for name, expected in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, fresh / name)
            if digest_file(fresh / name) != expected:
                raise ProctorError(
                    f"{folder / name} changed while it was copied: wait until training has "
                    "finished writing and try again"
                )
        manifest = {**(about or {}), "digest": digest, "files": files}
        (fresh / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True))
    return digest


def verify_checkpoint(workspace: Path, digest: str) -> dict[str, Any]:
    """Read every byte of a stored checkpoint again and return its manifest.

    Raises:
        ProctorError: it is absent, or a file is missing, changed, added or a link.
    """
    place = workspace / "checkpoints" / digest
    if not (place / MANIFEST).exists():
        raise ProctorError(f"checkpoint {digest[:16]} is not in {workspace}: register it first")
    manifest: dict[str, Any] = read_json(place / MANIFEST)
    files: dict[str, str] = manifest.get("files", {})
    if digest_json(files) != digest or manifest.get("digest") != digest:
        raise ProctorError(f"{place / MANIFEST} was changed: its file list does not fit {digest}")
    present = {str(p.relative_to(place)) for p in place.rglob("*") if not p.is_dir()}
    for name in sorted(files):
        path = place / name
        if path.is_symlink() or not path.is_file():
            raise ProctorError(f"{path} is missing: restore checkpoint {digest[:16]} from a copy")
        if digest_file(path) != files[name]:
            raise ProctorError(
                f"{path} was changed since it was registered: restore checkpoint {digest[:16]} "
                "from a copy"
            )
    for name in sorted(present - set(files) - {MANIFEST}):
        raise ProctorError(f"{place / name} does not belong to checkpoint {digest[:16]}: remove it")
    return manifest


def find_checkpoint(workspace: Path, name: str) -> str:
    """Return the digest that `name` (a digest, or a prefix of one) stands for.

    Raises:
        ProctorError: none or several fit.
    """
    root = workspace / "checkpoints"
    known = sorted(p.name for p in root.iterdir()) if root.is_dir() else []
    found = [d for d in known if len(name) >= 4 and d.startswith(name) and len(d) == 64]
    if len(found) != 1:
        what = "no checkpoint" if not found else f"{len(found)} checkpoints"
        raise ProctorError(f"{what} in {root} begin with {name!r}: give more of the digest")
    return found[0]


def _refuse_unsafe(folder: Path, files: list[Path]) -> None:
    for link in (p for p in folder.rglob("*") if p.is_symlink()):
        raise ProctorError(f"{link} is a symbolic link: copy the real file into the folder")
    for path in files:
        if path.suffix.lower() in PICKLES:
            raise ProctorError(
                f"{path} may run code when loaded: save the weights as safetensors and delete it"
            )
        if not path.is_file():
            raise ProctorError(f"{path} is not a plain file: delete it")


def _remote_code(folder: Path) -> str | None:
    for name in _CODED:
        if (folder / name).exists():
            document = read_json(folder / name)
            if isinstance(document, dict) and "auto_map" in document:
                return name
    return None


def _belongs(name: Path, code: bool) -> bool:
    if name.parts[0].startswith("."):
        return False
    if len(name.parts) == 1:
        return (
            name.name in CONTENT or name.suffix == ".safetensors" or (code and name.suffix == ".py")
        )
    return name.parts[0] == "additional_chat_templates" and name.suffix == ".jinja"


def _require_parts(folder: Path, names: list[str]) -> None:
    if "config.json" not in names:
        raise ProctorError(f"{folder} has no config.json: it is not a checkpoint")
    if not any(name.endswith(".safetensors") for name in names):
        raise ProctorError(f"{folder} has no *.safetensors weights: save the model as safetensors")
    whole = {"tokenizer.json"} & {*names} or {"tokenizer.model"} & {*names}
    pieces = {"vocab.json", "merges.txt"} <= {*names} or "vocab.txt" in names
    if not whole and not pieces:
        raise ProctorError(f"{folder} has no tokenizer: save the tokenizer beside the weights")
    index = "model.safetensors.index.json"
    if index in names:
        shards = set(read_json(folder / index).get("weight_map", {}).values())
        for shard in sorted(shards - {*names}):
            raise ProctorError(f"{folder / shard} is missing, though {index} names it")


def _check_header(path: Path) -> None:
    """Refuse a safetensors file whose header does not fit its size (truncated, forged)."""
    size = os.path.getsize(path)
    with path.open("rb") as handle:
        start = handle.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(_HEADER_LIMIT, size - 8):
            raise ProctorError(f"{path} is cut short or not safetensors: save the weights again")
        try:
            header = json.loads(handle.read(length))
            ends = [t["data_offsets"][1] for k, t in header.items() if k != "__metadata__"]
        except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
            raise ProctorError(f"{path} has a damaged header: save the weights again") from error
    if not ends or max(ends) != size - 8 - length:
        raise ProctorError(f"{path} is cut short or padded: save the weights again")
