"""Bounds for the mean of bounded scores that hold at every sample size and at any stopping time.

The wealth of a gambler who bets on the mean being above `m` can grow past 1/alpha only with
probability alpha if it is not (Ville). Bets are mixed over a fixed grid, so the wealth does not
depend on the order of the scores. Waudby-Smith & Ramdas, JRSS-B 86 (2024) 1-27
(grid-Kelly bets); no normal approximation and no variance to estimate, hence the test of choice
where almost no score differs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_BETS = 0.99 * 0.5 ** np.arange(9)
_WEIGHTS = 0.5 ** np.arange(1, 10)
_BISECTIONS = 50


def _log_wealth(values: NDArray[np.float64], counts: NDArray[np.float64], mean: float) -> float:
    """Return the log of the mixed wealth of bets that the mean of `values` exceeds `mean`.

    Each bet is half the one before and has half its weight: where almost no score differs, which
    is what these bounds are for, the boldest bet is the best.
    """
    bets = _BETS / max(mean, 1e-9)
    growth = np.log1p(bets[:, None] * (values[None, :] - mean)) @ counts
    peak = growth.max()
    return float(peak + math.log(_WEIGHTS @ np.exp(growth - peak)))


def betting_p(values: NDArray[np.float64], mean: float) -> float:
    """Return a valid p for H0: the mean of independent `values` in [0, 1] is at most `mean`.

    Valid at any n and under optional stopping (1 / wealth, by Ville's inequality).
    """
    if mean >= 1.0:
        return 1.0
    distinct, counts = np.unique(values, return_counts=True)
    return min(1.0, math.exp(-_log_wealth(distinct, counts.astype(float), max(mean, 0.0))))


def betting_lower(values: NDArray[np.float64], level: float) -> float:
    """Return the lower bound of confidence 1 - `level` for the mean of `values` in [0, 1]."""
    distinct, counts = np.unique(values, return_counts=True)
    weights = counts.astype(float)
    low, high = 0.0, float(values.mean())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _log_wealth(distinct, weights, middle) > -math.log(level):
            low = middle
        else:
            high = middle
    return low


class ConfidenceSequence(NamedTuple):
    """Simultaneous bounds after every score: [n] each, valid at all n at once."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def confidence_sequence(
    values: NDArray[np.float64], alpha: float, *, every: int = 1
) -> ConfidenceSequence:
    """Return the anytime-valid two-sided 1 - `alpha` bounds after every `every` scores in [0, 1].

    The probability that the true mean ever leaves the bounds is at most `alpha`, with no
    horizon fixed beforehand; bounds are intersected over time.
    """
    marks = range(every, len(values) + 1, every)
    low = [betting_lower(values[:m], alpha / 2) for m in marks]
    high = [1.0 - betting_lower(1.0 - values[:m], alpha / 2) for m in marks]
    return ConfidenceSequence(np.maximum.accumulate(low), np.minimum.accumulate(high))
