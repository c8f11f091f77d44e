"""Planned power against enumeration, the published check value, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.gate.statistics import (
    detectable_difference,
    instances_needed,
    mcnemar,
    mcnemar_power,
)
from harness.gate.statistics.power import critical_wins, normal_instances


def test_critical_wins_are_the_fewest_that_decide():
    contested = np.arange(0, 120)
    for level in (0.05, 0.0076):
        for m, wins in zip(contested, critical_wins(contested, level), strict=True):
            if wins <= m:
                assert mcnemar(int(wins), int(m - wins)).p_greater < level
            if wins > 0:
                assert mcnemar(int(wins) - 1, int(m - wins) + 1).p_greater >= level


def test_power_by_summing_the_multinomial():
    n, win, loss, level = 30, 0.25, 0.05, 0.05
    total = 0.0
    for wins in range(n + 1):
        for losses in range(n + 1 - wins):
            if mcnemar(wins, losses).p_greater < level:
                ties = n - wins - losses
                total += stats.multinomial.pmf([wins, losses, ties], n, [win, loss, 0.7])
    assert mcnemar_power(n, win, loss, level) == pytest.approx(total, rel=1e-9)


def test_normal_formula_published_check_value():
    # Miller, arXiv 2411.00640: variance 1/9, difference 0.03, two-sided 5 %, power 80 %: 969.
    assert normal_instances(0.03, 1 / 3, 0.025, 0.8) == 969


def test_detectable_difference_has_the_planned_power():
    for n, contested in ((541, 0.1), (200, 0.3), (1319, 0.05)):
        found = detectable_difference(n, contested, 0.05)
        wider = max(contested, found)
        power = mcnemar_power(n, (wider + found) / 2, (wider - found) / 2, 0.05)
        assert power == pytest.approx(0.8, abs=0.005)


def test_needed_instances_have_the_planned_power():
    for difference, contested in ((0.03, 0.1), (0.1, 0.3), (0.2, 0.2)):
        n = instances_needed(difference, contested, 0.05)
        win, loss = (contested + difference) / 2, (contested - difference) / 2
        assert mcnemar_power(n, win, loss, 0.05) >= 0.8
        assert mcnemar_power(math.floor(0.9 * n), win, loss, 0.05) < 0.8


def test_too_small_an_exam_detects_nothing():
    assert detectable_difference(4, 0.1, 0.05) is None
    assert instances_needed(0.0, 0.1, 0.05) is None
    assert instances_needed(1e-6, 0.1, 0.05) is None
