"""Paired evidence: what a verdict is computed from, and which estimate fits its shape.

Pure arrays; how two examinations become evidence is `pairing`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.gate.statistics import (
    BoundedMean,
    ClusteredMean,
    Estimate,
    PairedBinary,
    SingleRate,
)

Role = Literal["dev", "unseen"]
Floats = NDArray[np.float64]

# A t test's error estimate is itself a guess where few clusters are away from the commonest value:
# at least ten have to be, or five that are half of all. Else distribution-free bounds take over.
MANY_INFORMATIVE, FEW_INFORMATIVE = 10, 5


@dataclass(frozen=True)
class TaskEvidence:
    """The scores of two checkpoints on the same instances of one task.

    `candidate` and `incumbent` are [n, k] arrays of scores in 0..1 (k answers an instance, which
    may differ between the two), `clusters` [n] codes of instances that share a prompt, template
    or passage, or None; the lengths are [n] means per instance, in the unit they are named for.
    """

    task: str
    role: Role
    instances: tuple[str, ...]
    candidate: Floats
    incumbent: Floats
    clusters: NDArray[np.int64] | None = None
    family: str | None = None
    candidate_tokens: Floats | None = None
    incumbent_tokens: Floats | None = None
    candidate_characters: Floats | None = None
    incumbent_characters: Floats | None = None
    errors: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def n(self) -> int:
        """Instances."""
        return len(self.candidate)

    @property
    def differences(self) -> Floats:
        """Candidate minus incumbent, averaged over answers: [n]."""
        return np.asarray(self.candidate.mean(axis=1) - self.incumbent.mean(axis=1))

    @property
    def counts(self) -> tuple[int, int]:
        """Instances the candidate wins and loses."""
        d = self.differences
        return int((d > 1e-12).sum()), int((d < -1e-12).sum())

    @property
    def within(self) -> float | None:
        """Variance of answers about their instance's mean, sides added; None for one answer."""
        if min(self.candidate.shape[1], self.incumbent.shape[1]) < 2:
            return None
        sides = (self.candidate, self.incumbent)
        return float(sum(side.var(axis=1, ddof=1).mean() for side in sides))

    def take(self, rows: NDArray[np.int64]) -> TaskEvidence:
        """Return the evidence of some instances, in the order of `rows`."""

        def some(values: NDArray[Any] | None) -> Any:
            return None if values is None else values[rows]

        return replace(
            self,
            instances=tuple(self.instances[i] for i in rows),
            candidate=self.candidate[rows],
            incumbent=self.incumbent[rows],
            clusters=some(self.clusters),
            candidate_tokens=some(self.candidate_tokens),
            incumbent_tokens=some(self.incumbent_tokens),
            candidate_characters=some(self.candidate_characters),
            incumbent_characters=some(self.incumbent_characters),
        )

    def running_counts(self, marks: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return wins and losses among the first `marks` instances, for each mark."""
        d = self.differences
        wins, losses = np.cumsum(d > 1e-12), np.cumsum(d < -1e-12)
        return [int(wins[m - 1]) for m in marks], [int(losses[m - 1]) for m in marks]

    def difference(self) -> Estimate:
        """Return the estimate of the mean difference that fits the scores."""
        if self.clusters is None and _single_binary(self.candidate, self.incumbent):
            wins, losses = self.counts
            return PairedBinary(wins, losses, self.n)
        return mean_of(self.differences, self.clusters, -1.0, 1.0)

    def rate(self) -> Estimate:
        """Return the estimate of the candidate's own mean score."""
        if self.clusters is None and _single_binary(self.candidate):
            return SingleRate(round(float(self.candidate.sum())), self.n)
        return mean_of(np.asarray(self.candidate.mean(axis=1)), self.clusters, 0.0, 1.0)


def _single_binary(*scores: Floats) -> bool:
    return all(s.shape[1] == 1 and bool(((s == 0) | (s == 1)).all()) for s in scores)


def mean_of(
    values: Floats, clusters: NDArray[np.int64] | None, low: float, high: float
) -> Estimate:
    """Return a t-based mean, or a bounded one where too few clusters differ to judge the spread."""
    count, informative = _informative(values, clusters)
    half = informative >= FEW_INFORMATIVE and 2 * informative >= count
    if informative >= MANY_INFORMATIVE or half:
        return ClusteredMean.of(values, clusters)
    return BoundedMean.of(values, clusters, low, high)


def _informative(values: Floats, clusters: NDArray[np.int64] | None) -> tuple[int, int]:
    """Return the number of clusters, and of those with a value other than the commonest."""
    distinct, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    unusual = codes != counts.argmax()
    if clusters is None:
        return len(values), 0 if len(distinct) == 1 else int(unusual.sum())
    return len(np.unique(clusters)), len(np.unique(clusters[unusual]))
