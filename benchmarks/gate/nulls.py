"""A hundred checkpoints that did not improve: how many each rule promotes, and what it reports.

Every checkpoint answers an instance rightly with probability 1/2, whatever was trained; a new one
changes about 5 % of the answers of the one in charge, or (`drift`) of the one before it. So every
promotion is false, and the score of the last promoted less 50 % is pure inflation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from benchmarks.gate.looking import early_decisions
from benchmarks.gate.tables import Row
from harness.gate.statistics import spend, tango_z
from harness.gate.statistics.power import critical_wins

N, CHECKPOINTS, CHANGED, ALPHA = 541, 100, 0.05, 0.05
UNSEEN, MARGIN = 294, 0.05
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Rule = Callable[[Ints, Ints, Ints], Bools]


@dataclass
class Outcome:
    """Of each repeat: promotions among the checkpoints, and the reported score less the truth."""

    promotions: Ints
    inflation: NDArray[np.float64]

    def row(self, name: str, bar: bool) -> Row:
        """Summarise; the bars are a share of runs with any promotion, and the mean inflation."""
        any_ = float((self.promotions > 0).mean())
        mean = 100 * float(self.inflation.mean())
        figures = (
            f"{self.promotions.mean():.3f} promotions per 100; any in {100 * any_:.2f} % of runs; "
            f"inflation {mean:+.2f} points"
        )
        met = any_ <= ALPHA and mean <= 0.3
        return (
            Row(name, figures, "any <= 5 %, inflation <= 0.3", met) if bar else Row(name, figures)
        )


def raw_mean(wins: Ints, losses: Ints, look: Ints) -> Bools:
    """Promote where the mean is higher."""
    return np.asarray(wins > losses)


def ladder(wins: Ints, losses: Ints, look: Ints) -> Bools:
    """The parameter-free Ladder: better than the best so far by one paired standard error."""
    gap = wins - losses
    deviation = np.sqrt(np.maximum((wins + losses) / N - (gap / N) ** 2, 0.0))
    return np.asarray(gap / N > deviation / np.sqrt(N))


def sign_z(wins: Ints, losses: Ints, look: Ints) -> Bools:
    """olmo-eval's paired p: a normal sign test with the sample's own variance, two-sided 5 %."""
    contested = np.maximum(wins + losses, 1)
    share = wins / contested
    error = np.sqrt(share * (1 - share) / contested)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(error > 0, (share - 0.5) / error, np.where(wins == losses, 0.0, np.inf))
    return np.asarray((2 * ndtr(-np.abs(z)) < ALPHA) & (wins > losses))


def exact_without_looks(wins: Ints, losses: Ints, look: Ints) -> Bools:
    """McNemar's exact test at 5 %, every time as if it were the first."""
    return np.asarray(wins >= critical_wins(wins + losses, ALPHA))


_CRITICAL = np.stack(
    [np.zeros(N + 1, np.int64)]
    + [critical_wins(np.arange(N + 1), spend(ALPHA, k)) for k in range(1, CHECKPOINTS + 1)]
)


def gate(wins: Ints, losses: Ints, look: Ints) -> Bools:
    """The gate: McNemar's exact test at the share of alpha this look may spend."""
    return np.asarray(wins >= _CRITICAL[look, wins + losses])


def succession(
    rule: Rule, repeats: int, seed: int, *, unseen: bool = False, drift: bool = False
) -> Outcome:
    """Successive checkpoints, each compared with the one in charge."""
    rng = np.random.default_rng(seed)
    sizes = N + UNSEEN if unseen else N
    now = rng.random((repeats, sizes), dtype=np.float32) < 0.5
    champion = now.copy()
    look, looked = np.ones(repeats, np.int64), np.zeros(repeats, np.int64)
    promotions = np.zeros(repeats, np.int64)
    for _ in range(CHECKPOINTS):
        now = now if drift else champion.copy()
        now ^= rng.random((repeats, sizes), dtype=np.float32) < CHANGED
        dev, theirs = now[:, :N], champion[:, :N]
        passed = rule((dev & ~theirs).sum(1), (~dev & theirs).sum(1), look)
        if unseen:
            looked += passed
            passed = passed & _not_worse(now[:, N:], champion[:, N:], looked)
        promotions += passed
        champion[passed] = now[passed]
        look = np.where(passed, 1, look + 1)
    return Outcome(promotions, champion[:, :N].mean(1) - 0.5)


def _not_worse(ours: Bools, theirs: Bools, look: Ints) -> Bools:
    wins, losses = (ours & ~theirs).sum(1), (~ours & theirs).sum(1)
    levels = np.array([1.0] + [spend(ALPHA, k) for k in range(1, CHECKPOINTS + 1)])
    z = tango_z(wins, losses, UNSEEN, -MARGIN)
    return np.asarray(ndtr(-z) < levels[look])


def early(repeats: int, seed: int) -> Outcome:
    """The succession, each examination looked at in 25 steps and stopped once decided."""
    rng = np.random.default_rng(seed)
    champion = rng.random((repeats, N), dtype=np.float32) < 0.5
    look, promotions = np.ones(repeats, np.int64), np.zeros(repeats, np.int64)
    reported = champion.mean(1)
    for _ in range(CHECKPOINTS):
        now = champion ^ (rng.random((repeats, N), dtype=np.float32) < CHANGED)
        # Instances are exchangeable here, so their order is already random.
        signs = now.astype(np.int8) - champion.astype(np.int8)
        passed = np.zeros(repeats, bool)
        for k in np.unique(look):
            group = np.flatnonzero(look == k)
            found = early_decisions(signs[group], spend(ALPHA, int(k)))
            passed[group] = found.promoted
            won = group[found.promoted]
            for i, used in zip(won, found.used[found.promoted], strict=True):
                reported[i] = now[i, :used].mean()
        promotions += passed
        champion[passed] = now[passed]
        look = np.where(passed, 1, look + 1)
    return Outcome(promotions, reported - 0.5)


def sweep(repeats: int, seed: int, *, candidates: int = 20) -> Outcome:
    """Successive sweeps of `candidates` variants of the one in charge, Holm over each sweep."""
    rng = np.random.default_rng(seed)
    right = rng.binomial(N, 0.5, repeats)
    look, promotions = np.ones(repeats, np.int64), np.zeros(repeats, np.int64)
    for _ in range(CHECKPOINTS):
        # Only counts matter: which instances changed does not, all being alike.
        wins = rng.binomial((N - right)[:, None], CHANGED, (repeats, candidates))
        losses = rng.binomial(right[:, None], CHANGED, (repeats, candidates))
        best = (wins - losses).argmax(1)
        w, c = (x[np.arange(repeats), best] for x in (wins, losses))
        levels = np.array([spend(ALPHA, int(k)) / candidates for k in look])
        passed = np.array(
            [
                bool(a >= _wins_needed(a + b, level))
                for a, b, level in zip(w, c, levels, strict=True)
            ]
        )
        promotions += passed
        right = np.where(passed, right + w - c, right)
        look = np.where(passed, 1, look + 1)
    return Outcome(promotions, right / N - 0.5)


_needed: dict[tuple[int, float], int] = {}


def _wins_needed(contested: int, level: float) -> int:
    key = (int(contested), level)
    if key not in _needed:
        _needed[key] = int(critical_wins(np.array([contested]), level)[0])
    return _needed[key]


def rows(repeats: int) -> list[Row]:
    """Return the table: peers first, then the gate in its four settings."""
    peers: list[tuple[str, Rule]] = [
        ("raw mean higher", raw_mean),
        ("Ladder (one paired standard error)", ladder),
        ("olmo-eval's paired p < 0.05", sign_z),
        ("exact McNemar p < 0.05 each time", exact_without_looks),
    ]
    found = [succession(rule, repeats, 1).row(name, False) for name, rule in peers]
    found.append(succession(raw_mean, repeats, 6, drift=True).row("raw mean, drifting", False))
    ours = [
        ("gate, fixed n", succession(gate, repeats, 1)),
        ("gate, fixed n, drifting", succession(gate, repeats, 6, drift=True)),
        ("gate, stopped early", early(repeats, 2)),
        ("gate, with unseen looks", succession(gate, repeats, 3, unseen=True)),
        ("gate, 100 sweeps of 20", sweep(repeats, 4)),
    ]
    return found + [outcome.row(name, True) for name, outcome in ours]
