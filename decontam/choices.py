"""Multiple-choice questions with their options in the question itself: where the options begin.

Reads one text; which field of an exam holds it is `decontam.exams`' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

FEWEST = 3  # options on a line; two do where each has a line of its own
# (A) and [A] after a space or LaTeX, not as in dot(A); A. A) A: with a space on either side.
_LABELS = tuple(
    re.compile(pattern)
    for letters in ("A-Z", "a-z")
    for pattern in (
        rf"(?:(?<![^\s{{$])|(?<=\*\*))\(([{letters}])\)",
        rf"(?:(?<![^\s{{$])|(?<=\*\*))\[([{letters}])\]",
        rf"(?<!\S)([{letters}])\.(?=\s)",
        rf"(?<!\S)([{letters}])\)(?=\s)",
        rf"(?<!\S)([{letters}]):(?=\s)",
    )
)
# Every manner has these; a text without them, as most are, is not looked at in ten ways.
_FIRST, _SECOND = re.compile(r"(?<!\w)[Aa][].):]"), re.compile(r"(?<!\w)[Bb][].):]")
# What stands between a question and its first option and belongs to neither.
_ANNOUNCED = re.compile(r"(?:\b(?:answer\s+)?(?:choices|options)\s*:?)\Z", re.IGNORECASE)
_TYPE_SETTING = re.compile(r"\$?\s*\\(?:textbf|mathbf|text|mathrm|textrm)\s*\{\Z")
_BULLETS = " \t\r\n*-•"
_MOST_ANNOUNCED = 40  # characters
_MOST_LABELS = 200  # of one manner, the last ones: options are few and stand at the end
_INDENT = 40  # characters


class _Label(NamedTuple):
    place: int
    letter: int
    opens_line: bool


def question_without_options(text: str) -> str | None:
    """Return what stands before the options of a question, or None where it has no options.

    Options are marked with letters in order from A (or a) on, all in one manner: `(A)`, `[A]`,
    `A.`, `A)` or `A:`. Three at least are asked for, or two that each begin a line. Of several
    such lists the longest is taken, the last of equally long ones.
    """
    if not (_FIRST.search(text) and _SECOND.search(text)):
        return None
    best: list[_Label] = []
    for pattern in _LABELS:
        for run in _runs(list(_labels(pattern, text))[-_MOST_LABELS:]):
            enough = len(run) >= FEWEST or (len(run) == 2 and all(one.opens_line for one in run))
            if enough and (len(run), run[0].place) > (len(best), best[0].place if best else -1):
                best = run
    if not best:
        return None
    stem = text[: best[0].place].rstrip(_BULLETS)
    for trailer in (_TYPE_SETTING, _ANNOUNCED):
        tail = stem[-_MOST_ANNOUNCED:]
        stem = (stem[: len(stem) - len(tail)] + trailer.sub("", tail)).rstrip(_BULLETS)
    return stem or None


def _labels(pattern: re.Pattern[str], text: str) -> Iterator[_Label]:
    for found in pattern.finditer(text):
        before = "\n" + text[max(0, found.start() - _INDENT) : found.start()]
        opens = not before.rpartition("\n")[2].strip(_BULLETS)
        yield _Label(found.start(), ord(found[1].lower()) - ord("a"), opens)


def _runs(labels: list[_Label]) -> Iterator[list[_Label]]:
    """Yield, from each first letter on, the labels that follow it in the order of the alphabet."""
    for first, label in enumerate(labels):
        if label.letter:
            continue
        run = [label]
        for other in labels[first + 1 :]:
            if other.letter == len(run):
                run.append(other)
        yield run
