"""Places that the data allow: checkpoints that can't be told apart share a range of ranks.

A checkpoint's best place is one behind those shown to be better, its worst before those shown
to be worse. All pairs are compared at once on the mean over tasks, paired by instance, with
Bonferroni's correction, so that all ranges together hold with 95 % (joint confidence set for a
ranking: Klein, Wright & Wieczorek, JRSS A 183 (2020) 589-606). Display only: no gate reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.gate.statistics.types import z_upper


@dataclass(frozen=True)
class TaskMatrix:
    """Scores [k, n] of k checkpoints on the same n instances of a task, and clusters [n] or None.

    n is at least 2, and so is the number of clusters.
    """

    scores: NDArray[np.float64]
    clusters: NDArray[np.int64] | None


@dataclass(frozen=True)
class Ranking:
    """`means` [k] over tasks, their standard `errors` [k] and `ranks` [k, 2] from 1."""

    means: NDArray[np.float64]
    errors: NDArray[np.float64]
    ranks: NDArray[np.int64]


def rank(tasks: Sequence[TaskMatrix], alpha: float = 0.05) -> Ranking:
    """Rank k checkpoints on the mean over tasks; tasks count equally, whatever their sizes."""
    k, count = len(tasks[0].scores), len(tasks)
    means, products = np.zeros(k), np.zeros((k, k))
    floor = 0.0
    for task in tasks:
        means += task.scores.mean(axis=1) / count
        products += _products(task) / count**2
        # A spread of zero is a small sample's accident: assume one contested instance.
        n = task.scores.shape[1]
        floor += 1 / n / n / count**2
    own = np.diag(products)
    variances = np.maximum(own[:, None] + own[None, :] - 2 * products, floor)
    gaps = means[:, None] - means[None, :]
    pairs = max(1, k * (k - 1) // 2)
    apart = np.abs(gaps) > z_upper(alpha / pairs / 2) * np.sqrt(variances)
    best = 1 + (apart & (gaps < 0)).sum(axis=1)
    worst = k - (apart & (gaps > 0)).sum(axis=1)
    return Ranking(means, np.sqrt(np.maximum(own, floor)), np.stack([best, worst], axis=1))


def _products(task: TaskMatrix) -> NDArray[np.float64]:
    """Return G [k, k] with Var(mean_i - mean_j) = G_ii + G_jj - 2 G_ij for every pair.

    The variance is `harness.gate.statistics.means.cluster_standard_error`'s of the difference,
    for all pairs in one product: residuals are linear in the scores.
    """
    n = task.scores.shape[1]
    residuals = task.scores - task.scores.mean(axis=1, keepdims=True)
    sizes = np.ones(n)
    if task.clusters is not None:
        order = np.argsort(task.clusters, kind="stable")
        starts = np.flatnonzero(np.diff(task.clusters[order], prepend=-1))
        sizes = np.diff(np.append(starts, n)).astype(np.float64)
        residuals = np.add.reduceat(residuals[:, order], starts, axis=1)
    weighted = residuals / np.sqrt(1 - sizes / n) / n
    return np.asarray(weighted @ weighted.T)
