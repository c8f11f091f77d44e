"""Paired 0/1 scores: Tango's score interval, Newcombe's interval, and the exact test beside it.

Decisions about "better by nothing" rest on McNemar's exact test; Tango's score test serves
every other threshold, because it is the same test shifted (at 0 the two agree but for the
exactness). Assumes independent instances: clustered ones go to `means`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.gate.statistics.binomial import binomial_p, mcnemar, wilson
from harness.gate.statistics.types import Interval, normal_tail, z_upper

_BISECTIONS = 60


def tango_z(
    wins: NDArray[Any] | float, losses: NDArray[Any] | float, n: float, delta: NDArray[Any] | float
) -> NDArray[np.float64]:
    """Return Tango's score statistic for H0: difference = `delta`; broadcasts, falls in `delta`.

    Tango, Statistics in Medicine 17 (1998) 891-908: the loss probability is replaced by its
    maximum-likelihood estimate under H0, the positive root of a quadratic.
    """
    b, c, d = np.asarray(wins, float), np.asarray(losses, float), np.asarray(delta, float)
    linear = -b - c + (2 * n - b + c) * d
    constant = -c * d * (1 - d)
    q = (np.sqrt(np.maximum(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * np.maximum(q, 0.0) + d * (1 - d))
    gap = b - c - n * d
    with np.errstate(divide="ignore", invalid="ignore"):
        z = gap / np.sqrt(np.maximum(variance, 0.0))
    # 0/0: nothing contested and no difference asked about.
    return np.where(np.abs(gap) < 1e-12, 0.0, z)


def tango(
    wins: NDArray[Any] | float, losses: NDArray[Any] | float, n: float, alpha: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the two-sided 1 - `alpha` limits of the paired difference; broadcasts over counts."""
    z = z_upper(alpha / 2)
    return _tango_limit(wins, losses, n, z), _tango_limit(wins, losses, n, -z)


def _tango_limit(
    wins: NDArray[Any] | float, losses: NDArray[Any] | float, n: float, z: float
) -> NDArray[np.float64]:
    """Return the difference at which the score statistic equals `z`, by bisection."""
    shape = np.broadcast(np.asarray(wins), np.asarray(losses)).shape
    low, high = np.full(shape, -1.0), np.full(shape, 1.0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = tango_z(wins, losses, n, middle) > z
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray((low + high) / 2)


def newcombe(both: int, wins: int, losses: int, neither: int, alpha: float) -> Interval:
    """Return Newcombe's square-and-add interval of the paired difference of two rates.

    Method 10 of Newcombe, Statistics in Medicine 17 (1998) 2635-2650: Wilson's interval for each
    rate, joined with a continuity-corrected phi.
    """
    n = both + wins + losses + neither
    first, second = (both + wins) / n, (both + losses) / n
    low1, high1 = wilson(both + wins, n, alpha)
    low2, high2 = wilson(both + losses, n, alpha)
    phi = _newcombe_phi(both, wins, losses, neither)

    def reach(up: float, down: float) -> float:
        return math.sqrt(max(0.0, up * up - 2 * phi * up * down + down * down))

    difference = first - second
    return Interval(
        max(-1.0, difference - reach(first - low1, high2 - second)),
        min(1.0, difference + reach(high1 - first, second - low2)),
    )


def _newcombe_phi(both: int, wins: int, losses: int, neither: int) -> float:
    n = both + wins + losses + neither
    margins = (both + wins) * (losses + neither) * (both + losses) * (wins + neither)
    if margins == 0:
        return 0.0
    excess = both * neither - wins * losses
    if excess > 0:
        excess = max(excess - n / 2, 0.0)  # type: ignore[assignment]
    return excess / math.sqrt(margins)


@dataclass(frozen=True)
class PairedBinary:
    """The difference of two rates on the same `n` independent instances, one answer each."""

    wins: int
    losses: int
    n: int

    @property
    def estimate(self) -> float:
        """Candidate's rate minus the incumbent's."""
        return (self.wins - self.losses) / self.n

    @property
    def deviation(self) -> float:
        """Standard deviation of one instance's difference."""
        contested = (self.wins + self.losses) / self.n
        return math.sqrt(max(0.0, contested - self.estimate**2))

    def p_greater(self, threshold: float) -> float:
        """One-sided p for H0: difference <= `threshold`; at 0 or above never below McNemar's."""
        score = normal_tail(float(tango_z(self.wins, self.losses, self.n, threshold)))
        if threshold < 0:
            return score
        return max(score, mcnemar(self.wins, self.losses).p_greater)

    def p_less(self, threshold: float) -> float:
        """One-sided p for H0: difference >= `threshold`."""
        return PairedBinary(self.losses, self.wins, self.n).p_greater(-threshold)

    def interval(self, alpha: float) -> Interval:
        """Tango's two-sided interval."""
        low, high = tango(self.wins, self.losses, self.n, alpha)
        return Interval(float(low), float(high))


@dataclass(frozen=True)
class SingleRate:
    """One rate over `n` independent instances; tests are exact, the interval Wilson's."""

    successes: int
    n: int

    @property
    def estimate(self) -> float:
        """The share of successes."""
        return self.successes / self.n

    @property
    def deviation(self) -> float:
        """Standard deviation of one instance's score."""
        return math.sqrt(self.estimate * (1 - self.estimate))

    def p_greater(self, threshold: float) -> float:
        """Exact one-sided p for H0: rate <= `threshold`."""
        return binomial_p(self.successes, self.n, threshold, greater=True)

    def p_less(self, threshold: float) -> float:
        """Exact one-sided p for H0: rate >= `threshold`."""
        return binomial_p(self.successes, self.n, threshold, greater=False)

    def interval(self, alpha: float) -> Interval:
        """Wilson's two-sided interval."""
        return wilson(self.successes, self.n, alpha)
