"""Exact matches shown on the texts themselves: which tokens, which spans, of what kind.

What the exact stage counted through hashes of n-grams is found again here token by token, so that
a hash collision is never reported. Reads one document at a time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decontam.compiled import compiled
from decontam.index import ExamIndex
from decontam.normalise import Tokens

EXCERPT = 2000
NEAREST = 20  # tokens: matched ones further apart than this, and than the unit is long, are apart


class Read(NamedTuple):
    """A document as the stages after the exact one see it.

    `data` is the UTF-8 of its turns back to back and `bounds` where each begins and ends in it;
    `numbers` and `roles` are the turns' places and roles in the row; `words` and `turns` hold, for
    each token, its word number (-1: in no exam) and the place of its turn in `bounds`; `ascii`
    says that a byte is a character.
    """

    data: bytes
    bounds: npt.NDArray[np.int64]
    numbers: tuple[int, ...]
    roles: tuple[str, ...]
    tokens: Tokens
    words: npt.NDArray[np.int32]
    turns: npt.NDArray[np.int32]
    ascii: bool


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
    covered[:] = False
    for i in range(len(words) - n + 1):
        if words[i] < 0 or words[i + n - 1] < 0:
            continue
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


@compiled
def stretches(partner: Any, turns: Any, gap: int, out: Any) -> int:
    """Write (turn, first token, last token, first place, last place, tokens) of the stretch with
    most matched tokens of each turn to `out`, as far as it has room; return how many."""
    rows, i, count = 0, 0, len(partner)
    while i < count:
        if partner[i] < 0:
            i += 1
            continue
        first = last = i
        low = high = partner[i]
        tokens = 0
        while i < count and turns[i] == turns[first] and i - last <= gap:
            if partner[i] >= 0:
                last = i
                tokens += 1
                low, high = min(low, partner[i]), max(high, partner[i])
            i += 1
        again = rows > 0 and out[rows - 1, 0] == turns[first]
        if again and out[rows - 1, 5] >= tokens:
            continue
        if not again:
            if rows == len(out):
                return rows
            rows += 1
        out[rows - 1, 0], out[rows - 1, 1], out[rows - 1, 2] = turns[first], first, last
        out[rows - 1, 3], out[rows - 1, 4], out[rows - 1, 5] = low, high, tokens
    return rows


@compiled
def exact_stretches(
    words: Any,
    turns: Any,
    picked: Any,
    units: Any,
    rarity: Any,
    n: int,
    span: bool,
    partner: Any,
    covered: Any,
    counts: Any,
    shares: Any,
    out: Any,
) -> None:
    """For each unit picked: write its stretches to out[k], their number and whether the unit
    stands whole to counts[k], its coverage and its coverage weighted by rarity to shares[k]."""
    for k in range(len(picked)):
        low, high = units.offsets[picked[k]], units.offsets[picked[k] + 1]
        unit = units.words[low:high]
        length = len(unit)
        partners(words, turns, unit, min(n, length), span, partner, covered[:length])
        found, weight, total = 0, 0.0, 1e-9
        for j in range(length):
            total += rarity[unit[j]]
            if covered[j]:
                found += 1
                weight += rarity[unit[j]]
        shares[k, 0], shares[k, 1] = found / length, weight / total
        counts[k, 0] = stretches(partner, turns, max(NEAREST, length), out[k])
        counts[k, 1] = found == length and stands_whole(words, unit)  # fmt: skip


def unit_words(index: ExamIndex, unit: int) -> npt.NDArray[np.int32]:
    """Return the word numbers of a unit."""
    offsets = index.units.offsets
    words: npt.NDArray[np.int32] = index.units.words[offsets[unit] : offsets[unit + 1]]
    return words


def pieces_of(
    read: Read, index: ExamIndex, unit: int, partner: npt.NDArray[np.int32]
) -> list[Piece]:
    """Return, for each turn, the stretch that holds most of a unit's matched tokens.

    `partner` is the unit place of each document token or -1.
    """
    room = np.empty((64, 6), np.int32)
    gap = max(NEAREST, int(index.units.offsets[unit + 1] - index.units.offsets[unit]))
    count = stretches(partner, read.turns, gap, room)
    return pieces_from(read, index, unit, index.text_of(unit), room[:count].tolist())


def pieces_from(
    read: Read, index: ExamIndex, unit: int, text: str, found: list[list[int]]
) -> list[Piece]:
    """Return stretches as pieces, those left out that are slight beside the longest."""
    base = int(index.units.offsets[unit])
    starts, ends = index.units.starts, index.units.ends
    most = max((row[5] for row in found), default=0)
    pieces = []
    for turn, first, last, low, high, tokens in found:
        if 5 * tokens < most:
            continue
        begin = int(read.bounds[turn])
        a, b = int(read.tokens.starts[first]), int(read.tokens.ends[last])
        stretch = read.data[a:b].decode("utf-8", "replace")
        start = a - begin if read.ascii else len(read.data[begin:a].decode("utf-8", "replace"))
        p, q = int(starts[base + low]), int(ends[base + high])
        pieces.append(
            Piece(
                read.numbers[turn],
                read.roles[turn],
                start,
                start + len(stretch),
                p,
                q,
                stretch[:EXCERPT],
                text[p:q][:EXCERPT],
            )
        )
    return pieces
