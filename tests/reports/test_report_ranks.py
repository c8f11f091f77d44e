"""Ranks: the all-pairs variance is the gate's own, and ranges cover the truth."""

from __future__ import annotations

import numpy as np
import pytest

from harness.gate.statistics import cluster_standard_error
from harness.reporting.ranks import TaskMatrix, rank
from harness.reporting.ranks import _products as products


@pytest.mark.parametrize("clustered", [False, True])
def test_every_pair_has_the_gates_standard_error(clustered):
    rng = np.random.default_rng(1)
    scores = rng.random((5, 80))
    clusters = rng.integers(0, 20, 80) if clustered else None
    g = products(TaskMatrix(scores, clusters))
    for i in range(5):
        for j in range(i):
            expected = cluster_standard_error(scores[i] - scores[j], clusters).value
            assert g[i, i] + g[j, j] - 2 * g[i, j] == pytest.approx(expected**2, rel=1e-9)


def test_equal_checkpoints_share_all_ranks_and_distinct_ones_none():
    same = np.tile((np.arange(200) % 2).astype(float), (3, 1))
    assert rank([TaskMatrix(same, None)]).ranks.tolist() == [[1, 3]] * 3
    apart = np.stack([np.arange(200) < k for k in (20, 100, 180)]).astype(float)
    assert rank([TaskMatrix(apart, None)]).ranks.tolist() == [[3, 3], [2, 2], [1, 1]]


def test_all_ranges_together_miss_the_true_order_rarely():
    rng = np.random.default_rng(7)
    truth = np.array([0.40, 0.45, 0.50, 0.55, 0.60])
    missed = 0
    for _ in range(300):
        scores = (rng.random((5, 120)) < truth[:, None]).astype(float)
        ranks = rank([TaskMatrix(scores, None)]).ranks
        true_places = 5 - np.arange(5)
        missed += bool(((ranks[:, 0] > true_places) | (ranks[:, 1] < true_places)).any())
    # At most 5 % in truth; 300 trials at 5 % exceed 27 with probability below 0.2 %.
    assert missed <= 27
