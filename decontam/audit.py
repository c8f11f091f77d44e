"""Exams against exams: instances that two tasks share, and twins inside one task.

A gain on a dev exam that shares instances with the unseen one says nothing about the unseen one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson

from decontam.exams import Exam
from decontam.rules import RULES, Rule
from decontam.scan import scan

if TYPE_CHECKING:
    import pyarrow as pa


class Overlap(NamedTuple):
    """How many instances of `task` are found among those of `other` (the same: twins inside)."""

    task: str
    other: str
    instances: int
    matched: int


class Audit(NamedTuple):
    """Overlaps, and the matches behind them with `source` naming the other task."""

    overlaps: tuple[Overlap, ...]
    matches: pa.Table


def audit(exams: Sequence[Exam], rule: Rule = RULES["proctor"]) -> Audit:
    """Return what the exams share with each other.

    Raises:
        ProctorError: an exam is empty or two share a name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    with tempfile.TemporaryDirectory(prefix="proctor-audit-") as folder:
        files = {}
        for number, exam in enumerate(exams):
            path = Path(folder) / f"{number}.jsonl"
            rows = [{"question": i.text or " "} for i in exam.instances]
            path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows) + b"\n")
            files[exam.task] = path
        found = scan(files, exams, rule, workers=1, fields=["question"], rivals=False).matches
    same = pc.and_(
        pc.equal(found["source"], found["task"]), pc.equal(found["document"], found["instance"])
    )
    # An answer found in another instance's question is no twin of it.
    own = pc.or_(same, pc.equal(found["part"], "answer"))
    matches = found.filter(pc.invert(own)) if len(found) else found
    overlaps = []
    for exam in exams:
        of_task = matches.filter(pc.equal(matches["task"], exam.task))
        for other in exams:
            held = of_task.filter(pc.equal(of_task["source"], other.task))["instance"]
            count = len(pc.unique(held)) if isinstance(held, pa.ChunkedArray) else 0
            overlaps.append(Overlap(exam.task, other.task, len(exam.instances), count))
    return Audit(tuple(overlaps), matches)
