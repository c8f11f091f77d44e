"""The workspace: where the record lives and how finished work is found again.

A finished piece of work is an immutable folder or file named by the digest of everything that
determines it. Reading across the record is `harness.query`'s job, not this file's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proctor.digest import digest_json
from proctor.files import read_json, write_atomically
from proctor.ids import inside

FORMAT = 1


def work_id(kind: str, determinants: dict[str, Any]) -> str:
    """Return the id of a piece of work: 16 hex digits of the digest of what determines it."""
    return digest_json({"format": FORMAT, "kind": kind, **determinants})[:16]


@dataclass(frozen=True)
class Workspace:
    """A folder such as `.proctor` and the places inside it."""

    root: Path

    @classmethod
    def open(cls, root: Path) -> Workspace:
        """Create the folder where it is missing and return the workspace."""
        root.mkdir(parents=True, exist_ok=True)
        return cls(root.resolve())

    @property
    def checkpoints(self) -> Path:
        """`checkpoints/<digest>/`: model folders."""
        return self.root / "checkpoints"

    @property
    def examinations(self) -> Path:
        """`examinations/<id>/`: manifest.json and samples-*.parquet."""
        return self.root / "examinations"

    @property
    def responses(self) -> Path:
        """`responses/`: append-only shards of the response cache."""
        return self.root / "responses"

    @property
    def scans(self) -> Path:
        """`scans/<id>/`: manifest.json, matches.parquet, cleaned sources."""
        return self.root / "scans"

    @property
    def ledger(self) -> Path:
        """`ledger.jsonl`."""
        return self.root / "ledger.jsonl"

    def checkpoint(self, digest: str) -> Path:
        """Return the folder of a checkpoint."""
        return inside(self.checkpoints, digest)

    def examination(self, identity: str) -> Path:
        """Return the folder of an examination."""
        return inside(self.examinations, identity)

    def scratch(self, kind: str, identity: str) -> Path:
        """Return a folder for unfinished work (`work/<kind>/<id>`); safe to delete when idle."""
        folder = inside(self.root, "work", kind, identity)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def find_note(self, kind: str, identity: str) -> dict[str, Any] | None:
        """Return what was noted about a finished piece of work, or None if it isn't finished."""
        path = inside(self.root, kind, f"{identity}.json")
        if not path.exists():
            return None
        note: dict[str, Any] = read_json(path)
        return note

    def write_note(self, kind: str, identity: str, note: dict[str, Any]) -> dict[str, Any]:
        """Note that a piece of work is finished; `note` is JSON."""
        path = inside(self.root, kind, f"{identity}.json")
        write_atomically(path, json.dumps(note, indent=1, sort_keys=True))
        return note

    def notes(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (id, note) for all finished work of a kind, in id order."""
        for path in sorted((self.root / kind).glob("*.json")):
            yield path.stem, read_json(path)
