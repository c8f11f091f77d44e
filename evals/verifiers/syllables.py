"""Syllables of an English word, as the published checker counts them.

IFBench counts with syllapy: a dictionary of irregular words, then runs of vowels. The dictionary is
a dependency's; it is read once.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module


@lru_cache(maxsize=1 << 14)
def syllables(word: str) -> int:
    """Return the number of syllables of a word; 0 if it holds a digit."""
    if len(word) > 100:  # no word, and the rule for hyphens recurses
        return 0
    return int(import_module("syllapy").count(word))
