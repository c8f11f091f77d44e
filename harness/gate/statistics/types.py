"""What an estimate must be able to answer, whatever the scores behind it look like.

Every rule of the gate asks one parameter (a difference, a rate, a growth) the same questions,
so a rule needs to know neither clusters nor whether its scores are 0/1.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple, Protocol

NORMAL = NormalDist()


class Interval(NamedTuple):
    """A closed interval in the units of the estimate."""

    low: float
    high: float


class Estimate(Protocol):
    """A parameter with tests and bounds. Levels are one-sided, in (0, 0.5)."""

    @property
    def estimate(self) -> float:
        """The point estimate."""

    @property
    def n(self) -> int:
        """Instances behind it."""

    @property
    def deviation(self) -> float:
        """Standard deviation per instance: the standard error is `deviation / sqrt(n)`."""

    def p_greater(self, threshold: float) -> float:
        """One-sided p for H0: the parameter is at most `threshold`."""

    def p_less(self, threshold: float) -> float:
        """One-sided p for H0: the parameter is at least `threshold`."""

    def interval(self, alpha: float) -> Interval:
        """The two-sided interval of confidence 1 - `alpha`."""


def z_upper(level: float) -> float:
    """Return the standard normal quantile with `level` above it."""
    return -NORMAL.inv_cdf(level)


def normal_tail(z: float) -> float:
    """Return the standard normal probability above `z`, without loss far out in the tail."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))
