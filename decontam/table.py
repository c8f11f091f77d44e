"""The contamination table, source by task, with Wilson intervals."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

Z95 = 1.959963984540054


class Cell(NamedTuple):
    """How many of a task's instances were found in a source, and the 95 % interval of the share."""

    source: str
    task: str
    instances: int
    matched: int
    share: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for a manifest."""
        return self._asdict()


def wilson(hits: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a share (Wilson 1927; Brown, Cai and DasGupta 2001).

    Raises:
        ValueError: total is not positive or hits is outside 0..total.
    """
    if total <= 0 or not 0 <= hits <= total:
        raise ValueError(f"{hits} of {total} is not a share")
    share, square = hits / total, z * z
    centre = (share + square / (2 * total)) / (1 + square / total)
    spread = math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    half = z * spread / (1 + square / total)
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    return low, 1.0 if hits == total else min(1.0, centre + half)


def cell(source: str, task: str, instances: int, matched: int) -> Cell:
    """Return the cell of a source and a task."""
    low, high = wilson(matched, instances)
    return Cell(source, task, instances, matched, matched / instances, low, high)
