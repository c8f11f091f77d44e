"""Reads the documents of a task from local files, and digests them.

Knows JSONL, JSON, CSV, Parquet and gzipped JSONL. Nothing here downloads; `evals.tasks` asks the
hub where a file is missing and the task names a hub data set.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsIndex, overload

from proctor.digest import canonical_json
from proctor.errors import ProctorError
from proctor.files import read_json, read_jsonl

_MAX_FIELD = 16 << 20


class Documents(Sequence[dict[str, Any]]):
    """A list of documents with the little of `datasets.Dataset` that task files use.

    Kept as plain values: Arrow would give every document the union of all nested keys.
    """

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows = list(rows)

    @property
    def features(self) -> dict[str, None]:
        """The column names, as the keys of a mapping."""
        return dict.fromkeys(self._rows[0]) if self._rows else {}

    def map(self, function: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Documents:
        """Return every document updated with what the function returns for it."""
        return Documents({**row, **function(row)} for row in self._rows)

    def filter(self, function: Callable[[dict[str, Any]], bool]) -> Documents:
        """Return the documents for which the function holds."""
        return Documents(row for row in self._rows if function(row))

    def select(self, positions: Iterable[int]) -> Documents:
        """Return the documents at the positions, in that order."""
        return Documents(self._rows[position] for position in positions)

    @overload
    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)


def read_documents(path: Path) -> Documents:
    """Read every document of a file, by its ending.

    Raises:
        ProctorError: the file is missing, broken, empty or of a kind that is not known.
    """
    name = path.name.removesuffix(".gz")
    kind = name.rsplit(".", 1)[-1].lower()
    readers: dict[str, Callable[[Path], Iterable[dict[str, Any]]]] = {
        "jsonl": _read_jsonl,
        "json": _read_json,
        "csv": _read_csv,
        "parquet": _read_parquet,
    }
    if kind not in readers:
        raise ProctorError(f"{path} is not a .jsonl, .json, .csv or .parquet file: convert it")
    rows = Documents(readers[kind](path))
    if not len(rows):
        raise ProctorError(f"{path} holds no documents: an exam needs at least one")
    return rows


def _read_jsonl(path: Path) -> Iterable[dict[str, Any]]:
    if path.suffix != ".gz":
        return [row for _, row in read_jsonl(path)]
    rows = []
    try:
        with gzip.open(path, "rb") as handle:
            for number, line in enumerate(handle, 1):
                if line.strip():
                    rows.append(_object(path, number, json.loads(line)))
    except (OSError, EOFError, ValueError) as error:
        raise ProctorError(f"{path} cannot be read as gzipped JSONL ({error})") from error
    return rows


def _read_json(path: Path) -> Iterable[dict[str, Any]]:
    value = read_json(path)
    if isinstance(value, Mapping):
        lists = [v for v in value.values() if isinstance(v, list)]
        value = lists[0] if len(lists) == 1 else None
    if not isinstance(value, list):
        raise ProctorError(f"{path} should hold one list of objects")
    return [_object(path, number, row) for number, row in enumerate(value, 1)]


def _object(path: Path, number: int, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ProctorError(f"{path}, document {number}: expected an object like {{...}}")
    return row


def _read_csv(path: Path) -> Iterable[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ProctorError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProctorError(f"{path} cannot be read as UTF-8 CSV ({error})") from error
    csv.field_size_limit(_MAX_FIELD)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise ProctorError(f"{path} is not valid CSV ({error})") from error
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise ProctorError(f"{path}, row {number}: not as many cells as the header has names")
    return rows


def _read_parquet(path: Path) -> Iterable[dict[str, Any]]:
    import pyarrow.parquet as pq

    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise ProctorError(f"{path} cannot be read as Parquet ({error})") from error
    return rows


def digest_documents(documents: Iterable[Mapping[str, Any]]) -> str:
    """Return the SHA-256 over the documents' canonical JSON, one a line, in order.

    Values that JSON lacks (dates, bytes, NaN) count as their text.
    """
    running = hashlib.sha256()
    for document in documents:
        running.update(document_bytes(document))
        running.update(b"\n")
    return running.hexdigest()


def document_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document's canonical JSON, with what JSON lacks as its text."""
    try:
        return canonical_json(document)
    except (TypeError, ValueError):
        return canonical_json(json.loads(json.dumps(document, default=str), parse_constant=str))
