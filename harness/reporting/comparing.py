"""Two examinations held against each other: differences by task, and the instances that changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.gate.evidence import TaskEvidence
from harness.gate.statistics import Estimate, PairedBinary, mcnemar
from harness.reporting.archive import Archive, Sat
from harness.reporting.people import People
from harness.reporting.scores import ALPHA
from proctor.errors import ProctorError
from reports.model import Change, Changed, Comparison, Figure, TaskDifference

if TYPE_CHECKING:
    import pyarrow as pa

    from harness.gate.pairing import Pairing

SHOWN_A_TASK = 40
_PAIRING = ("task", "instance", "sample", "score", "cluster", "prompt_digest", "error")
_TEXT = ("prompt", "response", "score", "reason", "error")
_CHANGES: tuple[Change, ...] = ("lost", "gained", "both wrong")


@dataclass
class Pairs:
    """Paired examinations of an archive, each pair read once."""

    archive: Archive
    _known: dict[tuple[str, str], Pairing] = field(default_factory=dict)
    _differences: dict[tuple[str, str], tuple[TaskDifference, ...]] = field(default_factory=dict)

    def pairing(self, before: Sat, after: Sat) -> Pairing:
        """Return the evidence of two examinations, errored answers counted as wrong."""
        from harness.gate.pairing import pair_samples

        key = (before.id, after.id)
        if key not in self._known:
            self._known[key] = pair_samples(
                read_columns(after, _PAIRING),
                read_columns(before, _PAIRING),
                candidate_manifest=after.manifest,
                incumbent_manifest=before.manifest,
                errors="wrong",
            )
        return self._known[key]

    def differences(self, before: str, after: str) -> tuple[TaskDifference, ...]:
        """Return the differences by task of two examinations by id; none where one is unknown."""
        first, second = self.archive.examination(before), self.archive.examination(after)
        if first is None or second is None or first.id == second.id:
            return ()
        return self.by_task(first, second)

    def by_task(self, before: Sat, after: Sat) -> tuple[TaskDifference, ...]:
        """Return the differences by task of two examinations."""
        key = (before.id, after.id)
        if key not in self._differences:
            evidence = self.pairing(before, after).evidence
            self._differences[key] = tuple(difference(one, before, after) for one in evidence)
        return self._differences[key]


def read_columns(sat: Sat, names: Sequence[str]) -> pa.Table:
    """Return some columns of an examination's rows, those that it has.

    Raises:
        ProctorError: its Parquet is missing or unreadable.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        files = sorted(sat.folder.glob("samples-*.parquet"))
        wanted = [n for n in names if n in pq.read_schema(files[0]).names]
        return pa.concat_tables([pq.read_table(f, columns=wanted) for f in files])
    except (OSError, IndexError, pa.ArrowException) as error:
        raise ProctorError(
            f"examinations/{sat.id} has no readable samples ({error}): examine again"
        ) from error


def difference(one: TaskEvidence, before: Sat, after: Sat) -> TaskDifference:
    """Return a task's scores before and after and their paired difference.

    The p is two-sided and for display: McNemar's exact test for 0/1 scores, twice the smaller
    one-sided p otherwise.
    """
    estimate = one.difference()
    wins, losses = one.counts
    if isinstance(estimate, PairedBinary):
        p, test = mcnemar(wins, losses).p_two_sided, "McNemar, exact"
    else:
        p = min(1.0, 2 * min(estimate.p_greater(0.0), estimate.p_less(0.0)))
        test = "t, clustered" if one.clusters is not None else "mean difference"
    swapped = TaskEvidence(
        one.task, one.role, one.instances, one.incumbent, one.candidate, one.clusters
    )
    record = f"examinations/{after.id}#{one.task}"
    return TaskDifference(
        one.task,
        _figure(swapped.rate(), f"examinations/{before.id}#{one.task}", 0.0),
        _figure(one.rate(), record, 0.0),
        _figure(estimate, f"{record} − examinations/{before.id}", -1.0),
        wins,
        losses,
        one.n - wins - losses,
        p,
        test,
    )


def _figure(estimate: Estimate, record: str, lowest: float) -> Figure:
    low, high = estimate.interval(ALPHA)
    value = float(estimate.estimate)
    return Figure(value, record, max(lowest, float(low)), min(1.0, float(high)), estimate.n)


def compare(
    archive: Archive,
    people: People,
    pairs: Pairs,
    before: Sat,
    after: Sat,
    *,
    shown: int = SHOWN_A_TASK,
) -> Comparison:
    """Compare two examinations of one suite; of each task and change at most `shown` instances.

    Raises:
        ProctorError: the suite is unseen and sealed, or no task could be paired.
    """
    if archive.sealed(after.suite) or archive.sealed(before.suite):
        raise ProctorError(
            f"the rows of suite {after.suite['name']} are sealed: compare on its dev suite, or "
            "see `proctor unseen release`"
        )
    pairing = pairs.pairing(before, after)
    tables = [read_columns(sat, ("task", "instance", *_TEXT)) for sat in (before, after)]
    places = [_places(table) for table in tables]
    changed: list[Changed] = []
    totals: dict[Change, int] = dict.fromkeys(_CHANGES, 0)
    for one in pairing.evidence:
        for change, chosen in _changes(one):
            totals[change] += len(chosen)
            most = shown if change != "both wrong" else max(1, shown // 4)
            names = [one.instances[i] for i in chosen[:most]]
            changed += [_row(one.task, name, change, places, tables) for name in names]
    changed.sort(key=lambda row: _CHANGES.index(row.change))
    return Comparison(
        people.checkpoint(before.checkpoint),
        people.checkpoint(after.checkpoint),
        str(after.suite["name"]),
        pairs.by_task(before, after),
        tuple(changed),
        tuple(totals.items()),
        tuple(problem.message for problem in pairing.problems),
        f"examinations/{before.id} examinations/{after.id}",
    )


def _changes(one: TaskEvidence) -> Iterator[tuple[Change, NDArray[np.int64]]]:
    """Yield which instances of a task were lost, gained, or wrong both times."""
    d = one.differences
    wrong = (d == 0) & (one.candidate.mean(axis=1) < 1)
    for change, chosen in zip(_CHANGES, (d < -1e-12, d > 1e-12, wrong), strict=True):
        yield change, np.flatnonzero(chosen)


def _places(table: pa.Table) -> dict[tuple[str, str], int]:
    """Return the first row of every instance."""
    tasks, instances = table["task"].to_pylist(), table["instance"].to_pylist()
    rows = range(len(tasks) - 1, -1, -1)
    return {(tasks[row], instances[row]): row for row in rows}


def _row(
    task: str, instance: str, change: Change, places: Sequence[Any], tables: Sequence[pa.Table]
) -> Changed:
    old, new = (
        {name: table[name][place[task, instance]].as_py() for name in table.column_names}
        for place, table in zip(places, tables, strict=True)
    )
    return Changed(
        task,
        instance,
        change,
        str(new.get("prompt") or ""),
        str(old.get("response") or ""),
        str(new.get("response") or ""),
        float(old.get("score") or 0.0),
        float(new.get("score") or 0.0),
        str(old.get("error") or old.get("reason") or ""),
        str(new.get("error") or new.get("reason") or ""),
    )
