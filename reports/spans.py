"""What two texts share, marked: training text beside exam text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from markupsafe import Markup

from reports.text import html

_WORD = re.compile(r"\w+|[^\w\s]|\s+")
# Matching is quadratic in the worst case; beyond this many words the tail stays unmarked.
_MOST_WORDS = 600
_LONGEST = 6_000


def marked(training: str, exam: str) -> tuple[Markup, Markup]:
    """Return both texts as HTML with the words they share, in order, in `<mark>`.

    Words are compared without case; single punctuation is marked only inside a shared run.
    """
    first, second = (_WORD.findall(text[:_LONGEST]) for text in (training, exam))
    ours, theirs = (
        [w.casefold() if not w.isspace() else " " for w in one] for one in (first, second)
    )
    matcher = difflib.SequenceMatcher(
        None, ours[:_MOST_WORDS], theirs[:_MOST_WORDS], autojunk=False
    )
    blocks = [b for b in matcher.get_matching_blocks() if _says(ours[b.a : b.a + b.size])]
    return (
        _render(first, [(b.a, b.size) for b in blocks]),
        _render(second, [(b.b, b.size) for b in blocks]),
    )


def _says(words: Sequence[str]) -> bool:
    return any(word.isalnum() for word in words)


def _render(words: Sequence[str], blocks: Sequence[tuple[int, int]]) -> Markup:
    parts, place = [], 0
    for start, size in blocks:
        parts.append(html("".join(words[place:start]), _LONGEST))
        shared = html("".join(words[start : start + size]), _LONGEST)
        parts.append(Markup("<mark>{}</mark>").format(shared))
        place = start + size
    parts.append(html("".join(words[place:]), _LONGEST))
    return Markup("").join(parts)
