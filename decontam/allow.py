"""Matches a person has looked at and let pass, each with a reason, kept in a file of the user's.

- {task: gsm8k, instance: "602", reason: "a stock phrase, not the item"}
- {task: gsm8k, instance: "632", source: "data/*.jsonl", document: 20, reason: "..."}
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proctor.digest import digest_json
from proctor.errors import ProctorError, UsageError

_MOST_BYTES = 16 << 20


class Allowed(BaseModel):
    """One reviewed match: an instance, everywhere or in one source, or in one document of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    task: str
    instance: str
    reason: str = Field(min_length=3)
    source: str | None = None
    document: int | None = None

    def covers(self, source: str, document: int | None, task: str, instance: str) -> bool:
        """Say whether a match is the reviewed one; `source` may be a glob."""
        return (
            task == self.task
            and instance == self.instance
            and (self.source is None or fnmatch.fnmatchcase(source, self.source))
            and (self.document is None or document == self.document)
        )


class AllowList:
    """Reviewed matches, looked up by task and instance id."""

    def __init__(self, entries: Sequence[Allowed] = ()) -> None:
        self._entries: dict[tuple[str, str], list[Allowed]] = {}
        for entry in entries:
            self._entries.setdefault((entry.task, entry.instance), []).append(entry)
        self.digest = digest_json([entry.model_dump() for entry in entries])

    def __bool__(self) -> bool:
        return bool(self._entries)

    def covers(self, source: str, document: int | None, task: str, instance: str) -> bool:
        """Say whether a match was reviewed; `document` None asks for the source as a whole."""
        held = self._entries.get((task, instance), ())
        return any(entry.covers(source, document, task, instance) for entry in held)


def load_allow_list(path: Path) -> AllowList:
    """Read an allow-list.

    Raises:
        ProctorError: the file cannot be read.
        UsageError: an entry has a mistake, such as no reason.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ProctorError(f"{path} is over 16 MiB: not an allow-list")
        held: Any = yaml.safe_load(path.read_bytes()) or []
    except OSError as error:
        raise ProctorError(f"{path} cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise UsageError(f"{path} is not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(held, list):
        raise UsageError(f"{path} should hold a list of {{task, instance, reason}}")
    entries = []
    for number, one in enumerate(held, 1):
        try:
            entries.append(Allowed.model_validate(one))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "entry"
            raise UsageError(f"{path}, entry {number}, {key}: {first['msg']}") from error
    return AllowList(entries)
