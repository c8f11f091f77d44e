"""Power of the gate's tests at the difference for which the plan promised 80 %."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from benchmarks.gate.tables import Row
from harness.gate.plan import TaskSize, plan
from harness.gate.rules import parse_gate
from harness.gate.statistics import mcnemar_power, tango_z
from harness.gate.statistics.power import critical_wins, split_contested

DESIGNS = [(541, 0.10), (1319, 0.10), (500, 0.20), (294, 0.30), (200, 0.10), (450, 0.05)]


def rows(repeats: int) -> list[Row]:
    """Return the table: superiority by enumeration and simulation, non-inferiority simulated."""
    rng = np.random.default_rng(7)
    return [row for n, contested in DESIGNS for row in _design(n, contested, repeats, rng)]


def _design(n: int, contested: float, repeats: int, rng: np.random.Generator) -> list[Row]:
    rules = [{"better": {"tasks": "all"}}, {"not_worse": {"margin": 0.5}}]
    gate = parse_gate({"spend": False, "rules": rules})
    better, margin = plan(gate, {"task": TaskSize(n, contested)})
    assert better.detectable is not None
    assert margin.detectable is not None
    win, loss = split_contested(contested, better.detectable)
    exact = mcnemar_power(n, win, loss, 0.05)
    counts = rng.multinomial(n, [win, loss, 1 - win - loss], size=repeats)
    found = float((counts[:, 0] >= critical_wins(counts[:, 0] + counts[:, 1], 0.05)).mean())
    even = rng.multinomial(n, [contested / 2, contested / 2, 1 - contested], size=repeats)
    p = ndtr(-tango_z(even[:, 0], even[:, 1], n, -margin.detectable))
    kept = float((p < 0.05).mean())
    name = f"n={n}, {100 * contested:g} % contested"
    return [
        Row(
            f"better, {name}, {100 * better.detectable:.1f} points",
            f"{exact:.3f} by enumeration, {found:.3f} simulated",
            ">= 0.78",
            exact >= 0.78,
        ),
        Row(
            f"not_worse, {name}, margin {100 * margin.detectable:.1f} points, no true difference",
            f"{kept:.3f} simulated",
            ">= 0.78",
            kept >= 0.78,
        ),
    ]
