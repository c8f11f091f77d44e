"""Exact matches shown on the texts themselves: which tokens, which spans, of what kind.

What the exact stage counted through hashes is found again here token by token, so that a hash
collision is never reported. Reads one document and one exam unit at a time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decontam.compiled import compiled
from decontam.index import ExamIndex
from decontam.normalise import Tokens, char_offsets, utf8

EXCERPT = 2000


class Read(NamedTuple):
    """A document as the stages after the exact one see it.

    `data` is the UTF-8 of its turns back to back and `bounds` where each begins and ends in it;
    `numbers` and `roles` are the turns' places and roles in the row; `words` and `turns` hold, for
    each token, its word number (-1: in no exam) and the place of its turn in `bounds`.
    """

    data: bytes
    bounds: npt.NDArray[np.int64]
    numbers: tuple[int, ...]
    roles: tuple[str, ...]
    tokens: Tokens
    words: npt.NDArray[np.int32]
    turns: npt.NDArray[np.int32]


class Piece(NamedTuple):
    """A stretch of one turn that holds a stretch of an exam unit; characters, ends excluded."""

    turn: int
    role: str
    start: int
    end: int
    instance_start: int
    instance_end: int
    text: str
    instance_text: str


@compiled
def partners(words: Any, turns: Any, unit: Any, n: int, span: bool, out: Any, covered: Any) -> None:
    """Write to out[i] the unit place that document token i shares an n-gram through, or -1.

    `covered` is set for every unit token that lies in a shared n-gram.
    """
    out[:] = -1
    for i in range(len(words) - n + 1):
        if not span and turns[i] != turns[i + n - 1]:
            continue
        for place in range(len(unit) - n + 1):
            if unit[place] != words[i]:
                continue
            same = 1
            while same < n and unit[place + same] == words[i + same]:
                same += 1
            if same == n:
                for step in range(n):
                    covered[place + step] = True
                    if out[i + step] < 0:
                        out[i + step] = place + step


@compiled
def stands_whole(words: Any, unit: Any) -> bool:
    """Say whether the unit's tokens stand in the document, all of them and without a break."""
    length = len(unit)
    for i in range(len(words) - length + 1):
        same = 0
        while same < length and unit[same] == words[i + same]:
            same += 1
        if same == length:
            return True
    return False


def unit_words(index: ExamIndex, unit: int) -> npt.NDArray[np.int32]:
    """Return the word numbers of a unit."""
    offsets = index.units.offsets
    words: npt.NDArray[np.int32] = index.units.words[offsets[unit] : offsets[unit + 1]]
    return words


def pieces_of(read: Read, partner: npt.NDArray[np.int32], text: str, places: Tokens) -> list[Piece]:
    """Return, for each turn, the stretch that holds most of a unit's matched tokens.

    `partner` is the unit place of each document token or -1; `places` are the unit's tokens.
    """
    pieces = []
    matched = np.flatnonzero(partner >= 0)
    gap = max(20, len(places.starts))
    data = utf8(text)
    offsets = char_offsets(data, np.concatenate((places.starts, places.ends)))
    firsts, lasts = offsets[: len(places.starts)], offsets[len(places.starts) :]
    for turn in np.unique(read.turns[matched]).tolist():
        here = matched[read.turns[matched] == turn]
        runs = np.split(here, np.flatnonzero(np.diff(here) > gap) + 1)
        run = max(runs, key=len)
        found = partner[run]
        low, high = int(firsts[found].min()), int(lasts[found].max())
        pieces.append(_piece(read, turn, int(run[0]), int(run[-1]), low, high, text))
    longest = max((p.instance_end - p.instance_start for p in pieces), default=0)
    return [p for p in pieces if 5 * (p.instance_end - p.instance_start) >= longest]


def _piece(read: Read, turn: int, first: int, last: int, low: int, high: int, text: str) -> Piece:
    begin, end = int(read.bounds[turn]), int(read.bounds[turn + 1])
    whole = read.data[begin:end]
    a, b = int(read.tokens.starts[first]) - begin, int(read.tokens.ends[last]) - begin
    start = len(whole[:a].decode("utf-8", "replace"))
    stretch = whole[a:b].decode("utf-8", "replace")
    return Piece(
        read.numbers[turn],
        read.roles[turn],
        start,
        start + len(stretch),
        low,
        high,
        stretch[:EXCERPT],
        text[low:high][:EXCERPT],
    )
