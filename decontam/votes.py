"""Candidates of the second stage: exam units that share much of their rare words with a document.

Compiled. Order plays no part here, so edits, shuffles, other numbers and many paraphrases get
through; what gets through is judged one by one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decontam.compiled import compiled

WINDOW, STRIDE = 256, 128
LEAST_BITS = 14.0  # two rare words, or four that are not common


class Votes(NamedTuple):
    """The units each rare word is in: word w's are units[offsets[w]:offsets[w + 1]].

    `weights` are what the word weighs there and `totals` their sum over each unit's rare words.
    """

    offsets: npt.NDArray[np.int64]
    units: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    totals: npt.NDArray[np.float32]


class Poll(NamedTuple):
    """Scratch arrays: the votes of each unit in this window, and who has any."""

    words: npt.NDArray[np.int64]
    held: npt.NDArray[np.float32]
    touched: npt.NDArray[np.int32]
    taken: npt.NDArray[np.int64]
    clock: npt.NDArray[np.int64]


def poll_for(words: int, units: int) -> Poll:
    """Return scratch arrays for a lexicon and exams of these sizes."""
    return Poll(
        np.full(words, -1, np.int64),
        np.zeros(units, np.float32),
        np.zeros(units, np.int32),
        np.full(units, -1, np.int64),
        np.zeros(1, np.int64),
    )


@compiled
def voted(
    words: Any, count: int, votes: Any, poll: Any, share: float, document: int, out: Any
) -> int:
    """Write to out the units with at least `share` of their weight in one window; return how many.

    A unit in poll.taken for this document is left out.
    """
    first, found = 0, 0
    while True:
        end = min(count, first + WINDOW)
        poll.clock[0] += 1
        now = poll.clock[0]
        touched = 0
        for i in range(first, end):
            w = words[i]
            if w < 0 or poll.words[w] == now:
                continue
            poll.words[w] = now
            for k in range(votes.offsets[w], votes.offsets[w + 1]):
                u = votes.units[k]
                if poll.held[u] == 0.0:
                    poll.touched[touched] = u
                    touched += 1
                poll.held[u] += votes.weights[k]
        for k in range(touched):
            u = poll.touched[k]
            held = poll.held[u]
            poll.held[u] = 0.0
            if held >= max(share * votes.totals[u], LEAST_BITS) and poll.taken[u] != document:
                poll.taken[u] = document
                out[found] = u
                found += 1
        if end == count:
            return found
        first += STRIDE
