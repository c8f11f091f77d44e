"""From resemblance to a decision: the thresholds of the second stage, each with its reason.

Compiled. The figures were set on the labelled corpus of `benchmarks/decontam`; a bit is the weight
of a token, log2 of how rare it is in the exams.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decontam.compiled import compiled
from decontam.judge import (
    BAG,
    DENSITY,
    DISTINCT_NUMBERS,
    HELD,
    NUMBERS,
    ORDERED,
    RUN_BITS,
    RUN_TOKENS,
    SKELETON,
    SKELETON_BITS,
    TILED,
    TOTAL,
    TURN_SHARE,
    WORDS,
)

NOTHING, EDITED, PART, REORDERED, RENAMED, REPHRASED, COVERED, WHOLE = range(8)

EDITED_SHARE = 0.58  # one word in five replaced keeps two thirds of the weight in order
PART_BITS = 34.0  # a run that long by chance: below 1 in 10,000 documents of the same kind
ALONE_BITS = 13.0  # where the run is the better part of a turn
SOFT = 0.30
LEAST_BITS = 14.0


@compiled
def edited(f: Any, answer: bool) -> Any:
    """Say whether most of the unit stands in order, with edits."""
    small = min(1.0, max(0.0, (45.0 - f[TOTAL]) / 30.0))
    least = EDITED_SHARE + 0.25 * small + (0.12 if answer else 0.0)
    dense = f[DENSITY] >= 0.35
    return (
        f[ORDERED] >= least
        and f[TILED] >= (0.6 if answer else 0.38)
        and f[HELD] >= LEAST_BITS + (16.0 if answer else 0.0)
        and f[RUN_TOKENS] >= 4
        and dense
    )


@compiled
def truncated(f: Any, answer: bool) -> Any:
    """Say whether a stretch of the unit stands unbroken that is too telling for chance."""
    share = f[RUN_BITS] / max(f[TOTAL], 1e-6)
    if answer:
        return f[RUN_BITS] >= 50.0 and share >= 0.3
    if f[RUN_BITS] >= PART_BITS and f[RUN_TOKENS] >= 9 and share >= 0.25:
        return True
    return f[RUN_BITS] >= ALONE_BITS and f[TURN_SHARE] >= 0.7 and share >= 0.2


@compiled
def reordered(f: Any) -> Any:
    """Say whether nearly all of the unit is there and little else, in any order."""
    if f[HELD] < 30.0:
        return False
    tiles = f[TILED] >= 0.75 and f[BAG] >= 0.8 and f[DENSITY] >= 0.45
    return tiles or (f[BAG] >= 0.85 and f[DENSITY] >= 0.65)


@compiled
def renamed(f: Any) -> Any:
    """Say whether the unit stands in order but for its numbers and names."""
    return (
        f[SKELETON] >= 0.8 and f[SKELETON_BITS] >= 24.0 and f[TILED] >= 0.3 and f[DENSITY] >= 0.35
    )


@compiled
def likeness(f: Any) -> Any:
    """Return how far rare words and numbers are those of the unit, whatever the sentence: 0 to 1.

    0 where there are too few of either to tell.
    """
    if f[DISTINCT_NUMBERS] < 2 or f[WORDS] < 4:
        return 0.0
    alike = np.sqrt(f[BAG] * f[DENSITY]) * (0.3 + 0.7 * f[NUMBERS])
    telling = np.sqrt(min(f[WORDS], 10.0) / 10.0)
    return alike * telling


@compiled
def verdict(f: Any, answer: bool, soft: float) -> int:  # noqa: PLR0911
    """Return what the features of a pair amount to, NOTHING among the possibilities.

    `soft` is the likeness from which on a pair is REPHRASED, 0 for never.
    """
    if edited(f, answer):
        return EDITED
    if truncated(f, answer):
        return PART
    if answer:
        return NOTHING
    if renamed(f):
        return RENAMED
    if reordered(f):
        return REORDERED
    if soft > 0 and likeness(f) >= soft:
        return REPHRASED
    return NOTHING
