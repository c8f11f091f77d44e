"""Stopping an examination once its verdict is known.

Instances are examined in a random order fixed beforehand; after each even share of them the gate
looks at what there is, at levels that keep the error of all looks together within alpha. It
stops when every dev rule has passed, when one has failed, or when one has no fair chance left.
The unseen suite is never stopped early: its single look is worth all its instances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.gate.contamination import Contamination
from harness.gate.evidence import TaskEvidence
from harness.gate.judge import judge
from harness.gate.pairing import Pairing
from harness.gate.rules import Gate
from harness.gate.testing import Progress, instances_at
from harness.gate.verdict import Looks, Verdict
from proctor.digest import digest_bytes
from proctor.errors import ProctorError

LOOKS = 25


class EarlyLook(NamedTuple):
    """What one look says; `wanted` is how many instances of each task the next look needs."""

    verdict: Verdict
    stop: bool
    reason: str
    wanted: dict[str, int]


def examination_order(
    instances: Sequence[str], clusters: Sequence[str | None] | None = None, *, seed: str = ""
) -> NDArray[np.int64]:
    """Return the order [n] in which to examine: random, the same for every checkpoint.

    Clusters stay together, so that no look cuts one in half more than once.
    """
    groups = instances if clusters is None else _groups(instances, clusters)
    keys = [(digest_bytes(f"{seed}\0{g}".encode()), i) for i, g in enumerate(groups)]
    return np.array([i for _, i in sorted(keys)], dtype=np.int64)


def _groups(instances: Sequence[str], clusters: Sequence[str | None]) -> list[str]:
    return [
        f"i{name}" if cluster is None else f"c{cluster}"
        for name, cluster in zip(instances, clusters, strict=True)
    ]


def look(
    gate: Gate,
    pairing: Pairing,
    totals: Mapping[str, int],
    number: int,
    *,
    looks: int = LOOKS,
    taken: Looks | None = None,
    contamination: Contamination | None = None,
    candidate: str = "",
    against: str = "",
) -> EarlyLook:
    """Judge an unfinished examination at its look `number` (from 1) of `looks`.

    `pairing` holds dev evidence in examination order, at least `instances_at` of each task of
    `totals`; what lies beyond is not looked at.

    Raises:
        ProctorError: a task has too few instances for this look, or is not in `totals`.
    """
    cut = tuple(_cut(e, totals, number, looks) for e in pairing.evidence if e.role == "dev")
    verdict = judge(
        gate,
        Pairing(cut, pairing.problems),
        contamination,
        taken,
        candidate=candidate,
        against=against,
        progress=Progress(number, looks, totals),
    )
    stop, reason = _stops(verdict, number, looks)
    following = min(number + 1, looks)
    wanted = {name: instances_at(total, following, looks) for name, total in totals.items()}
    return EarlyLook(verdict, stop, reason, wanted)


def _cut(
    evidence: TaskEvidence, totals: Mapping[str, int], number: int, looks: int
) -> TaskEvidence:
    if evidence.task not in totals:
        raise ProctorError(f"{evidence.task}: its number of instances is not in the schedule")
    count = instances_at(totals[evidence.task], number, looks)
    if evidence.n < count:
        raise ProctorError(
            f"{evidence.task}: look {number} of {looks} needs {count} instances, {evidence.n} are "
            "there"
        )
    return evidence if evidence.n == count else evidence.take(np.arange(count))


def _stops(verdict: Verdict, number: int, looks: int) -> tuple[bool, str]:
    share = f"{math.ceil(100 * number / looks)} % of the instances"
    if verdict.verdict == "reject":
        return True, f"rejected after {share}"
    if verdict.verdict == "promote" or verdict.awaits_unseen:
        return True, f"every dev rule passed after {share}"
    for clause in verdict.clauses:
        results = [r for r in verdict.rules if r.rule == clause.rule]
        lost = [r.task for r in results if r.hopeless]
        all_lost = len(lost) == len([r for r in results if r.outcome != "fail"])
        if lost and (all_lost if clause.rule == "better" else True):
            tasks = ", ".join(str(task) for task in lost)
            return True, f"{clause.rule} has no fair chance left to pass ({tasks}) after {share}"
    return number == looks, f"looked at all after {share}" if number == looks else "undecided"
