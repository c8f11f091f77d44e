"""Early stopping over many examinations at once: the same rule as `harness.gate.early`, in arrays.

`tests` hold the two against each other on the same answers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.tables import Row
from harness.gate.early import LOOKS
from harness.gate.statistics import design, detectable_difference
from harness.gate.statistics.power import split_contested
from harness.gate.statistics.types import z_upper
from harness.gate.testing import instances_at


class Decisions(NamedTuple):
    """Of each examination: whether it promoted, and the instances it used."""

    promoted: NDArray[np.bool_]
    used: NDArray[np.int64]


def early_decisions(
    signs: NDArray[np.int8], level: float, looks: int = LOOKS, power: float = 0.8
) -> Decisions:
    """Decide examinations [repeats, n] of wins (1), losses (-1) and ties (0), in examined order."""
    repeats, n = signs.shape
    plan = design(level, looks, power)
    marks = [instances_at(n, j + 1, looks) for j in range(looks)]
    at = np.array(marks) - 1
    wins = (signs > 0).cumsum(1)[:, at]
    losses = (signs < 0).cumsum(1)[:, at]
    contested = wins + losses
    law = np.zeros((repeats, int(contested[:, -1].max()) + 2))
    law[:, 0] = 1.0
    spent, live = np.zeros(repeats), np.ones(repeats, bool)
    promoted, used = np.zeros(repeats, bool), np.full(repeats, n)
    before = np.zeros(repeats, np.int64)
    for j, fraction in enumerate(plan.fractions):
        _toss(law, contested[:, j] - before)
        before = contested[:, j]
        tail = law[:, ::-1].cumsum(1)[:, ::-1]
        critical = (tail <= (level * fraction - spent)[:, None] + 1e-15).argmax(1)
        spent += tail[np.arange(repeats), critical]
        law[np.arange(law.shape[1])[None, :] >= critical[:, None]] = 0.0
        passed = live & (wins[:, j] >= critical)
        gone = (
            live
            & ~passed
            & _hopeless(wins[:, j], losses[:, j], marks[j], plan.hopeless[j], fraction)
        )
        promoted |= passed
        used[passed | gone] = marks[j]
        live &= ~(passed | gone)
    return Decisions(promoted, used)


def _toss(law: NDArray[np.float64], coins: NDArray[np.int64]) -> None:
    for step in range(int(coins.max(initial=0))):
        rows = np.flatnonzero(coins > step)
        part = law[rows]
        part[:, 1:] = 0.5 * (part[:, 1:] + law[rows, :-1])
        part[:, 0] *= 0.5
        law[rows] = part


def _hopeless(
    wins: NDArray[np.int64], losses: NDArray[np.int64], n: int, floor: float, fraction: float
) -> NDArray[np.bool_]:
    gap = (wins - losses) / n
    deviation = np.sqrt(np.maximum((wins + losses) / n - gap**2, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviation > 0, gap * np.sqrt(n) / deviation, 0.0)
    return np.asarray((deviation > 0) & (z * np.sqrt(fraction) < floor))


def savings(
    n: int, contested: float, level: float, repeats: int, seed: int
) -> list[tuple[float, float, float, float]]:
    """Return (multiple of the detectable difference, median saving, mean saving, promoted)."""
    rng = np.random.default_rng(seed)
    fixed = detectable_difference(n, contested, level)
    assert fixed is not None
    stretch = design(level, LOOKS).drift / (z_upper(level) + z_upper(0.2))
    found = []
    for multiple in (0.0, 1.0, 2.0):
        win, loss = split_contested(contested, multiple * fixed * stretch)
        draws = rng.random((repeats, n), dtype=np.float32)
        signs = (draws < win).astype(np.int8) - (draws > 1 - loss).astype(np.int8)
        done = early_decisions(signs, level)
        saved = 1 - done.used / n
        found.append(
            (multiple, float(np.median(saved)), float(saved.mean()), float(done.promoted.mean()))
        )
    return found


def rows(repeats: int) -> list[Row]:
    """Return the table of instances saved, for several exams and levels."""
    table = []
    bars = {0.0: 0.30, 1.0: 0.40, 2.0: 0.65}
    for n, contested, level in (
        (541, 0.1, 0.05),
        (541, 0.1, 0.0304),
        (1319, 0.1, 0.05),
        (294, 0.2, 0.05),
        (500, 0.3, 0.05),
    ):
        for multiple, median, mean, promoted in savings(n, contested, level, repeats, 5):
            error = multiple == 0.0
            # The simulation's own error is allowed for, twice over.
            limit = level + 2 * np.sqrt(level * (1 - level) / repeats)
            met = bool(
                median >= bars[multiple] and (promoted <= limit if error else promoted >= 0.78)
            )
            said = "promoted falsely" if error else "promoted"
            table.append(
                Row(
                    f"n={n}, {100 * contested:g} % contested, level {level:g}, true difference "
                    f"{multiple:g} x detectable",
                    f"saves {100 * median:.0f} % (median), {100 * mean:.0f} % (mean); {said} "
                    f"{100 * promoted:.1f} %",
                    f"median >= {100 * bars[multiple]:.0f} %, "
                    + (f"error <= {100 * level:g} %" if error else "power >= 78 %"),
                    met,
                )
            )
    return table
