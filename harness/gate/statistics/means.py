"""Means of graded, repeated or clustered scores: cluster-robust t, and a bound for sparse data.

Instances that share a prompt, template or passage are one observation, not several: the variance
is that of cluster totals. Where almost no instance differs the variance cannot be estimated, and
`BoundedMean` takes over with bounds that need none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.gate.statistics.betting import betting_lower, betting_p
from harness.gate.statistics.types import Interval


class StandardError(NamedTuple):
    """A standard error of a mean with its degrees of freedom and number of clusters."""

    value: float
    df: float
    clusters: int


def cluster_standard_error(
    values: NDArray[np.float64], clusters: NDArray[np.int64] | None
) -> StandardError:
    """Return the bias-reduced (CR2) cluster-robust standard error of the mean of `values` [n].

    Bell & McCaffrey, Survey Methodology 28 (2002) 169-181, for an intercept alone: a cluster's
    summed residual is divided by sqrt(1 - n_c / n). With equal clusters this is Miller's
    clustered error (arXiv 2411.00640) times C/(C-1), with singletons the ordinary one. Degrees
    of freedom by Satterthwaite, taking cluster totals as independent with the variances that an
    exchangeable correlation implies (Imbens & Kolesar, Review of Economics and Statistics 98
    (2016) 701-712).
    """
    n = len(values)
    if clusters is None:
        deviation = float(values.std(ddof=1)) if n > 1 else math.nan
        return StandardError(deviation / math.sqrt(n), n - 1.0, n)
    _, codes = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(codes).astype(np.float64)
    residuals = values - values.mean()
    sums = np.asarray(np.bincount(codes, residuals), np.float64)
    if len(sizes) < 2:
        return StandardError(math.nan, 0.0, len(sizes))
    share = np.asarray(sizes / n, np.float64)
    variance = float((sums**2 / (1 - share)).sum()) / n**2
    return StandardError(
        math.sqrt(variance), _satterthwaite(share, residuals, sums, sizes), len(sizes)
    )


def _satterthwaite(
    share: NDArray[np.float64],
    residuals: NDArray[np.float64],
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
) -> float:
    """Return 2 E[Q]^2 / Var[Q] of Q = sum_c S_c^2 / (1 - h_c), S_c = T_c - h_c sum T."""
    rho = _intraclass(residuals, sums, sizes)
    v = sizes * (1 + (sizes - 1) * rho)
    a = 1 / (1 - share)
    total = v.sum()
    diagonal = v - 2 * share * v + share**2 * total
    mean = float((a * diagonal).sum())
    # Off the diagonal Cov(S_c, S_d) = h_c h_d V - h_c v_d - h_d v_c; its square is a sum of
    # products of one-index terms, so the double sum costs O(C).
    hh, vv, hv = (a * share**2).sum(), (a * v**2).sum(), (a * share * v).sum()
    double = total**2 * hh**2 + 2 * hh * vv + 2 * hv**2 - 4 * total * hh * hv
    own = a**2 * (share**2 * total - 2 * share * v) ** 2
    squares = double - float(own.sum()) + float((a**2 * diagonal**2).sum())
    return float(min(max(mean**2 / squares, 1.0), len(sizes) - 1.0))


def _intraclass(
    residuals: NDArray[np.float64], sums: NDArray[np.float64], sizes: NDArray[np.float64]
) -> float:
    """Return the pairwise intraclass correlation of the residuals, clipped to [0, 1]."""
    pairs = float((sizes * (sizes - 1)).sum())
    spread = float((residuals**2).mean())
    if pairs == 0 or spread == 0:
        return 0.0
    cross = (float((sums**2).sum()) - float((residuals**2).sum())) / pairs
    return min(max(cross / spread, 0.0), 1.0)


@dataclass(frozen=True)
class ClusteredMean:
    """A mean with a cluster-robust t test behind it."""

    estimate: float
    n: int
    error: StandardError

    @classmethod
    def of(
        cls, values: NDArray[np.float64], clusters: NDArray[np.int64] | None = None
    ) -> ClusteredMean:
        """Estimate the mean of `values` [n] with `clusters` [n] of equal codes or None."""
        return cls(float(values.mean()), len(values), cluster_standard_error(values, clusters))

    @property
    def deviation(self) -> float:
        """Standard error times sqrt(n): what one more independent instance's worth would have."""
        return self.error.value * math.sqrt(self.n)

    def p_greater(self, threshold: float) -> float:
        """One-sided t-test p for H0: mean <= `threshold`; 1 where there is no error estimate."""
        if not self.error.value > 0:
            return 1.0
        from scipy.special import stdtr

        return float(stdtr(self.error.df, (threshold - self.estimate) / self.error.value))

    def p_less(self, threshold: float) -> float:
        """One-sided t-test p for H0: mean >= `threshold`."""
        if not self.error.value > 0:
            return 1.0
        from scipy.special import stdtr

        return float(stdtr(self.error.df, (self.estimate - threshold) / self.error.value))

    def interval(self, alpha: float) -> Interval:
        """Two-sided t interval."""
        if not self.error.value > 0:
            return Interval(-math.inf, math.inf)
        from scipy.special import stdtrit

        half = float(stdtrit(self.error.df, 1 - alpha / 2)) * self.error.value
        return Interval(self.estimate - half, self.estimate + half)


@dataclass(frozen=True)
class BoundedMean:
    """A mean of cluster values in [low, high], with bounds valid at every sample size."""

    values: NDArray[np.float64]
    low: float
    high: float
    n: int

    @classmethod
    def of(
        cls,
        values: NDArray[np.float64],
        clusters: NDArray[np.int64] | None,
        low: float,
        high: float,
    ) -> BoundedMean:
        """Take `values` [n] in [low, high]; a cluster becomes one value of its share of the mean.

        Scaled by C n_c / n the cluster values have the same mean and a wider range.
        """
        if clusters is None:
            return cls(values, low, high, len(values))
        _, codes = np.unique(clusters, return_inverse=True)
        sizes = np.bincount(codes)
        scale = len(sizes) / len(values)
        reach = scale * sizes.max()
        totals = np.asarray(np.bincount(codes, values) * scale, np.float64)
        return cls(totals, min(low * reach, 0.0), max(high * reach, 0.0), len(values))

    def _unit(self, flip: bool) -> NDArray[np.float64]:
        unit = np.clip((self.values - self.low) / (self.high - self.low), 0.0, 1.0)
        return 1.0 - unit if flip else unit

    @property
    def estimate(self) -> float:
        """The mean."""
        return float(self.values.mean())

    @property
    def deviation(self) -> float:
        """Standard error times sqrt(n); 0 where all values agree."""
        count = len(self.values)
        spread = float(self.values.std(ddof=1)) if count > 1 else 0.0
        return spread * math.sqrt(self.n / count)

    def p_greater(self, threshold: float) -> float:
        """One-sided betting p for H0: mean <= `threshold`."""
        return betting_p(self._unit(False), (threshold - self.low) / (self.high - self.low))

    def p_less(self, threshold: float) -> float:
        """One-sided betting p for H0: mean >= `threshold`."""
        return betting_p(self._unit(True), (self.high - threshold) / (self.high - self.low))

    def interval(self, alpha: float) -> Interval:
        """Two-sided betting interval."""
        width = self.high - self.low
        return Interval(
            self.low + width * betting_lower(self._unit(False), alpha / 2),
            self.high - width * betting_lower(self._unit(True), alpha / 2),
        )
