"""Exact tests against enumeration, scipy and statsmodels."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar
from statsmodels.stats.proportion import proportion_confint

from harness.gate.statistics import binomial_tail, mcnemar, wilson


@given(st.integers(0, 3000), st.floats(0.001, 0.999), st.floats(0, 1))
@settings(max_examples=300, deadline=None)
def test_tail_agrees_with_scipy(n, p, share):
    k = round(share * n)
    assert binomial_tail(k, n, p) == pytest.approx(
        stats.binom.sf(k - 1, n, p), rel=1e-9, abs=1e-290
    )


def test_tail_of_a_million_coins():
    for k in (499_000, 500_000, 501_500, 505_000):
        expected = stats.binom.sf(k - 1, 1_000_000, 0.5)
        assert binomial_tail(k, 1_000_000, 0.5) == pytest.approx(expected, rel=1e-8)


def test_mcnemar_by_enumerating_every_sequence_of_signs():
    for contested in range(9):
        sequences = list(product((0, 1), repeat=contested))
        for wins in range(contested + 1):
            greater = sum(sum(s) >= wins for s in sequences) / len(sequences)
            less = sum(sum(s) <= wins for s in sequences) / len(sequences)
            found = mcnemar(wins, contested - wins)
            assert found.p_greater == pytest.approx(greater, abs=1e-15)
            assert found.p_less == pytest.approx(less, abs=1e-15)


@given(st.integers(0, 400), st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_mcnemar_agrees_with_statsmodels_and_scipy(wins, losses):
    found = mcnemar(wins, losses)
    table = [[10, wins], [losses, 10]]
    assert found.p_two_sided == pytest.approx(sm_mcnemar(table, exact=True).pvalue, rel=1e-9)
    if wins + losses:
        test = stats.binomtest(wins, wins + losses, alternative="greater")
        assert found.p_greater == pytest.approx(test.pvalue, rel=1e-9)


def test_one_win_against_none_shows_nothing():
    assert mcnemar(1, 0).p_two_sided == 1.0
    assert mcnemar(5, 1).p_two_sided == pytest.approx(0.21875)
    assert mcnemar(8, 2).p_two_sided == pytest.approx(0.109375)


def test_mid_p_is_two_tails_less_one_point():
    found = mcnemar(7, 1)
    assert found.mid_p == pytest.approx(found.p_two_sided - stats.binom.pmf(7, 8, 0.5))


def test_size_never_exceeds_alpha_at_any_contested_count():
    for alpha in (0.05, 0.01):
        for contested in range(1, 201):
            refused = sum(
                math.comb(contested, w)
                for w in range(contested + 1)
                if mcnemar(w, contested - w).p_greater < alpha
            )
            assert refused / 2**contested <= alpha


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.1, 0.05, 0.01]))
@settings(max_examples=200, deadline=None)
def test_wilson_agrees_with_statsmodels(n, share, alpha):
    k = round(share * n)
    low, high = proportion_confint(k, n, alpha, method="wilson")
    found = wilson(k, n, alpha)
    assert found.low == pytest.approx(low, abs=1e-12)
    assert found.high == pytest.approx(high, abs=1e-12)
