"""Text to tokens: the one normaliser every rule and every stage reads through.

A token is a run of letters, or a run of digits, of any script, after: HTML entities, `\\uXXXX`
escapes, `%XX` escapes and LaTeX type-setting commands are resolved; NFKD; casefold; marks and
invisible characters dropped; letters that only look Latin folded to Latin; `'` and `-` between
letters, and a hyphen at a line's end, dropped; `1,000` read as `1000`. Characters of scripts
written without spaces are tokens of their own. Spans are those of the text as it was.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from decontam.alphabet import alphabet
from decontam.tokeniser import tokenise


class Tokens(NamedTuple):
    """The tokens of a text, one array entry each.

    `hashes` are 64-bit and never 0; `starts` and `ends` are byte offsets into the UTF-8 text;
    `kinds` are LETTER, DIGIT or ALONE of `decontam.alphabet`.
    """

    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.uint8]

    def first(self, count: int) -> Tokens:
        """Return views of the first `count` tokens."""
        return Tokens(
            self.hashes[:count], self.starts[:count], self.ends[:count], self.kinds[:count]
        )


def room_for(size: int) -> Tokens:
    """Return empty arrays with room for `size` tokens."""
    return Tokens(
        np.empty(size, np.uint64),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.uint8),
    )


def utf8(text: str) -> bytes:
    """Return the text as UTF-8; a lone surrogate becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def tokens_of(text: str | bytes) -> Tokens:
    """Return the tokens of a text.

    Raises:
        ValueError: the text is 2 GiB or more (spans are 32 bit).
    """
    data = utf8(text) if isinstance(text, str) else text
    if len(data) >= 1 << 31:
        raise ValueError("a text of 2 GiB or more cannot be tokenised in one piece")
    room = room_for(2 * len(data) + 1)
    count = tokenise(np.frombuffer(data, np.uint8), 0, len(data), alphabet(), room, 0)
    held = room.first(count)
    return Tokens(held.hashes.copy(), held.starts.copy(), held.ends.copy(), held.kinds.copy())


def char_offsets(data: bytes, offsets: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return byte offsets into UTF-8 data as character offsets."""
    raw = np.frombuffer(data, np.uint8)
    begins = np.concatenate(([0], np.cumsum((raw & 0xC0) != 0x80)))
    return begins[offsets].astype(np.int64)
