"""Files that survive a crash: written under a temporary name, fsynced, renamed.

Reading is bounded and line by line on `\n` only (U+2028 may stand inside a JSON string).
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proctor.errors import ProctorError

MAX_LINE_BYTES = 64 << 20


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp")


def fsync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explain_full_disk(path: Path) -> Iterator[None]:
    """Turn a full disk into one sentence; other errors pass unchanged.

    Raises:
        ProctorError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ProctorError(
            f"the disk is full: {path} could not be written; free some space and run the "
            "same command again, what is finished is kept"
        ) from error


@contextmanager
def explain_os_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a refused write into one sentence.

    Raises:
        ProctorError: in place of the OSError.
    """
    try:
        with explain_full_disk(path):
            yield
    except OSError as error:
        raise ProctorError(
            f"{path} could not be written ({error.strerror or error}); mend that and run the "
            "same command again"
        ) from error


def write_atomically(path: Path, data: bytes | str) -> Path:
    """Write a whole file so that a reader sees the old content or the new, never a part.

    Raises:
        ProctorError: the disk is full or refuses the write.
    """
    temporary = _temporary(path)
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as handle:
                handle.write(data.encode() if isinstance(data, str) else data)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        fsync_folder(path.parent)
    return path


@contextmanager
def folder_atomically(path: Path) -> Iterator[Path]:
    """Fill a temporary sibling folder; on success it is renamed to `path` as a whole.

    If another process finished the same folder first, its content stands and ours is dropped
    (ids are content digests, so the two are the same).

    Raises:
        ProctorError: the disk is full or refuses the write.
    """
    temporary = _temporary(path)
    with explain_os_errors(path):
        temporary.mkdir(parents=True)
    try:
        with explain_full_disk(path):
            yield temporary
        with explain_os_errors(path):
            _publish_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish_folder(temporary: Path, path: Path) -> None:
    for file in temporary.rglob("*"):
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
    try:
        os.rename(temporary, path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    fsync_folder(path.parent)


def read_json(path: Path) -> Any:
    """Read one JSON document.

    Raises:
        ProctorError: the file is missing or is not JSON; the message names it.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ProctorError(f"{path} does not exist") from None
    except (ValueError, RecursionError) as error:
        raise ProctorError(f"{path} is not valid JSON ({error})") from error


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for every non-blank line of a JSONL file.

    Raises:
        ProctorError: the file is missing, or a line is too long, not UTF-8, not JSON or not
            an object; the message names the file and the line.
    """
    try:
        handle = path.open("rb")
    except OSError as error:
        raise ProctorError(f"{path} cannot be read ({error.strerror})") from error
    with handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            if len(line) > MAX_LINE_BYTES:
                raise ProctorError(f"{path}, line {number}: over {MAX_LINE_BYTES >> 20} MiB long")
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ProctorError(f"{path}, line {number}: not valid JSON ({error})") from error
            if not isinstance(row, dict):
                raise ProctorError(f"{path}, line {number}: expected an object like {{...}}")
            yield number, row
