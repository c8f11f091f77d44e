"""Looks at one growing examination: how much evidence each look must show.

An examination of known size is looked at after fixed shares of its instances. The level of each
look spends alpha along a fixed curve (Lan & DeMets, Biometrika 70 (1983) 659-663; the curve of
Hwang, Shih & DeCani, Statistics in Medicine 9 (1990) 1439-1445), computed on the joint normal
law of the looks (Armitage, McPherson & Rowe, JRSS-A 132 (1969) 235-244). A test held against
the level of each look errs over all looks together as often as alpha; the interval at that level
is a repeated confidence interval (Jennison & Turnbull, JRSS-B 51 (1989) 305-361), valid at
whatever look one stops. Where no final size is known, use `betting.confidence_sequence`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.gate.statistics.types import NORMAL

SPENDING_SHAPE = 1.0
_REACH = 8.0
_POINTS = 801
_BISECTIONS = 50


class Boundary(NamedTuple):
    """The one-sided level of each look; `fractions` are shares of the full examination."""

    fractions: tuple[float, ...]
    levels: tuple[float, ...]


def spending_curve(fraction: float, alpha: float, shape: float = SPENDING_SHAPE) -> float:
    """Return how much of `alpha` may be spent once `fraction` of the instances is in."""
    if shape == 0:
        return alpha * fraction
    return alpha * (1 - math.exp(-shape * fraction)) / (1 - math.exp(-shape))


@lru_cache(maxsize=64)
def boundary(alpha: float, fractions: tuple[float, ...], shape: float = SPENDING_SHAPE) -> Boundary:
    """Return the levels of looks at increasing `fractions`, the last of them 1."""
    state = _Walk()
    levels = []
    for fraction in fractions:
        target = spending_curve(fraction, alpha, shape) - spending_curve(
            state.fraction, alpha, shape
        )
        state.move(fraction)
        limit = state.limit_with(target)
        state.absorb(limit)
        levels.append(NORMAL.cdf(-limit / math.sqrt(fraction)))
    return Boundary(fractions, tuple(levels))


class _Walk:
    """The density of a Brownian path that has crossed no limit so far, on a grid."""

    def __init__(self) -> None:
        self.fraction = 0.0
        self.grid: NDArray[np.float64] = np.zeros(1)
        self.weights: NDArray[np.float64] = np.ones(1)

    def move(self, fraction: float) -> None:
        """Convolve the surviving mass with the next step's normal density."""
        step = math.sqrt(fraction - self.fraction)
        reach = _REACH * math.sqrt(fraction)
        grid = np.linspace(-reach, reach, _POINTS)
        density = np.exp(-0.5 * ((grid[:, None] - self.grid[None, :]) / step) ** 2)
        self.density = density @ self.weights / (step * math.sqrt(2 * math.pi))
        self.grid, self.fraction = grid, fraction

    def limit_with(self, target: float) -> float:
        """Return the limit above which `target` of the mass lies."""
        width = self.grid[1] - self.grid[0]
        above = np.concatenate([np.cumsum(self.density[::-1])[::-1][1:] * width, [0.0]])
        above = above + self.density * width / 2
        return float(np.interp(-target, -above, self.grid))

    def absorb(self, limit: float) -> None:
        """Keep the mass below the limit; the cell the limit cuts keeps its share."""
        width = self.grid[1] - self.grid[0]
        kept = np.clip((limit - self.grid) / width + 0.5, 0.0, 1.0)
        self.weights = self.density * width * kept


def conditional_power(p_value: float, fraction: float, final_level: float, drift: float) -> float:
    """Return the chance that the last look still passes, if the true drift is `drift`.

    `drift` is the mean of the full examination's z; `p_value` the one-sided p now. Lan, Simon &
    Halperin, Sequential Analysis 1 (1982) 207-219.
    """
    left = 1 - fraction
    limit = -NORMAL.inv_cdf(final_level)
    z = -NORMAL.inv_cdf(min(max(p_value, 1e-300), 1 - 1e-16))
    if left <= 0:
        return float(z > limit)
    return NORMAL.cdf((z * math.sqrt(fraction) + drift * left - limit) / math.sqrt(left))
