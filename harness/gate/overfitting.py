"""The overfitting index: how much of the gain on dev does not show on unseen.

Mean gain over the dev tasks minus mean gain over the unseen tasks. The suites are disjoint sets
of instances, so variances add; tasks count equally, whatever their sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.gate.evidence import TaskEvidence
from harness.gate.statistics import Interval
from harness.gate.statistics.types import normal_tail, z_upper


@dataclass(frozen=True)
class OverfittingIndex:
    """An estimate with its standard error, both in score units."""

    estimate: float
    error: float
    n: int

    @classmethod
    def of(cls, dev: Sequence[TaskEvidence], unseen: Sequence[TaskEvidence]) -> OverfittingIndex:
        """Return the index of the two suites' evidence."""
        gains, variances = zip(*(_mean_gain(side) for side in (dev, unseen)), strict=True)
        n = sum(e.n for e in [*dev, *unseen])
        return cls(gains[0] - gains[1], math.sqrt(sum(variances)), n)

    def p_greater(self, threshold: float) -> float:
        """One-sided p for H0: index <= `threshold` (normal)."""
        return normal_tail((self.estimate - threshold) / self.error)

    def p_less(self, threshold: float) -> float:
        """One-sided p for H0: index >= `threshold` (normal)."""
        return normal_tail((threshold - self.estimate) / self.error)

    def interval(self, alpha: float) -> Interval:
        """Two-sided normal interval."""
        half = z_upper(alpha / 2) * self.error
        return Interval(self.estimate - half, self.estimate + half)


def _mean_gain(side: Sequence[TaskEvidence]) -> tuple[float, float]:
    estimates = [e.difference() for e in side]
    # A spread of zero is a small sample's accident: assume at least one contested instance.
    variances = [max(e.deviation, e.n**-0.5) ** 2 / e.n for e in estimates]
    k = len(side)
    return sum(e.estimate for e in estimates) / k, sum(variances) / k**2
