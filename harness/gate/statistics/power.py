"""What an exam can detect: exact power of McNemar's test, detectable differences, sizes needed.

Differences are of rates or mean scores in 0..1. For 0/1 scores everything follows from the share
of contested instances (those the two checkpoints answer differently); the exact test's power is
summed over the number contested. Graded scores use the normal formula of Miller,
arXiv 2411.00640: n = (z_level + z_power)^2 sd^2 / difference^2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.gate.statistics.paired import tango_z
from harness.gate.statistics.types import NORMAL, z_upper

_BISECTIONS = 40
_LARGEST = 10_000_000


def critical_wins(contested: NDArray[np.int64], level: float) -> NDArray[np.int64]:
    """Return the fewest wins of each `contested` count whose exact one-sided p is below `level`.

    A count that no number of wins can decide gets contested + 1.
    """
    from scipy.special import bdtrc

    wins = np.floor(contested / 2 + z_upper(level) * np.sqrt(contested) / 2).astype(np.int64) - 3
    wins = np.maximum(wins, 0)
    while True:
        # bdtrc(k, n, p) is P(X > k); at k = -1 it is nan, and wins >= 0 there is certain.
        tail = np.where(wins > 0, bdtrc(np.maximum(wins - 1, 0), contested, 0.5), 1.0)
        short = (tail >= level) & (wins <= contested)
        if not short.any():
            return np.asarray(wins)
        wins = wins + short


def mcnemar_power(n: int, win: float, loss: float, level: float) -> float:
    """Return the probability that McNemar's exact one-sided test finds the candidate better.

    `win` and `loss` are the probabilities that one of `n` independent instances is won or lost.
    """
    from scipy.special import bdtrc

    contested_rate = win + loss
    if contested_rate <= 0:
        return 0.0
    mean, spread = n * contested_rate, math.sqrt(n * contested_rate * (1 - contested_rate))
    low, high = max(0, int(mean - 9 * spread) - 9), min(n, int(mean + 9 * spread) + 9)
    m = np.arange(low, high + 1)
    wins = critical_wins(m, level)
    tail = np.where(wins > m, 0.0, bdtrc(np.maximum(wins - 1, 0), m, win / contested_rate))
    return float((_binomial_weights(m, n, contested_rate) * tail).sum())


def _binomial_weights(k: NDArray[Any], n: int, p: float) -> NDArray[np.float64]:
    from scipy.special import gammaln

    if p >= 1:
        return np.asarray(k == n, np.float64)
    log = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.asarray(np.exp(log + k * math.log(p) + (n - k) * math.log1p(-p)))


def split_contested(contested: float, difference: float) -> tuple[float, float]:
    """Return the (win, loss) rates with the given contested share and difference.

    A difference above the contested share needs more contested instances: loss becomes 0.
    """
    contested = max(contested, difference)
    return (contested + difference) / 2, (contested - difference) / 2


def detectable_difference(
    n: int, contested: float, level: float, power: float = 0.8
) -> float | None:
    """Return the smallest difference that the exact test finds with probability `power`.

    None where not even winning every instance would be found.
    """
    if mcnemar_power(n, 1.0, 0.0, level) < power:
        return None
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        found = mcnemar_power(n, *split_contested(contested, middle), level) >= power
        low, high = (low, middle) if found else (middle, high)
    return high


def instances_needed(
    difference: float, contested: float, level: float, power: float = 0.8
) -> int | None:
    """Return how many instances the exact test needs to find `difference` with `power`.

    None where more than ten million would be needed.
    """
    if difference <= 0:
        return None
    win, loss = split_contested(contested, difference)
    guess = normal_instances(difference, math.sqrt(win + loss - difference**2), level, power) or 1
    if guess > _LARGEST:
        return None
    low, high = 1, max(guess, 2)
    while mcnemar_power(high, win, loss, level) < power:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        found = mcnemar_power(middle, win, loss, level) >= power
        low, high = (low, middle) if found else (middle, high)
    return high


def normal_instances(gap: float, deviation: float, level: float, power: float = 0.8) -> int | None:
    """Return the instances for a mean at distance `gap` from its threshold (normal formula)."""
    if gap <= 0:
        return None
    z = z_upper(level) + NORMAL.inv_cdf(power)
    return max(2, math.ceil((z * deviation / gap) ** 2))


def normal_detectable(n: int, deviation: float, level: float, power: float = 0.8) -> float:
    """Return the gap from its threshold that `n` instances show with `power` (normal formula)."""
    return (z_upper(level) + NORMAL.inv_cdf(power)) * deviation / math.sqrt(n)


def margin_power(n: int, contested: float, margin: float, level: float) -> float:
    """Return the chance that Tango's test keeps `margin` where there is no true difference.

    Nam, Biometrics 53 (1997) 1422-1430: the spread under the margin enters the limit, the spread
    under no difference the law of the statistic.
    """
    wins = losses = n * contested / 2
    z = float(tango_z(wins, losses, n, -margin))
    under_margin = margin * math.sqrt(n) / z
    reached = margin * math.sqrt(n) - z_upper(level) * under_margin
    return NORMAL.cdf(reached / math.sqrt(contested))


def resolvable_margin(n: int, contested: float, level: float, power: float = 0.8) -> float:
    """Return the smallest margin kept with probability `power` where there is no difference."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        kept = margin_power(n, contested, middle, level) >= power
        low, high = (low, middle) if kept else (middle, high)
    return high


def margin_instances(
    margin: float, contested: float, level: float, power: float = 0.8
) -> int | None:
    """Return the instances needed to keep `margin` with `power`; None above ten million."""
    low, high = 1, 16
    while margin_power(high, contested, margin, level) < power:
        low, high = high, high * 2
        if high > _LARGEST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        kept = margin_power(middle, contested, margin, level) >= power
        low, high = (low, middle) if kept else (middle, high)
    return high
