"""A match worked out: which tokens answer to which, what kind it is, which part of the item.

Looks at one document and one exam unit that the block scan paired; it may still find that there
is nothing to show. Prints nothing, decides nothing about a source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Indel, LCSseq, Opcode

from decontam.confirm import (
    Piece,
    Read,
    exact_stretches,
    partners,
    pieces_from,
    pieces_of,
    stands_whole,
    unit_words,
)
from decontam.index import ANSWER, ExamIndex
from decontam.judge import Bench, best_window
from decontam.matches import ANSWER as ANSWER_KIND
from decontam.matches import NEAR, PARAPHRASE, TEMPLATE, VERBATIM
from decontam.normalise import Tokens, tokens_of
from decontam.verdicts import COVERED, REORDERED, REPHRASED
from decontam.words import NUMBER

Ints = npt.NDArray[np.int32]
ALIKE = 0.7  # two spellings this similar are one name with a slip, not two names
MOST_TOKENS = 4096
EDGE = 4  # tokens around the best window, where an exchanged first or last word may stand


class Changes(NamedTuple):
    """How a copy differs from its original: replaced numbers and names, and everything else."""

    slots: int
    others: int


@dataclass(frozen=True)
class Found:
    """A unit found in a document; `first` and `last` are the document's tokens it spans."""

    unit: int
    task: int
    instance: int
    part: str
    kind: str
    coverage: float
    score: float
    first: int
    last: int
    pieces: tuple[Piece, ...]


def explained(read: Read, index: ExamIndex, unit: int, verdict: int, bench: Bench) -> Found | None:
    """Return what a document and a unit share, or None where the texts do not bear it out."""
    words = unit_words(index, unit)
    text = index.text_of(unit)
    places = tokens_of(text)
    low, high = int(index.units.offsets[unit]), int(index.units.offsets[unit + 1])
    weights = index.units.weights[low:high]
    first, end = 0, len(read.words)
    if weights.any():
        _, first, end = best_window(read.words, words, weights, bench)
    partner = np.full(len(read.words), -1, np.int32)
    changes = Changes(0, 0)
    whole = stands_whole(read.words, words)
    if whole:
        _whole_only(read, words, partner)
    elif verdict in (REORDERED, REPHRASED):
        _by_words(read.words, words, weights, first, end, verdict == REORDERED, partner)
    else:
        changes = _in_order(read, index, unit, words, places, text, first, end, partner)
        if verdict == COVERED:
            changes = _or_spread(read, words, partner, changes)
    matched = np.flatnonzero(partner >= 0)
    if not len(matched):
        return None
    held = np.unique(partner[matched])
    rarity = index.lexicon.weights[words]
    task, instance = int(index.units.tasks[unit]), int(index.units.instances[unit])
    kind = _kind(index.units.parts[unit] == ANSWER, whole, verdict, changes, len(held) / len(words))
    return Found(
        unit,
        task,
        instance,
        "answer" if index.units.parts[unit] == ANSWER else "question",
        kind,
        len(held) / len(words),
        float(rarity[held].sum() / rarity.sum()),
        int(matched[0]),
        int(matched[-1]),
        tuple(pieces_of(read, index, unit, partner)),
    )


def exactly(read: Read, index: ExamIndex, picked: Ints) -> list[Found]:
    """Return what a document shares with each unit in n-grams of the rule's length."""
    rule, units = index.rule, index.units
    longest = int((units.offsets[picked + 1] - units.offsets[picked]).max())
    turns = max(1, min(64, len(read.roles)))
    counts, shares = np.zeros((len(picked), 2), np.int32), np.zeros((len(picked), 2))
    out = np.empty((len(picked), turns, 6), np.int32)
    exact_stretches(
        read.words, read.turns, picked, units, index.lexicon.weights, rule.n, rule.span_turns,
        np.empty(len(read.words), np.int32), np.zeros(longest, np.bool_), counts, shares, out,
    )  # fmt: skip
    found = []
    rows = zip(picked.tolist(), counts.tolist(), shares.tolist(), out.tolist(), strict=True)
    tasks, instances = units.tasks[picked].tolist(), units.instances[picked].tolist()
    for (unit, (count, whole), (coverage, score), held), task, instance in zip(
        rows, tasks, instances, strict=True
    ):
        if not count:
            continue
        own = held[:count]
        text = index.exams[task].instances[instance].text
        pieces = tuple(pieces_from(read, index, unit, text, own))
        kind = VERBATIM if whole else NEAR
        first, last = own[0][1], own[-1][2]
        found.append(
            Found(unit, task, instance, "question", kind, coverage, score, first, last, pieces)
        )
    return found


def _kind(answer: bool, whole: bool, verdict: int, changes: Changes, coverage: float) -> str:
    if answer:
        return ANSWER_KIND
    if whole:
        return VERBATIM
    if verdict == REPHRASED:
        return PARAPHRASE
    if changes.slots and 3 * changes.others <= changes.slots + 2 and coverage >= 0.4:
        return TEMPLATE
    return NEAR


def _or_spread(read: Read, words: Ints, partner: Ints, changes: Changes) -> Changes:
    """Where far more of a unit lies outside its best window, pair runs from all of the document."""
    covered = np.zeros(len(words), np.bool_)
    spread = np.full(len(partner), -1, np.int32)
    partners(read.words, read.turns, words, min(5, len(words)), True, spread, covered)
    if covered.sum() > 1.2 * len(np.unique(partner[partner >= 0])):
        partner[:] = spread
        return Changes(0, 0)
    return changes


def _whole_only(read: Read, words: Ints, partner: Ints) -> None:
    """Keep the first place where the unit stands whole."""
    length = len(words)
    for place in np.flatnonzero(read.words[: len(read.words) - length + 1] == words[0]).tolist():
        if (read.words[place : place + length] == words).all():
            partner[:] = -1
            partner[place : place + length] = np.arange(length)
            return


def _by_words(
    document: Ints,
    words: Ints,
    weights: npt.NDArray[np.float32],
    first: int,
    end: int,
    every: bool,
    partner: Ints,
) -> None:
    """Pair equal words whatever their order; only telling ones unless `every`."""
    places: dict[int, list[int]] = {}
    for place, word in reversed(list(enumerate(words.tolist()))):
        if every or weights[place] >= 1.0:
            places.setdefault(word, []).append(place)
    for i in range(first, end):
        left = places.get(int(document[i]))
        if left:
            partner[i] = left.pop()  # fmt: skip


def _in_order(
    read: Read,
    index: ExamIndex,
    unit: int,
    words: Ints,
    places: Tokens,
    text: str,
    first: int,
    end: int,
    partner: Ints,
) -> Changes:
    """Pair words in order and count what was changed between them."""
    first, end = max(0, first - EDGE), min(len(read.words), end + EDGE)
    window = read.words[first : min(end, first + MOST_TOKENS)].tolist()
    own = words[:MOST_TOKENS].tolist()
    slots = index.units.slots[index.units.offsets[unit] : index.units.offsets[unit + 1]]
    blocks = _without_strays([op for op in LCSseq.opcodes(own, window) if op.tag == "equal"])
    for op in blocks:
        partner[first + op.dest_start : first + op.dest_end] = np.arange(op.src_start, op.src_end)
    data = text.encode("utf-8", "replace")
    changed, others = 0, 0
    edges = [(0, 0), *((op.src_end, op.dest_end) for op in blocks)]
    starts = [*((op.src_start, op.dest_start) for op in blocks), (len(own), len(window))]
    for number, ((a, c), (b, d)) in enumerate(zip(edges, starts, strict=True)):
        # At the edges only as much of the document as the unit has left belongs to the copy.
        low = max(c, d - (b - a)) if number == 0 else c
        high = min(d, c + (b - a)) if number == len(blocks) else d
        there = range(first + low, first + high)
        slot, other = _gap(read, index, range(a, b), there, slots, places, data)
        changed, others = changed + slot, others + other
    return Changes(changed, others)  # fmt: skip


def _without_strays(blocks: list[Opcode]) -> list[Opcode]:
    """Drop a word or two at either edge that lie apart from the rest: chance, not the copy."""
    while len(blocks) > 1 and _apart(blocks[0], blocks[1], blocks[0]):
        blocks = blocks[1:]
    while len(blocks) > 1 and _apart(blocks[-2], blocks[-1], blocks[-1]):
        blocks = blocks[:-1]
    return blocks


def _apart(left: Opcode, right: Opcode, edge: Opcode) -> bool:
    there, here = right.dest_start - left.dest_end, right.src_start - left.src_end
    return edge.src_end - edge.src_start <= 2 and there > here + 1


def _gap(
    read: Read,
    index: ExamIndex,
    own: range,
    there: range,
    slots: npt.NDArray[np.uint8],
    places: Tokens,
    data: bytes,
) -> tuple[int, int]:
    """Count (numbers and names exchanged, other tokens added, lost or exchanged) in a gap."""
    ours = [j for j in own if slots[j]]
    theirs = [i for i in there if _is_slot(read, index, i)]
    exchanged = 0
    for j, i in zip(ours, theirs, strict=False):
        a = data[places.starts[j] : places.ends[j]].decode("utf-8", "replace").casefold()
        b = (
            read.data[read.tokens.starts[i] : read.tokens.ends[i]]
            .decode("utf-8", "replace")
            .casefold()
        )
        alike = a.isalpha() and b.isalpha() and Indel.normalized_similarity(a, b) >= ALIKE
        exchanged += 0 if alike else 1
    return exchanged, max(len(own), len(there)) - exchanged  # fmt: skip


def _is_slot(read: Read, index: ExamIndex, i: int) -> bool:
    """Say whether a document's token is a number or written like a name."""
    word = int(read.words[i])
    if word >= 0 and index.lexicon.classes[word] & NUMBER:
        return True
    if read.tokens.kinds[i] == 3:
        return True
    first = read.data[int(read.tokens.starts[i])]
    return 65 <= first <= 90


def settled(
    found: Sequence[Found], index: ExamIndex, read: Read, rivals: bool = True
) -> list[Found]:
    """Return matches without those that another explains better, parts told.

    Of a question with and without its choices the better one stays. A match that is not whole
    yields, with `rivals`, to one on the same stretch that is much closer to its instance.
    """
    best: dict[tuple[int, int, bool], Found] = {}
    for f in found:
        key = (f.task, f.instance, f.part == "answer")
        if key not in best or f.score > best[key].score:
            best[key] = f
    kept = list(best.values())
    if rivals:
        kept = [f for f in kept if not any(_outdone(f, g) for g in kept)]
    questions = {(f.task, f.instance) for f in kept if f.part != "answer"}
    answers = {(f.task, f.instance) for f in kept if f.part == "answer"}
    return [
        replace(f, part="both")
        if ((f.task, f.instance) in questions and (f.task, f.instance) in answers)
        or _answered(f, index, read)
        else f
        for f in kept
    ]


def _outdone(f: Found, g: Found) -> bool:
    if f is g or f.kind == VERBATIM or f.part != g.part:
        return False
    overlap = min(f.last, g.last) - max(f.first, g.first) + 1
    return 2 * overlap > f.last - f.first + 1 and g.score > f.score + 0.15


def _answered(f: Found, index: ExamIndex, read: Read) -> bool:
    """Say whether a short answer stands within 80 tokens behind its question."""
    answer = index.exams[f.task].instances[f.instance].answer
    if f.part == "answer" or not answer or len(answer.strip()) < 2 or len(answer) > 400:
        return False
    wanted = tokens_of(answer).hashes
    behind = read.tokens.hashes[f.last + 1 : f.last + 81 + len(wanted)]
    if not 0 < len(wanted) < 12 or len(behind) < len(wanted):
        return False
    rows = np.lib.stride_tricks.sliding_window_view(behind, len(wanted))
    return bool((rows == wanted).all(axis=1).any())
