"""Ledgers tampered with in one place: is it found, and is the right record named?"""

from __future__ import annotations

import json
import random
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.gate.tables import Row
from harness.ledger import Head, Ledger
from proctor.digest import canonical_json, digest_bytes

RECORDS = 30
Tamper = Callable[[list[bytes], int, random.Random], list[bytes]]


def flip(lines: list[bytes], at: int, rng: random.Random) -> list[bytes]:
    """Flip one bit of one byte of the record (its line break excepted)."""
    data = bytearray(lines[at])
    data[rng.randrange(len(data) - 1)] ^= 1 << rng.randrange(8)
    return [*lines[:at], bytes(data), *lines[at + 1 :]]


def delete(lines: list[bytes], at: int, rng: random.Random) -> list[bytes]:
    """Remove the record."""
    return lines[:at] + lines[at + 1 :]


def swap(lines: list[bytes], at: int, rng: random.Random) -> list[bytes]:
    """Exchange the record with the next, or the last with the one before it."""
    first = min(at, len(lines) - 2)
    return [*lines[:first], lines[first + 1], lines[first], *lines[first + 2 :]]


def truncate(lines: list[bytes], at: int, rng: random.Random) -> list[bytes]:
    """Cut the file before the record."""
    return lines[:at]


def reseal(lines: list[bytes], at: int, rng: random.Random) -> list[bytes]:
    """Change the record and give it a fitting hash, leaving those after it as they are."""
    return _rewrite(lines, at, at + 1)


def rewrite_tail(lines: list[bytes], at: int, rng: random.Random) -> list[bytes]:
    """Change the record and rehash it and all after it: a chain without a fault."""
    return _rewrite(lines, at, len(lines))


def _rewrite(lines: list[bytes], start: int, end: int) -> list[bytes]:
    changed = list(lines)
    previous: str | None = None
    for i in range(start, end):
        fields = json.loads(changed[i])
        if i == start:
            fields["body"]["passed"] = not fields["body"]["passed"]
        if previous is not None:
            fields["prev"] = previous
        content = {k: v for k, v in fields.items() if k not in ("hash", "mac")}
        previous = fields["hash"] = digest_bytes(canonical_json(content))
        changed[i] = canonical_json(fields) + b"\n"
    return changed


def rows(repeats: int) -> list[Row]:
    """Return a row for each kind of tampering."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound" / "ledger.jsonl"
        ledger = Ledger(path)
        for number in range(RECORDS):
            ledger.append("verdict", {"passed": number % 2 == 0, "candidate": str(number)})
        head = ledger.head()
        plain: list[tuple[str, Tamper]] = [
            ("one bit flipped", flip),
            ("one record deleted", delete),
            ("two records swapped", swap),
            ("cut short", truncate),
            ("one record rewritten with a fitting hash", reseal),
        ]
        found = [_measure(path, name, how, repeats, None) for name, how in plain]
        name = "a record and all after it rewritten, against the published head"
        return [*found, _measure(path, name, rewrite_tail, repeats, head)]


def _measure(path: Path, name: str, how: Tamper, repeats: int, head: Head | None) -> Row:
    rng = random.Random(name)
    lines = path.read_bytes().splitlines(keepends=True)
    caught = named = 0
    for turn in range(repeats):
        at = rng.randrange(RECORDS)
        copy = path.parent.parent / f"{turn}" / "ledger.jsonl"
        copy.parent.mkdir()
        copy.write_bytes(b"".join(how(lines, at, rng)))
        if head is None:
            shutil.copy(path.with_name("ledger.jsonl.head"), copy.with_name("ledger.jsonl.head"))
        problems = Ledger(copy).verify(head).problems
        caught += bool(problems)
        named += bool(problems) and _names(problems[0], at, how)
        shutil.rmtree(copy.parent)
    # Of a rewritten tail nothing in the file is wrong: what is named is the published record.
    met = caught == named == repeats
    return Row(name, f"found {caught}, record named {named} of {repeats}", "all", met)


def _names(problem: str, at: int, how: Tamper) -> bool:
    numbers = {int(n) for n in re.findall(r"record (\d+)", problem)}
    expected = {at + 1}
    if how is swap:
        expected = {min(at, RECORDS - 2) + 1}
    if how is reseal and at + 1 < RECORDS:
        # The rewritten record fits itself; the break shows where the next one points back.
        expected = {at + 1, at + 2}
    if how is rewrite_tail:
        expected = {RECORDS}
    return bool(numbers & expected)
