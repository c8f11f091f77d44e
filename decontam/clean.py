"""Cleaned copies of sources: what a scan found taken out, everything else as it was.

Copies are JSON lines, whatever the source was; lines that could not be read are left out, and are
named in the scan's record. The sources themselves are never touched.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from decontam.documents import NoText, named_turns, rewritten, turns_of
from decontam.sources import Blocks, block_lines, expand
from proctor.files import explain_os_errors

if TYPE_CHECKING:
    import pyarrow as pa

Mode = Literal["drop-document", "drop-turn", "mask"]
MASK = "[removed: exam text]"
Spans = dict[int, list[tuple[int, int]]]


class Cleaned(NamedTuple):
    """A cleaned copy: documents as they were, changed, dropped, and lines that were not read."""

    path: Path
    kept: int
    changed: int
    dropped: int
    unread: int


def clean(
    name: str,
    paths: str | Path | Sequence[str | Path],
    matches: pa.Table,
    mode: Mode,
    folder: Path,
    fields: Sequence[str] | None = None,
) -> Cleaned:
    """Write a copy of one source without the matched documents, turns or stretches.

    Args:
        name: the source's name in `matches`, and the copy's file name with `.jsonl`.
        paths: what was scanned under that name.
        matches: a scan's matches; other sources' rows are passed over.
        mode: drop the document, drop the turn, or put MASK in place of the stretch.
        folder: where the copy is written, whole or not at all.
        fields: as given to the scan.

    Raises:
        ProctorError: a source cannot be read or the copy not written.
    """
    found = _spans(name, matches)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{_file_name(name)}.jsonl"
    temporary = target.with_name(f".{target.name}.tmp")
    kept = changed = dropped = unread = 0
    with explain_os_errors(target), temporary.open("wb") as out:
        for number, line in _lines(paths):
            row = _row(line, fields)
            if row is None:
                unread += 1 if line is None or line.strip() else 0
                continue
            if number not in found:
                out.write((line or b"") + b"\n")
                kept += 1
                continue
            new = None if mode == "drop-document" else _changed(row, found[number], mode, fields)
            if new is None:
                dropped += 1
                continue
            out.write(orjson.dumps(new) + b"\n")
            changed += 1
        out.flush()
    temporary.replace(target)
    return Cleaned(target, kept, changed, dropped, unread)


def _file_name(name: str) -> str:
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in name).strip("._")
    return plain.removesuffix(".jsonl")[-100:] or "source"


def _spans(name: str, matches: pa.Table) -> dict[int, Spans]:
    import pyarrow.compute as pc

    found: dict[int, Spans] = defaultdict(lambda: defaultdict(list))
    own = matches.filter(pc.equal(matches["source"], name))
    for row in own.select(["document", "turn", "start", "end"]).to_pylist():
        found[row["document"]][row["turn"]].append((row["start"], row["end"]))
    return found


def _lines(paths: str | Path | Sequence[str | Path]) -> Iterator[tuple[int, bytes | None]]:
    first = 0
    for path in expand(paths):
        for block in Blocks(path):
            number = -1
            for number, line in block_lines(block):
                yield first + number, line
            first += number + 1


def _row(line: bytes | None, fields: Sequence[str] | None) -> Any:
    """Return the row of a line that the scan read, or None."""
    if line is None:
        return None
    read: Callable[[Any], Any] = named_turns(fields) if fields else turns_of
    try:
        try:
            row = orjson.loads(line)
        except ValueError:
            row = json.loads(line.decode())
        read(row)
    except (ValueError, RecursionError, NoText):
        return None
    return row


def _changed(row: Any, spans: Spans, mode: Mode, fields: Sequence[str] | None) -> Any:
    """Return the row without what was found, or None where no text is left."""

    def change(turn: int, role: str, text: str) -> str | None:
        del role
        if turn not in spans:
            return text
        return _masked(text, spans[turn]) if mode == "mask" else None

    new = rewritten(row, change, fields)
    read = named_turns(fields) if fields else turns_of
    try:
        read(new)
    except NoText:
        return None
    return new


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    out, place = [], 0
    for start, end in sorted(spans):
        if end <= place:
            continue
        if start >= place:
            out += [text[place:start], MASK]
        place = end
    return "".join([*out, text[place:]])
