"""Clustered means and bounded means against statsmodels, scipy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from harness.gate.statistics import (
    BoundedMean,
    ClusteredMean,
    betting_p,
    cluster_standard_error,
    confidence_sequence,
)


def test_without_clusters_it_is_the_t_test():
    values = np.random.default_rng(0).normal(0.1, 1, 40)
    found = ClusteredMean.of(values)
    expected = stats.ttest_1samp(values, 0.0, alternative="greater")
    assert found.p_greater(0.0) == pytest.approx(expected.pvalue)
    interval = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert found.interval(0.05) == pytest.approx((interval.low, interval.high))


def test_equal_clusters_are_statsmodels_clustered_error():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 5)
    values = rng.normal(size=150) + rng.normal(size=30)[groups]
    fit = sm.OLS(values, np.ones(150)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    # statsmodels multiplies by C/(C-1) (n-1)/(n-k); with an intercept alone that is C/(C-1).
    found = cluster_standard_error(values, groups)
    assert found.value == pytest.approx(float(fit.bse[0]), rel=1e-9)
    assert found.df == pytest.approx(29, abs=0.5)
    means = values.reshape(30, 5).mean(axis=1)
    assert found.value == pytest.approx(means.std(ddof=1) / np.sqrt(30))


def test_unequal_clusters_lower_the_degrees_of_freedom():
    rng = np.random.default_rng(2)
    groups = np.concatenate([np.zeros(100), np.arange(1, 21)]).astype(np.int64)
    values = rng.normal(size=120) + rng.normal(size=21)[groups]
    found = cluster_standard_error(values, groups)
    assert found.clusters == 21
    assert 1 <= found.df < 6


def test_degrees_of_freedom_match_the_quadratic_form_written_out():
    rng = np.random.default_rng(3)
    sizes = np.array([1, 2, 3, 5, 8])
    groups = np.repeat(np.arange(5), sizes)
    values = rng.normal(size=19) + 2 * rng.normal(size=5)[groups]
    found = cluster_standard_error(values, groups)
    residuals = values - values.mean()
    sums = np.array([residuals[groups == c].sum() for c in range(5)])
    pairs = sum(
        residuals[i] * residuals[j]
        for i in range(19)
        for j in range(19)
        if i != j and groups[i] == groups[j]
    )
    rho = min(max(pairs / (sizes * (sizes - 1)).sum() / (residuals**2).mean(), 0), 1)
    total = np.diag(sizes * (1 + (sizes - 1) * rho))
    centre = np.eye(5) - np.outer(sizes / 19, np.ones(5))
    covariance = centre @ total @ centre.T
    weights = np.diag(1 / (1 - sizes / 19))
    product = weights @ covariance
    assert found.df == pytest.approx(np.trace(product) ** 2 / np.trace(product @ product))
    assert found.value == pytest.approx(np.sqrt(sums @ weights @ sums) / 19)


def test_one_cluster_decides_nothing():
    mean = ClusteredMean.of(np.array([0.1, 0.5, 0.9]), np.zeros(3, np.int64))
    assert mean.p_greater(-0.9) == 1.0
    assert mean.p_less(0.9) == 1.0


def test_betting_p_is_valid_and_has_power():
    rng = np.random.default_rng(4)
    null = [betting_p(rng.beta(0.3, 0.7, 200), 0.3) for _ in range(400)]
    assert np.mean(np.array(null) < 0.1) <= 0.1
    other = [betting_p(rng.beta(0.5, 0.5, 200), 0.3) for _ in range(50)]
    assert np.mean(np.array(other) < 0.05) > 0.9


def test_identical_scores_are_bounded_by_their_number():
    same = BoundedMean.of(np.zeros(50), None, -1.0, 1.0)
    low, high = same.interval(0.1)
    # Half the wealth is in the boldest bet, which alone gives log(20) / n: the rule of three.
    assert low == pytest.approx(-high)
    assert -0.08 < low < -0.05
    assert same.p_greater(-0.03) > 0.05
    assert BoundedMean.of(np.zeros(500), None, -1.0, 1.0).p_greater(-0.03) < 0.05


def test_a_cluster_counts_once_in_a_bounded_mean():
    values = np.zeros(100)
    alone = BoundedMean.of(values, None, -1.0, 1.0)
    together = BoundedMean.of(values, np.repeat(np.arange(10), 10), -1.0, 1.0)
    assert together.p_greater(-0.05) > alone.p_greater(-0.05)
    assert together.estimate == alone.estimate


def test_confidence_sequence_holds_at_all_times():
    rng = np.random.default_rng(5)
    misses = 0
    for _ in range(100):
        values = (rng.random(150) < 0.4).astype(float)
        found = confidence_sequence(values, 0.1, every=10)
        misses += bool((found.low > 0.4).any() or (found.high < 0.4).any())
    assert misses <= 10
    assert found.high[-1] - found.low[-1] < 0.35
