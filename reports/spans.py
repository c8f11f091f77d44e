"""What two texts share, marked: training text beside exam text."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from reports.text import cut, html, seen

_WORD = re.compile(r"\w+|[^\w\s]|\s+")
# Matching is quadratic in the worst case; beyond this many words the tail stays unmarked.
_MOST_WORDS = 600
_LONGEST = 6_000


class Shared(NamedTuple):
    """Both texts as HTML with what they share in `<mark>`, and the first as it reads undisguised.

    `undisguised` is empty where the training text is plain already.
    """

    training: Markup
    exam: Markup
    undisguised: str


def marked(training: str, exam: str) -> Shared:
    """Mark the words that two texts share in order, whatever their case, width or style.

    Single punctuation is marked only inside a shared run.
    """
    first, second = (_WORD.findall(cut(text, _LONGEST)) for text in (training, exam))
    ours, theirs = ([_key(word) for word in one[:_MOST_WORDS]] for one in (first, second))
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    blocks = [b for b in matcher.get_matching_blocks() if _says(ours[b.a : b.a + b.size])]
    plain = unicodedata.normalize("NFKC", seen(training))
    return Shared(
        _render(first, [(b.a, b.size) for b in blocks]),
        _render(second, [(b.b, b.size) for b in blocks]),
        "" if plain == training else cut(plain, _LONGEST),
    )


def _key(word: str) -> str:
    return " " if word.isspace() else unicodedata.normalize("NFKC", word).casefold()


def _says(words: Sequence[str]) -> bool:
    return any(word.isalnum() for word in words)


def _render(words: Sequence[str], blocks: Sequence[tuple[int, int]]) -> Markup:
    parts, place = [], 0
    for start, size in blocks:
        parts.append(html("".join(words[place:start]), _LONGEST * 2))
        shared = html("".join(words[start : start + size]), _LONGEST * 2)
        parts.append(Markup("<mark>{}</mark>").format(shared))
        place = start + size
    parts.append(html("".join(words[place:]), _LONGEST * 2))
    return Markup("").join(parts)
