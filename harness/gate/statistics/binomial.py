"""Exact tests on counts: binomial tails, McNemar's test, Wilson's interval.

No scipy: tails come from `math.lgamma` and a running product, so they hold to about 1e-12 for
any count. Not for proportions of proportions or clustered counts; see `means`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from harness.gate.statistics.types import Interval, z_upper

_EXACT_LIMIT = 1000


def binomial_tail(k: int, n: int, p: float) -> float:
    """Return P(X >= k) for X ~ Binomial(n, p).

    Sums outward from `k` on the side away from the mean, where the terms only fall.
    """
    if k <= 0:
        return 1.0
    if k > n or p <= 0.0:
        return 0.0
    if p >= 1.0:
        return 1.0
    if p == 0.5 and n <= _EXACT_LIMIT:
        return float(sum(math.comb(n, i) for i in range(k, n + 1)) / 2**n)
    if k > n * p:
        return min(1.0, _sum_from(k, n, p))
    return max(0.0, 1.0 - _sum_from(n - k + 1, n, 1.0 - p))


def _sum_from(k: int, n: int, p: float) -> float:
    """Return sum of the Binomial(n, p) probabilities at k, k+1, ..., n (k above the mean)."""
    first = (
        math.lgamma(n + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - k + 1)
        + k * math.log(p)
        + (n - k) * math.log1p(-p)
    )
    # Terms beyond 40 standard deviations add nothing a float can hold.
    last = min(n, k + int(40 * math.sqrt(n * p * (1 - p))) + 40)
    i = np.arange(k, last, dtype=np.float64)
    ratios = np.log((n - i) / (i + 1)) + math.log(p / (1.0 - p))
    return math.exp(first) * float(1.0 + np.exp(np.cumsum(ratios)).sum())


def binomial_p(successes: int, n: int, rate: float, *, greater: bool) -> float:
    """Return the exact one-sided p of H0: true rate <= `rate` (or >= where not `greater`)."""
    if greater:
        return binomial_tail(successes, n, rate)
    return binomial_tail(n - successes, n, 1.0 - rate)


class McNemar(NamedTuple):
    """Exact p-values of a paired 0/1 comparison; ties carry no information about the sign."""

    p_greater: float
    p_less: float
    p_two_sided: float
    mid_p: float


def mcnemar(wins: int, losses: int) -> McNemar:
    """Return McNemar's exact test: wins ~ Binomial(wins + losses, 1/2) under no difference.

    McNemar, Psychometrika 12 (1947) 153-157; the exact binomial form and the mid-p (for
    display, never for a decision) as in Fagerland, Lydersen & Laake, BMC Medical Research
    Methodology 13 (2013) 91.
    """
    contested = wins + losses
    greater = binomial_tail(wins, contested, 0.5)
    less = binomial_tail(losses, contested, 0.5)
    smaller = min(greater, less)
    point = _point(max(wins, losses), contested)
    return McNemar(greater, less, min(1.0, 2.0 * smaller), min(1.0, 2.0 * smaller - point))


def _point(k: int, n: int) -> float:
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2.0)
    return math.exp(log)


def wilson(successes: int, n: int, alpha: float) -> Interval:
    """Return Wilson's two-sided 1 - `alpha` interval for one rate, without continuity correction.

    Wilson, JASA 22 (1927) 209-212.
    """
    z = z_upper(alpha / 2)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(max(0.0, low), min(1.0, high))
