"""Many questions asked of one exam: several targets at once, several looks in turn."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given.

    Holm, Scandinavian Journal of Statistics 6 (1979) 65-70: step-down Bonferroni, valid under
    any dependence.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def spend(alpha: float, look: int) -> float:
    """Return the share of `alpha` that the look numbered `look` (from 1) may use.

    6 alpha / (pi^2 k^2): the shares of any number of looks add up to at most `alpha`, so by the
    union bound no schedule of looks, however chosen, errs more often than `alpha`.
    """
    if look < 1:
        raise ValueError("looks are counted from 1")
    return 6.0 * alpha / (math.pi**2 * look**2)


def alpha_left(alpha: float, looks: int) -> float:
    """Return what of `alpha` remains after `looks` looks."""
    return alpha - sum(spend(alpha, k) for k in range(1, looks + 1))
