"""Text that was encoded to be unreadable, decoded: base64, hex, rot13, back to front, leet.

Tried only where the block scan saw the signs of it. Nothing is executed; what does not decode to
ordinary text is passed over.
"""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Iterator
from typing import NamedTuple

import re2

ROT13_SIGN, REVERSED_SIGN, RUN_SIGN, LEET_SIGN = 1, 2, 4, 8
MOST_BYTES = 1 << 20
_BASE64 = re2.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}(?:\r?\n[A-Za-z0-9+/_-]{4,}={0,2})*")
_HEX = re2.compile(r"(?:[0-9a-fA-F]{2}[ :]?){16,}")
_LEET = str.maketrans("4310570@$", "aeiostoas")
_LEET_WORD = re2.compile(r"[A-Za-z0-9@$]*[A-Za-z][A-Za-z0-9@$]*")


class Plain(NamedTuple):
    """Decoded text and the characters of the turn it was decoded from."""

    start: int
    end: int
    text: str


def decodings(text: str, signs: int) -> Iterator[Plain]:
    """Yield what a turn's text says under each encoding it shows signs of."""
    text = text[:MOST_BYTES]
    if signs & ROT13_SIGN:
        yield Plain(0, len(text), codecs.encode(text, "rot13"))
    if signs & REVERSED_SIGN:
        yield Plain(0, len(text), text[::-1])
    if signs & LEET_SIGN:
        yield Plain(0, len(text), _LEET_WORD.sub(lambda m: m.group().translate(_LEET), text))
    if signs & RUN_SIGN:
        yield from _runs(text)


def _runs(text: str) -> Iterator[Plain]:
    for found in _HEX.finditer(text):
        digits = "".join(c for c in found.group() if c not in " :")
        plain = _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        if plain:
            yield Plain(found.start(), found.end(), plain)
    for found in _BASE64.finditer(text):
        held = "".join(found.group().split()).rstrip("=").replace("-", "+").replace("_", "/")
        try:
            plain = _readable(base64.b64decode(held + "=" * (-len(held) % 4)))
        except (binascii.Error, ValueError):
            continue
        if plain:
            yield Plain(found.start(), found.end(), plain)


def _readable(data: bytes) -> str | None:
    """Return bytes as text if nearly all of it is text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if sum(c.isprintable() or c in "\n\r\t" for c in text) >= 0.95 * len(text) else None
