"""Classes of words that need no exam to be known: numbers, common words, and common words as
they look in rot13 or reversed text. English only; other languages pass as uncommon words.
"""

from __future__ import annotations

import codecs
from typing import Any

import numpy as np
import numpy.typing as npt

from decontam.alphabet import DIGIT

NUMBER, COMMON, ROT13, REVERSED = 1, 2, 4, 8

_ONES = "one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_LARGE = "zero hundred thousand million billion dozen half twice thrice".split()

_COMMON = """the of and to a in is it you that he was for on are with as i his they be at this have
from or had by not but what some we can out other were all there when up use your how said an each
she which do their if will way about many then them would like so these her him has more two no
could its who did get been than my over into just any only new also after where most through back
much before our me us his because does well such here take why help their made make very even too
off again should may must between own under while same another those both every during without
being per please answer question following given one let find total each write using"""

_TELLING = "the of and to in is that he was for are with his they be this have from had not".split()


def number_words() -> list[str]:
    """Return the English number words that are one token, `twentyfive` among them."""
    joined = [ten + one for ten in _TENS for one in _ONES]
    return [*_ONES, *_TEENS, *_TENS, *_LARGE, *joined]


def _hashes(words: list[str]) -> list[int]:
    from decontam.normalise import tokens_of

    return [int(tokens_of(word).hashes[0]) for word in words]


def word_classes(
    keys: npt.NDArray[np.uint64], kinds: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[Any]]:
    """Return (`keys` with the words known here appended where new, class bits of each)."""
    numbers, common = number_words(), sorted(set(_COMMON.split()))
    lists = (
        (NUMBER, numbers),
        (COMMON, common),
        (ROT13, [codecs.encode(w, "rot13") for w in _TELLING]),
        (REVERSED, [w[::-1] for w in _TELLING if w != w[::-1]]),
    )
    classes: dict[int, int] = {}
    for bit, words in lists:
        for value in _hashes(words):
            classes[value] = classes.get(value, 0) | bit
    known = {int(key): place for place, key in enumerate(keys.tolist())}
    added = [value for value in classes if value not in known]
    out = np.zeros(len(keys) + len(added), np.uint8)
    out[: len(keys)][kinds == DIGIT] = NUMBER
    for place, value in enumerate(added, len(keys)):
        known[value] = place
    for value, bits in classes.items():
        out[known[value]] |= bits
    return np.concatenate((keys, np.array(added, np.uint64))), out
