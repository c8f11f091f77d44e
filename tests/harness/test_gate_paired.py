"""Intervals of paired proportions against published examples and their defining property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.gate.statistics import PairedBinary, SingleRate, mcnemar, newcombe, tango, tango_z


def test_tango_published_examples():
    # Airway hyper-responsiveness (1, 1, 7, 12), Fagerland, Lydersen & Laake 2014: -0.517, -0.026.
    low, high = tango(1, 7, 21, 0.05)
    assert (round(float(low), 3), round(float(high), 3)) == (-0.517, -0.026)
    # R's PropCIs, scoreci.mp(25, 28, 618) at 90 %, which estimates (c - b) / n.
    low, high = tango(28, 25, 618, 0.10)
    assert (round(float(low), 4), round(float(high), 4)) == (-0.0148, 0.0247)


def test_newcombe_published_example():
    # The same table by Newcombe's method 10, Fagerland, Lydersen & Laake 2014.
    low, high = newcombe(1, 1, 7, 12, 0.05)
    assert (round(low, 3), round(high, 3)) == (-0.507, -0.026)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 300))
@settings(max_examples=150, deadline=None)
def test_tango_limits_are_where_the_score_equals_the_quantile(wins, losses, ties):
    n = wins + losses + ties
    if n == 0:
        return
    low, high = (float(x) for x in tango(wins, losses, n, 0.05))
    estimate = (wins - losses) / n
    assert -1 <= low <= estimate + 1e-9
    assert estimate - 1e-9 <= high <= 1
    for limit, target in ((low, 1.959964), (high, -1.959964)):
        if -0.999 < limit < 0.999:
            assert float(tango_z(wins, losses, n, limit)) == pytest.approx(target, abs=1e-3)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_tango_swaps_sides(wins, losses, ties):
    n = wins + losses + ties
    low, high = tango(wins, losses, n, 0.05)
    mirrored = tango(losses, wins, n, 0.05)
    assert float(low) == pytest.approx(-float(mirrored[1]), abs=1e-9)
    assert float(high) == pytest.approx(-float(mirrored[0]), abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_newcombe_holds_the_estimate_and_swaps_sides(both, wins, losses, neither):
    n = both + wins + losses + neither
    if n == 0:
        return
    low, high = newcombe(both, wins, losses, neither, 0.05)
    assert low - 1e-9 <= (wins - losses) / n <= high + 1e-9
    mirrored = newcombe(both, losses, wins, neither, 0.05)
    assert low == pytest.approx(-mirrored.high, abs=1e-12)


def test_score_test_at_zero_is_mcnemar_without_correction():
    for wins, losses in ((5, 1), (12, 30), (40, 22)):
        z = float(tango_z(wins, losses, 200, 0.0))
        assert z == pytest.approx((wins - losses) / np.sqrt(wins + losses))


@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 300))
@settings(max_examples=100, deadline=None)
def test_superiority_is_never_easier_than_the_exact_test(wins, losses, ties):
    estimate = PairedBinary(wins, losses, wins + losses + ties + 1)
    assert estimate.p_greater(0.0) >= mcnemar(wins, losses).p_greater
    assert estimate.p_greater(0.02) >= estimate.p_greater(0.0) - 1e-12


def test_nothing_contested_is_no_evidence_of_equality_in_a_small_exam():
    assert PairedBinary(0, 0, 20).p_greater(-0.03) > 0.05
    assert PairedBinary(0, 0, 500).p_greater(-0.03) < 0.05


def test_a_rate_is_tested_exactly():
    assert SingleRate(20, 20).p_greater(0.9) == pytest.approx(0.9**20)
    assert SingleRate(0, 10).p_less(0.1) == pytest.approx(0.9**10)
