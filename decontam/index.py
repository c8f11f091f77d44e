"""The exam index: what a scan looks up, built once from exams and saved under its digest.

Holds tokens, n-grams and rarity weights as flat arrays; no text of a training source is here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decontam.alphabet import alphabet
from decontam.exams import Exam
from decontam.hashing import bits_of, distinct, gram_hashes, power_of_two, table_of
from decontam.normalise import room_for, utf8
from decontam.rules import Rule
from decontam.tokeniser import tokenise
from decontam.words import word_classes
from proctor.digest import digest_json
from proctor.errors import ProctorError
from proctor.files import write_atomically

FORMAT = 1
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

    `counting` is how many of its tokens lie in an n-gram that counts as evidence.
    """

    offsets: Array
    words: Array
    counting: Array
    tasks: Array
    instances: Array
    parts: Array


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
            np.savez(held, **arrays)
            write_atomically(path, held.getvalue())
    return ExamIndex(
        digest,
        rule,
        tuple(exams),
        *(
            kind(*(arrays[f"{name}.{field}"] for field in kind._fields))  # type: ignore[attr-defined]
            for name, kind in _PARTS.items()
        ),
    )


_PARTS: dict[str, Any] = {"lexicon": Lexicon, "grams": Grams, "shorts": Grams, "units": Units}


def _load(path: Path) -> dict[str, Array] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError):  # missing, or cut short by a full disk: built anew
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
    hashes, kinds, lengths = _tokenised([text for *_, text in texts])
    keep = np.array(
        [
            part != ANSWER or n >= MIN_ANSWER
            for (_, _, part, _), n in zip(texts, lengths, strict=True)
        ]
    )
    mask = np.repeat(keep, lengths)
    hashes, kinds, lengths = hashes[mask], kinds[mask], lengths[keep]
    tasks, instances, parts = (
        np.array([t[i] for t, k in zip(texts, keep, strict=True) if k], np.int32) for i in range(3)
    )
    _refuse_empty(exams, tasks, lengths)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    groups = _groups(exams, tasks, instances)
    lexicon, words = _lexicon(hashes, kinds, np.repeat(groups, lengths))
    grams, counting = _grams(hashes, offsets, tasks, groups, rule)
    units = Units(offsets, words, counting, tasks, instances, parts)
    short = _shorts(hashes, offsets, counting)
    return {
        f"{name}.{field}": value
        for name, part in (
            ("lexicon", lexicon),
            ("grams", grams),
            ("shorts", short),
            ("units", units),
        )
        for field, value in part._asdict().items()
    }


def _refuse_empty(exams: Sequence[Exam], tasks: Array, lengths: Array) -> None:
    for task, exam in enumerate(exams):
        if not lengths[tasks == task].sum():
            raise ProctorError(
                f"exam {exam.task!r} has no instance with any letter or digit: check its file and "
                "the field named as the question"
            )


def _tokenised(texts: Sequence[str]) -> tuple[Array, Array, Array]:
    letters, parts, kinds, lengths = alphabet(), [], [], []
    for text in texts:
        data = utf8(text)
        room = room_for(2 * len(data) + 1)
        count = tokenise(np.frombuffer(data, np.uint8), 0, len(data), letters, room, 0)
        parts.append(room.hashes[:count].copy())
        kinds.append(room.kinds[:count].copy())
        lengths.append(count)
    return np.concatenate(parts), np.concatenate(kinds), np.array(lengths, np.int64)


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
    pairs = np.unique(keys.astype(np.int64) << 32 | groups.astype(np.int64))
    return np.bincount(pairs >> 32, minlength=size)


def _lexicon(hashes: Array, kinds: Array, groups: Array) -> tuple[Lexicon, Array]:
    keys, words = distinct(hashes)
    frequency = _frequency(words, len(keys), groups)
    digits = np.zeros(len(keys), np.uint8)
    digits[words] = kinds
    keys, classes = word_classes(keys, digits)
    weights = np.ones(len(keys), np.float32)
    exam_count = int(groups.max()) + 1
    weights[: len(frequency)] = np.log2((exam_count + 1024) / (frequency + 1))
    table, places = table_of(keys, power_of_two(4 * len(keys)))
    return Lexicon(table, places, classes, weights), words.astype(np.int32)


def _grams(
    hashes: Array, offsets: Array, tasks: Array, groups: Array, rule: Rule
) -> tuple[Grams, Array]:
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
    totals = np.add.reduceat(np.append(counting, False), offsets[:-1]) * (np.diff(offsets) > 0)
    if rule.measure == "grams":
        totals = np.bincount(units, minlength=len(offsets) - 1)
    return postings(keys, units, places), totals.astype(np.int32)


def postings(keys: Array, units: Array, places: Array) -> Grams:
    """Return the lookup from keys to (unit, place) pairs."""
    found, which = distinct(keys)
    order = np.argsort(which, kind="stable")
    offsets = np.concatenate(([0], np.cumsum(np.bincount(which, minlength=len(found)))))
    table, slots = table_of(found, power_of_two(2 * len(found) + 2))
    bits = bits_of(found, power_of_two(16 * len(found) + 64))
    return Grams(bits, table, slots, offsets.astype(np.int64), units[order], places[order])


def _shorts(hashes: Array, offsets: Array, counting: Array) -> Grams:
    """Index units in which no n-gram counts by the hash of their whole token sequence.

    The key also holds the length; `places` is that length. Found by trying each length in turn.
    """
    from decontam.hashing import whole_hashes

    lengths = np.diff(offsets)
    short = np.flatnonzero((counting == 0) & (lengths > 0)).astype(np.int32)
    keys = whole_hashes(hashes, offsets, short)
    return postings(keys, short, lengths[short].astype(np.int32))
