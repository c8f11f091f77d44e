"""Holm against statsmodels; alpha spending adds up; looks of one examination keep alpha."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.gate.statistics import alpha_left, design, exact_level, holm, spend
from harness.gate.statistics.binomial import mcnemar
from harness.gate.statistics.types import NORMAL


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(deadline=None)
def test_holm_agrees_with_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_holm_of_nothing():
    assert holm([]) == []


def test_spending_adds_up_to_alpha_and_no_more():
    assert sum(spend(0.05, k) for k in range(1, 100_000)) == pytest.approx(0.05, rel=1e-4)
    assert alpha_left(0.05, 10_000) > 0
    with pytest.raises(ValueError, match="counted from 1"):
        spend(0.05, 0)


def test_design_keeps_alpha_and_power():
    plan = design(0.05, 20)
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(60_000, 20)) / np.sqrt(20)
    fractions = np.array(plan.fractions)
    limits = np.array([-NORMAL.inv_cdf(level) for level in plan.levels]) * np.sqrt(fractions)
    null = steps.cumsum(axis=1)
    assert (null >= limits).any(axis=1).mean() == pytest.approx(0.05, abs=0.003)
    moved = null + plan.drift * fractions
    passed, gone = moved >= limits, moved < np.array(plan.hopeless)
    first = (passed | gone).argmax(axis=1)
    assert passed[np.arange(len(passed)), first].mean() == pytest.approx(0.80, abs=0.01)


def test_exact_levels_keep_alpha_by_enumeration():
    """Every sequence of signs over looks at 3, 6, 9 and 12 contested instances."""
    alpha, marks = 0.1, (3, 6, 9, 12)
    plan = design(alpha, 4)
    crossed = 0
    for signs in itertools.product((0, 1), repeat=12):
        wins = [sum(signs[:m]) for m in marks]
        losses = [m - w for m, w in zip(marks, wins, strict=True)]
        for look in range(1, 5):
            level = exact_level(wins[:look], losses[:look], plan, alpha)
            if mcnemar(wins[look - 1], losses[look - 1]).p_greater <= level:
                crossed += 1
                break
    assert crossed / 2**12 <= alpha
    assert crossed / 2**12 > 0.05


def test_exact_level_does_not_depend_on_who_won():
    plan = design(0.05, 10)
    assert exact_level([4, 9], [1, 2], plan, 0.05) == exact_level([1, 2], [4, 9], plan, 0.05)
