"""Scores many responses in order, several at a time where that helps; the scores are the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evals.scoring.result import Score, Scorer

_WORTH_THREADS = 32


def score_all(
    scorer: Scorer, pairs: Sequence[tuple[Mapping[str, Any], str]], workers: int | None = None
) -> Iterator[Score]:
    """Yield the score of each (instance, response) in order.

    `workers` is the number of responses scored at once, by default one a core, for scorers that
    wait for another process; the others run one after the other.

    Raises:
        ProctorError: an instance lacks what the scorer needs.
    """
    count = workers or os.cpu_count() or 1
    if not scorer.waits or count == 1 or len(pairs) < _WORTH_THREADS:
        yield from (scorer(instance, response) for instance, response in pairs)
        return
    with ThreadPoolExecutor(count) as threads:
        yield from threads.map(lambda pair: scorer(*pair), pairs)
