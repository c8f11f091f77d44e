"""The exam index: what a scan looks up, built once from exams and saved under its digest.

Holds tokens, n-grams and rarity weights as flat arrays; no text of a training source is here.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decontam.alphabet import DIGIT, alphabet
from decontam.exact import SHORT_KEY
from decontam.exams import Exam
from decontam.hashing import bits_of, distinct, gram_hashes, opening_hashes, power_of_two, table_of
from decontam.normalise import room_for, utf8
from decontam.rules import Rule
from decontam.tokeniser import tokenise_each
from decontam.votes import Votes
from decontam.words import COMMON, NUMBER, OPENING, with_known_words
from proctor.digest import digest_json
from proctor.errors import ProctorError
from proctor.files import write_atomically

FORMAT = 1
MOST_BITS = 9.0  # no word weighs more, so that one rare word never decides alone
FREQUENT = 5  # in fewer instances than this a word cannot be a task's manner of speaking
MOST_VOTED = 64  # a word in more instances than this nominates none of them
QUESTION, ANSWER, STEM = 0, 1, 2
MIN_ANSWER = 12  # shorter answers ("42", "B") are evidence only beside their question

Array = npt.NDArray[Any]


class Lexicon(NamedTuple):
    """Token hash to word number (table and places as in `decontam.hashing`), and per word:
    `classes` (bits of `decontam.words`) and `weights`, its rarity in the exams in bits."""

    table: Array
    places: Array
    classes: Array
    weights: Array
    frequency: Array


class Grams(NamedTuple):
    """N-gram hash to the units and places that hold it: postings k are
    units[offsets[k]:offsets[k + 1]]; `bits` is a bitmap in front of the table."""

    bits: Array
    table: Array
    slots: Array
    offsets: Array
    units: Array
    places: Array


class Units(NamedTuple):
    """The texts that are looked for: words[offsets[u]:offsets[u + 1]] are unit u's, in order.

    `counting` is how many of its tokens lie in an n-gram that counts as evidence; `weights` are
    the tokens' weights, 0 where no n-gram around them counts, and `totals` their sums; `slots` is
    1 for numbers and names, which a twin of the text may change; `starts` and `ends` are the
    tokens' characters in the unit's text.
    """

    offsets: Array
    words: Array
    counting: Array
    tasks: Array
    instances: Array
    parts: Array
    weights: Array
    totals: Array
    slots: Array
    starts: Array
    ends: Array


@dataclass(frozen=True)
class ExamIndex:
    """Everything a scan needs to know of its exams under one rule."""

    digest: str
    rule: Rule
    exams: tuple[Exam, ...]
    lexicon: Lexicon
    grams: Grams
    shorts: Grams
    units: Units
    votes: Votes

    def text_of(self, unit: int) -> str:
        """Return the text of a unit as the exam has it."""
        instance = self.exams[self.units.tasks[unit]].instances[self.units.instances[unit]]
        part = self.units.parts[unit]
        if part == ANSWER:
            return instance.answer or ""
        return (instance.stem or "") if part == STEM else instance.text


def index_digest(exams: Sequence[Exam], rule: Rule) -> str:
    """Return the name an index of these exams under this rule is saved as."""
    return digest_json([FORMAT, rule.as_dict(), [exam.digest() for exam in exams]])


def build_index(exams: Sequence[Exam], rule: Rule, cache: Path | None = None) -> ExamIndex:
    """Return the index of some exams under a rule, from `cache` where it is saved there.

    Raises:
        ProctorError: two exams share a task name, or an exam has no instance with any token.
    """
    names = [exam.task for exam in exams]
    if len(set(names)) < len(names):
        raise ProctorError(f"two exams share a task name ({', '.join(names)}): rename one")
    digest = index_digest(exams, rule)
    path = cache / f"index-{digest}.npz" if cache else None
    arrays = _load(path) if path else None
    if arrays is None:
        arrays = _build(exams, rule)
        if path:
            held = io.BytesIO()
            np.savez(held, allow_pickle=False, **arrays)
            write_atomically(path, held.getvalue())
    return ExamIndex(
        digest,
        rule,
        tuple(exams),
        *(
            kind(*(arrays[f"{name}.{field}"] for field in kind._fields))
            for name, kind in _PARTS.items()
        ),
    )


_PARTS: dict[str, Any] = {"lexicon": Lexicon, "grams": Grams, "shorts": Grams, "units": Units}
_PARTS["votes"] = Votes


def _load(path: Path) -> dict[str, Array] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):  # missing or cut short
        return None


def _texts(exams: Sequence[Exam], rule: Rule) -> list[tuple[int, int, int, str]]:
    found = []
    for task, exam in enumerate(exams):
        for number, instance in enumerate(exam.instances):
            found.append((task, number, QUESTION, instance.text))
            if rule.second_stage and instance.stem:
                found.append((task, number, STEM, instance.stem))
            if rule.answers and instance.answer:
                found.append((task, number, ANSWER, instance.answer))
    return found


def _build(exams: Sequence[Exam], rule: Rule) -> dict[str, Array]:
    texts = _texts(exams, rule)
    read = _tokenised([text for *_, text in texts])
    keep = np.array(
        [
            part != ANSWER or n >= MIN_ANSWER
            for (*_, part, _), n in zip(texts, read.lengths, strict=True)
        ]
    )
    read = read.only(keep)
    tasks, instances, parts = (
        np.array([t[i] for t, k in zip(texts, keep, strict=True) if k], np.int32) for i in range(3)
    )
    _refuse_empty(exams, tasks, read.lengths)
    offsets = np.concatenate(([0], np.cumsum(read.lengths))).astype(np.int64)
    groups = _groups(exams, tasks, instances)
    lexicon, words = _lexicon(read, np.repeat(groups, read.lengths))
    grams, counting, counts = _grams(read.hashes, offsets, tasks, groups, rule)
    weights = np.minimum(lexicon.weights[words], _ceilings(words, tasks, groups, read.lengths))
    weights = (weights * counts).astype(np.float32)
    totals = _sums(weights, offsets).astype(np.float32)
    slots = _slots(read, words, lexicon.classes)
    units = Units(
        offsets,
        words,
        counting,
        tasks,
        instances,
        parts,
        weights,
        totals,
        slots,
        read.starts,
        read.ends,
    )
    index = {
        "lexicon": lexicon,
        "grams": grams,
        "shorts": _shorts(read.hashes, words, units, lexicon),
        "units": units,
        "votes": _votes(units, lexicon),
    }
    return {
        f"{name}.{field}": value
        for name, part in index.items()
        for field, value in part._asdict().items()  # type: ignore[attr-defined]
    }


def _ceilings(words: Array, tasks: Array, groups: Array, lengths: Array) -> Array:
    """Return the most that each token may weigh: a word in many instances of a task says little
    about any of them, however rare it is elsewhere."""
    task, group = np.repeat(tasks, lengths).astype(np.int64), np.repeat(groups, lengths)
    pairs, which = np.unique(
        words.astype(np.int64) * (int(tasks.max()) + 1) + task, return_inverse=True
    )
    frequency = _frequency(which, len(pairs), group)[which]
    instances = np.bincount([t for t, _ in {*zip(tasks.tolist(), groups.tolist(), strict=True)}])
    usual = np.maximum(np.log2(instances[task] / np.maximum(frequency, 1)) + 0.5, 0.25)
    most: Array = np.where(frequency >= FREQUENT, usual, np.inf)
    return most


def _sums(values: Array, offsets: Array) -> Array:
    running = np.concatenate(([0], np.cumsum(values, dtype=np.float64)))
    sums: Array = running[offsets[1:]] - running[offsets[:-1]]
    return sums


def _slots(read: _Read, words: Array, classes: Array) -> Array:
    """Mark numbers, and names: words with a capital inside a sentence, or never without one."""
    small = np.zeros(len(classes), bool)
    small[words[~read.capitals]] = True
    names = read.capitals & (read.inside | ~small[words]) & (classes[words] & COMMON == 0)
    marked: Array = (names | (classes[words] & NUMBER != 0)).astype(np.uint8)
    return marked


def _votes(units: Units, lexicon: Lexicon) -> Votes:
    owners = np.repeat(np.arange(len(units.totals)), np.diff(units.offsets))
    rare = (lexicon.frequency[units.words] <= MOST_VOTED) & (units.weights >= 3)
    keys = units.words[rare].astype(np.int64) << 32 | owners[rare]
    pairs, which = np.unique(keys, return_index=True)
    weights = units.weights[rare][which]
    words, owners = pairs >> 32, (pairs & 0xFFFFFFFF).astype(np.int32)
    counts = np.bincount(words, minlength=len(lexicon.weights))
    totals = np.bincount(owners, weights=weights, minlength=len(units.totals))
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return Votes(offsets, owners, weights, totals.astype(np.float32))


def _refuse_empty(exams: Sequence[Exam], tasks: Array, lengths: Array) -> None:
    for task, exam in enumerate(exams):
        if not lengths[tasks == task].sum():
            raise ProctorError(
                f"exam {exam.task!r} has no instance with any letter or digit: check its file and "
                "the field named as the question"
            )


class _Read(NamedTuple):
    """All tokens of all units, one after another, and how many each unit has."""

    hashes: Array
    kinds: Array
    capitals: Array
    inside: Array
    starts: Array
    ends: Array
    lengths: Array

    def only(self, keep: Array) -> _Read:
        """Return the tokens of some units."""
        mask = np.repeat(keep, self.lengths)
        held: list[Array] = [column[mask] for column in self[:-1]]
        return _Read._make([*held, self.lengths[keep]])


def _tokenised(texts: Sequence[str]) -> _Read:
    parts = [utf8(text) for text in texts]
    data = b"".join(parts) or b" "
    raw = np.frombuffer(data, np.uint8)
    bounds = np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)
    room = room_for(2 * len(raw) + 1)
    lengths = np.zeros(len(parts), np.int64)
    count = tokenise_each(raw, bounds, alphabet(), room, lengths)
    held = room.first(count)
    capitals = (raw[held.starts] >= ord("A")) & (raw[held.starts] <= ord("Z"))
    owners = np.repeat(np.arange(len(parts)), lengths)
    # Characters before each byte, so that a span is characters of its own text.
    before = np.concatenate(([0], np.cumsum((raw & 0xC0) != 0x80, dtype=np.int64)))
    origin = before[bounds[owners]]
    return _Read(
        held.hashes.copy(),
        held.kinds.copy(),
        capitals,
        _inside_sentence(raw, held.starts),
        (before[held.starts] - origin).astype(np.int32),
        (before[held.ends] - origin).astype(np.int32),
        lengths,
    )


def _inside_sentence(raw: Array, starts: Array) -> Array:
    """Say for each token whether a word and a space stand right before it."""
    before = np.where(starts > 1, raw[np.maximum(starts - 2, 0)], 0)
    letter = ((before | 32) >= ord("a")) & ((before | 32) <= ord("z")) | (before == ord(","))
    inside: Array = letter & (raw[np.maximum(starts - 1, 0)] == ord(" "))
    return inside


def _groups(exams: Sequence[Exam], tasks: Array, instances: Array) -> Array:
    """Number what counts once in a document frequency: a cluster, else an instance."""
    seen: dict[tuple[int, str], int] = {}
    numbers = []
    for task, number in zip(tasks.tolist(), instances.tolist(), strict=True):
        cluster = exams[task].instances[number].cluster
        key = (task, f"#{number}" if cluster is None else cluster)
        numbers.append(seen.setdefault(key, len(seen)))
    return np.array(numbers, np.int32)


def _frequency(keys: Array, size: int, groups: Array) -> Array:
    """Return in how many groups each of `size` numbered keys is found."""
    # Sorted here because numpy's hashing `unique` is ten times slower on such regular keys.
    pairs = np.sort(keys.astype(np.int64) << 32 | groups.astype(np.int64))
    pairs = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
    return np.bincount(pairs >> 32, minlength=size)


def _lexicon(read: _Read, groups: Array) -> tuple[Lexicon, Array]:
    keys, words = distinct(read.hashes)
    frequency = _frequency(words, len(keys), groups)
    digits, size = np.zeros(len(keys), np.uint8), np.zeros(len(keys), np.int64)
    digits[words], size[words] = read.kinds, read.ends - read.starts
    known = with_known_words(keys, digits, MOST_BITS)
    exam_count = int(groups.max()) + 1
    seen = _padded(frequency, len(known.keys))
    rarity = np.log2((exam_count + 1024) / (seen + 1))
    # A number or a letter says little about where a text is from, however rare it is here.
    ceiling = known.ceilings.copy()
    ceiling[: len(keys)][digits == DIGIT] = np.minimum(size, 4)[digits == DIGIT]
    ceiling[: len(keys)][size <= 1] = 0.75
    weights = np.maximum(np.minimum(rarity, ceiling), 0.25).astype(np.float32)
    table, places = table_of(known.keys, power_of_two(4 * len(known.keys)))
    return Lexicon(table, places, known.classes, weights, seen), words.astype(np.int32)


def _padded(values: Array, size: int) -> Array:
    out = np.zeros(size, np.int32)
    out[: len(values)] = values
    return out


def _grams(
    hashes: Array, offsets: Array, tasks: Array, groups: Array, rule: Rule
) -> tuple[Grams, Array, Array]:
    keys, units, places = gram_hashes(hashes, offsets, rule.n)
    found, which = distinct(keys)
    if rule.common and len(found):
        owners = which.astype(np.int64) * (int(tasks.max()) + 1) + tasks[units]
        pairs, inverse = np.unique(owners, return_inverse=True)
        rare = _frequency(inverse, len(pairs), groups[units]) < rule.common
        keep = rare[inverse]
        keys, units, places = keys[keep], units[keep], places[keep]
    counting = np.zeros(len(hashes), bool)
    for step in range(rule.n):
        counting[offsets[units] + places + step] = True
    totals = _sums(counting, offsets)
    if rule.measure == "grams":
        totals = np.bincount(units, minlength=len(offsets) - 1)
    return postings(keys, units, places), totals.astype(np.int32), counting


def postings(keys: Array, units: Array, places: Array) -> Grams:
    """Return the lookup from keys to (unit, place) pairs."""
    found, which = distinct(keys)
    order = np.argsort(which, kind="stable")
    offsets = np.concatenate(([0], np.cumsum(np.bincount(which, minlength=len(found)))))
    table, slots = table_of(found, power_of_two(2 * len(found) + 2))
    bits = bits_of(found, power_of_two(16 * len(found) + 64))
    return Grams(bits, table, slots, offsets.astype(np.int64), units[order], places[order])


def _shorts(hashes: Array, words: Array, units: Units, lexicon: Lexicon) -> Grams:
    """Index units in which no n-gram counts by their first tokens, and mark the very first."""
    lengths = np.diff(units.offsets)
    short = np.flatnonzero((units.counting == 0) & (lengths > 0)).astype(np.int32)
    lexicon.classes[words[units.offsets[short]]] |= OPENING
    keys = opening_hashes(hashes, units.offsets, short, SHORT_KEY)
    return postings(keys, short, lengths[short].astype(np.int32))
