"""Classes of words that need no exam to be known: numbers, common words, and common words as
they look in rot13 or reversed text. English only; other languages pass as uncommon words.
"""

from __future__ import annotations

import codecs
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from decontam.alphabet import DIGIT

NUMBER, COMMON, ROT13, REVERSED, OPENING = 1, 2, 4, 8, 16
# OPENING is set by the index: the word begins a unit that has no n-gram of its own

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = """
ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
""".split()
_TENS = """
twenty thirty forty fifty sixty seventy eighty ninety
""".split()
_LARGE = """
zero hundred thousand million billion dozen half twice thrice
""".split()

# Words that text is full of and that are no words in rot13, or back to front.
_TELLING = """
the of and to in is that for with his they this have from had as how many has much each will
""".split()
_ROT13_ONLY = """
he was are not more than what does
""".split()


def number_words() -> list[str]:
    """Return the English number words that are one token, `twentyfive` among them."""
    joined = [ten + one for ten in _TENS for one in _ONES]
    return [*_ONES, *_TEENS, *_TENS, *_LARGE, *joined]


def _hashes(words: list[str]) -> list[int]:
    from decontam.normalise import tokens_of

    found = tokens_of(" ".join(words)).hashes
    if len(found) != len(words):
        raise ValueError("a word known here is not one token")
    return [int(value) for value in found.tolist()]


@cache
def common_words() -> dict[str, float]:
    """Return how many bits each common English word is worth, from common_words.txt."""
    found = {}
    for line in (Path(__file__).parent / "common_words.txt").read_text().splitlines():
        bits, *words = line.split()
        found.update(dict.fromkeys(words, float(bits)))
    return found


class KnownWords(NamedTuple):
    """Word hashes, the class bits of each, and the most bits each may weigh."""

    keys: npt.NDArray[np.uint64]
    classes: npt.NDArray[np.uint8]
    ceilings: npt.NDArray[np.float32]


def with_known_words(
    keys: npt.NDArray[np.uint64], kinds: npt.NDArray[np.uint8], most: float
) -> KnownWords:
    """Return the words of an exam, their kinds told, and behind them all words known here.

    A word that is not known may weigh `most` bits.
    """
    numbers, common = number_words(), common_words()
    lists = (
        (NUMBER, numbers),
        (COMMON, [word for word, bits in common.items() if bits <= 1]),
        (ROT13, [codecs.encode(w, "rot13") for w in (*_TELLING, *_ROT13_ONLY)]),
        (REVERSED, [w[::-1] for w in _TELLING]),
    )
    ceilings = dict(zip(_hashes(list(common)), common.values(), strict=True))
    classes: dict[int, int] = dict.fromkeys(ceilings, 0)
    for bit, words in lists:
        for value in _hashes(words):
            classes[value] = classes.get(value, 0) | bit
    places = {int(key): place for place, key in enumerate(keys.tolist())}
    added = [value for value in classes if value not in places]
    places.update(zip(added, range(len(keys), len(keys) + len(added)), strict=True))
    bits = np.zeros(len(places), np.uint8)
    bits[: len(keys)][kinds == DIGIT] = NUMBER
    tops = np.full(len(places), most, np.float32)
    for value, bit in classes.items():
        bits[places[value]] |= bit
    for value, top in ceilings.items():
        tops[places[value]] = top
    return KnownWords(np.concatenate((keys, np.array(added, np.uint64))), bits, tops)
