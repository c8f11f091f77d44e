"""Ids that are safe as file names, and paths that stay inside their folder."""

from __future__ import annotations

import re
from pathlib import Path

from proctor.errors import UsageError

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_id(value: str, what: str) -> str:
    """Return `value` if it matches `[a-z0-9][a-z0-9._-]{0,63}` and holds no `..`.

    Raises:
        UsageError: it does not; `what` names the thing in the message.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value) or ".." in value:
        raise UsageError(
            f"{what} {value!r} is not a valid id: use 1 to 64 of a-z, 0-9, '.', '_' and '-', "
            "starting with a letter or digit, without '..'"
        )
    return value


def inside(root: Path, *parts: str) -> Path:
    """Return `root/parts...` if it resolves to a place inside `root`, symlinks followed.

    Raises:
        UsageError: the path leaves `root`.
    """
    path = root.joinpath(*parts)
    if not path.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{path} leads outside {root}: give a path inside it")
    return path
