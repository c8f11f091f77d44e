"""Searching model text for patterns that came with the data, in linear time.

A keyword of a constraint may hold regular expression syntax (the published checkers pass it to
`re.search` as it is), and data files are not trusted: plain keywords go to `re`, which is linear
on them, all others to RE2, which is linear on everything.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol

from proctor.errors import ProctorError

_SYNTAX = re.compile(r"[*+?{}()|\[\]\\^$]")


class Finder(Protocol):
    """Counts where a pattern occurs in a text."""

    def __call__(self, text: str, /) -> int: ...


@lru_cache(maxsize=4096)
def occurrences(
    keyword: str, *, before: str = "", after: str = "", match_case: bool = False
) -> Finder:
    r"""Return a function that counts the occurrences of a keyword, by default in any case.

    `before` and `after` are patterns of ours set around it (such as `\b`).

    Raises:
        ProctorError: the keyword is not a regular expression RE2 can run.
    """
    pattern = f"{before}{keyword}{after}"
    if not _SYNTAX.search(keyword):
        plain = re.compile(pattern, 0 if match_case else re.IGNORECASE)
        return lambda text: len(plain.findall(text))
    import re2

    try:
        compiled = re2.compile(pattern if match_case else f"(?i){pattern}")
    except re2.error as error:
        raise ProctorError(f"{keyword!r:.80} is not a valid keyword pattern ({error})") from error
    return lambda text: sum(1 for _ in compiled.finditer(text.encode("utf-8", "replace").decode()))


def compare(count: float, relation: str, threshold: float) -> bool:
    """Return whether `count` is "less than" or "at least" the threshold.

    Raises:
        ProctorError: the relation is neither.
    """
    if relation == "less than":
        return count < threshold
    if relation == "at least":
        return count >= threshold
    raise ProctorError(f"relation {relation!r:.40} is not known; use 'less than' or 'at least'")
