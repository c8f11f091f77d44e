"""Type-I error: of the exact test at every contested count, and of the other tests at threshold.

olmo-eval's rule (a normal sign test with the sample's own variance) is enumerated beside it.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, ndtr

from benchmarks.gate.nulls import sign_z
from benchmarks.gate.tables import Row
from harness.gate.statistics import tango_z
from harness.gate.statistics.binomial import binomial_p
from harness.gate.statistics.power import critical_wins

ALPHA = 0.05


def rows(repeats: int) -> list[Row]:
    """Return the worst errors."""
    exact, sign = {}, {}
    for contested in range(1, 201):
        wins = np.arange(contested + 1)
        weights = np.array([math.comb(contested, w) for w in wins]) / 2.0**contested
        needed = critical_wins(np.array([contested]), ALPHA)[0]
        exact[contested] = float(weights[wins >= needed].sum())
        promoted = sign_z(wins, contested - wins, np.ones(contested + 1, np.int64))
        sign[contested] = 2 * float(weights[promoted].sum())
    worst, peer = max(exact, key=exact.__getitem__), max(sign, key=sign.__getitem__)
    return [
        Row(
            "better: exact McNemar, contested counts 1 to 200",
            f"at most {exact[worst]:.4f} (at {worst}), mean {np.mean(list(exact.values())):.4f}",
            "<= 0.05",
            exact[worst] <= ALPHA,
        ),
        Row("olmo-eval's paired p (two-sided)", f"at most {sign[peer]:.2f} (at {peer})"),
        _non_inferiority(),
        _floor(),
    ]


def _non_inferiority() -> Row:
    """Enumerate the size of Tango's one-sided test at the margin over n and contested shares."""
    sizes = {}
    for n in (100, 200, 300, 541, 1319):
        for margin in (0.03, 0.05):
            for contested in (0.05, 0.1, 0.2, 0.4):
                if contested > margin:
                    sizes[n, margin, contested] = _tango_size(n, margin, contested)
    worst = max(sizes, key=sizes.__getitem__)
    figures = (
        f"mean {np.mean(list(sizes.values())):.4f}, at most {sizes[worst]:.4f} at n={worst[0]}, "
    )
    return Row(
        "not_worse: Tango's test at the margin, by enumeration over 40 designs",
        figures + f"margin {worst[1]}, contested {worst[2]}",
    )


def _tango_size(n: int, margin: float, contested: float) -> float:
    win, loss = (contested - margin) / 2, (contested + margin) / 2
    reach = int(n * loss + 9 * math.sqrt(n * loss)) + 9
    wins, losses = np.indices((min(n, reach) + 1, min(n, reach) + 1))
    ties = n - wins - losses
    log = np.full((wins + losses).shape, -np.inf)
    inside = ties >= 0

    weight = (
        gammaln(n + 1)
        - gammaln(wins + 1)
        - gammaln(losses + 1)
        - gammaln(np.maximum(ties, 0) + 1)
        + wins * math.log(win)
        + losses * math.log(loss)
        + ties * math.log(1 - win - loss)
    )
    log[inside] = weight[inside]
    p = ndtr(
        -tango_z(np.broadcast_to(wins, log.shape), np.broadcast_to(losses, log.shape), n, -margin)
    )
    return float(np.exp(log)[p < ALPHA].sum())


def _floor() -> Row:
    sizes = {}
    for n in (50, 200, 450):
        for floor in (0.5, 0.8, 0.95):
            weights = [math.comb(n, k) * floor**k * (1 - floor) ** (n - k) for k in range(n + 1)]
            p = [binomial_p(k, n, floor, greater=True) for k in range(n + 1)]
            sizes[n, floor] = sum(w for w, q in zip(weights, p, strict=True) if q < ALPHA)
    worst = max(sizes.values())
    return Row(
        "floor: exact binomial test at the floor, by enumeration",
        f"at most {worst:.4f}",
        "<= 0.05",
        worst <= ALPHA,
    )
