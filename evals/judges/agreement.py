"""How far a judge agrees with people: share with Wilson's interval, and Cohen's kappa.

Sources: Wilson, JASA 22 (1927) 209-212; Cohen, Educational and Psychological Measurement 20 (1960)
37-46. Labels are compared as they are; which labels there are is the caller's business.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from proctor.errors import ProctorError


@dataclass(frozen=True)
class Agreement:
    """Agreement over `n` labelled items; `kappa` is None where both sides know one label only."""

    n: int
    agreed: int
    share: float
    low: float
    high: float
    kappa: float | None


def agreement(judged: Sequence[str], human: Sequence[str], *, alpha: float = 0.05) -> Agreement:
    """Compare a judge's labels with human labels of the same items.

    Raises:
        ProctorError: there is nothing to compare, or the two differ in length.
    """
    if not judged or len(judged) != len(human):
        raise ProctorError(
            f"{len(judged)} verdicts cannot be compared with {len(human)} human labels: "
            "give one label for each, and at least one"
        )
    n = len(judged)
    agreed = sum(a == b for a, b in zip(judged, human, strict=True))
    low, high = wilson(agreed, n, alpha)
    return Agreement(n, agreed, agreed / n, low, high, _kappa(judged, human, agreed / n))


def _kappa(judged: Sequence[str], human: Sequence[str], share: float) -> float | None:
    ours, theirs = Counter(judged), Counter(human)
    chance = sum(ours[label] * theirs[label] for label in ours) / len(judged) ** 2
    return None if chance == 1.0 else (share - chance) / (1.0 - chance)


def wilson(successes: int, n: int, alpha: float) -> tuple[float, float]:
    """Return Wilson's two-sided 1 - `alpha` interval of a share, within [0, 1]."""
    z = NormalDist().inv_cdf(1 - alpha / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
