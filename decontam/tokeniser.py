"""The tokeniser's inner loop: UTF-8 bytes to hashed, folded tokens with their byte spans.

Compiled; called through `decontam.normalise` and by the scan. It allocates nothing. What a token
is, is told in `decontam.normalise`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decontam.alphabet import (
    ALONE,
    AMPERSAND,
    ANGLE,
    APOSTROPHE,
    BACKSLASH,
    COMMA,
    DIGIT,
    DROP,
    EXPAND,
    HYPHEN,
    KIND_BITS,
    LETTER,
    LIMIT,
    PERCENT,
    POINT,
    SEPARATOR,
)
from decontam.compiled import compiled

_BROKEN_LINE = 14  # a hyphen with the end of its line behind it
_SEED = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0x100000001B3)
_FNV = np.uint64(0xCBF29CE484222325)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_KIND = (1 << KIND_BITS) - 1
_TEN = ord("0")


@compiled
def mixed(value: Any) -> Any:
    """Spread a 64-bit value over all its bits (the finaliser of the rrmxmx family)."""
    value = (value ^ (value >> _SHIFT)) * _MIX
    value = (value ^ (value >> _SHIFT)) * _MIX
    return value ^ (value >> _SHIFT)


@compiled
def decoded(text: Any, i: int, high: int) -> Any:
    """Return (code point, next byte) of the UTF-8 character at byte i."""
    c = int(text[i])
    if c < 0xE0 and i + 1 < high:
        return (c & 0x1F) << 6 | (int(text[i + 1]) & 0x3F), i + 2
    if c < 0xF0 and i + 2 < high:
        tail = (int(text[i + 1]) & 0x3F) << 6 | (int(text[i + 2]) & 0x3F)
        return (c & 0x0F) << 12 | tail, i + 3
    if i + 3 < high:
        tail = (int(text[i + 2]) & 0x3F) << 6 | (int(text[i + 3]) & 0x3F)
        return (c & 0x07) << 18 | (int(text[i + 1]) & 0x3F) << 12 | tail, i + 4
    return 0, high


@compiled
def hex_digit(c: int) -> int:
    """Return the value of a hexadecimal digit, or -1."""
    if 48 <= c <= 57:
        return c - 48
    if 65 <= c <= 70:
        return c - 55
    if 97 <= c <= 102:
        return c - 87
    return -1


@compiled
def is_letter(c: int) -> bool:
    """Say whether a byte is an ASCII letter."""
    return 97 <= (c | 32) <= 122


@compiled
def entity(text: Any, i: int, high: int, names: Any, values: Any) -> Any:
    """Return (code point or -1, next byte) for an HTML entity whose `&` is at byte i."""
    while i + 4 < high and (
        text[i + 1] == 97 and text[i + 2] == 109 and text[i + 3] == 112 and text[i + 4] == 59
    ):
        i += 4  # `&amp;` written twice over: its semicolon plays the ampersand
    j = i + 1
    if j < high and text[j] == 35:
        j += 1
        hexadecimal = j < high and (text[j] | 32) == 120
        j += 1 if hexadecimal else 0
        value, first = 0, j
        while j < high and j - first < 7:
            digit = hex_digit(int(text[j]))
            if digit < 0 or (digit > 9 and not hexadecimal):
                break
            value = value * (16 if hexadecimal else 10) + digit
            j += 1
        if j > first and j < high and text[j] == 59:
            return value, j + 1
        return -1, i + 1
    key = _FNV
    while j < high and j - i < 10 and (is_letter(int(text[j])) or 48 <= text[j] <= 57):
        key = (key ^ np.uint64(text[j])) * _PRIME
        j += 1
    if j < high and text[j] == 59:
        place = np.searchsorted(names, key)
        if place < len(names) and names[place] == key:
            return int(values[place]), j + 1
    return -1, i + 1


@compiled
def escape(text: Any, i: int, high: int, commands: Any) -> Any:
    """Return (code point or -1, next byte) for what follows the backslash at byte i.

    `\\u00e9` is its character; a LaTeX command that only sets type is passed over; `\\n`, `\\t`
    and `\\r` of text that was escaped for JSON end a token and take their letter with them.
    """
    j = i + 1
    while j < high and text[j] == 92:
        j += 1
    if j + 4 < high and text[j] == 117:
        value = 0
        for k in range(1, 5):
            digit = hex_digit(int(text[j + k]))
            value = -1 if digit < 0 or value < 0 else value * 16 + digit
        if value >= 0:
            return value, j + 5
    key, k = _FNV, j
    while k < high and k - j < 16 and is_letter(int(text[k])):
        key = (key ^ np.uint64(text[k])) * _PRIME
        k += 1
    if k > j:
        place = np.searchsorted(commands, key)
        if place < len(commands) and commands[place] == key:
            return -1, k
        if text[j] == 110 or text[j] == 116 or text[j] == 114:
            return -1, j + 1
    return -1, j


@compiled
def annotation_end(text: Any, i: int, high: int) -> int:
    """Return the byte after a calculator annotation like `<<48/2=24>>` at byte i, or i + 1."""
    if i + 1 >= high or text[i + 1] != 60:
        return i + 1
    for j in range(i + 2, min(high - 1, i + 80)):
        c = text[j]
        if c == 62 and text[j + 1] == 62:
            return j + 2
        if c > 62 or c < 32:
            break
    return i + 1


@compiled
def special(text: Any, i: int, high: int, kind: int, letters: Any) -> Any:
    """Return (folded entry, next byte) for a byte that may begin something longer."""
    code, after = -1, i + 1
    if kind == AMPERSAND:
        code, after = entity(text, i, high, letters.entities, letters.entity_values)
    elif kind == BACKSLASH:
        code, after = escape(text, i, high, letters.commands)
    elif kind == ANGLE:
        after = annotation_end(text, i, high)
    elif kind == PERCENT and i + 2 < high:
        left, right = hex_digit(int(text[i + 1])), hex_digit(int(text[i + 2]))
        if 2 <= left < 8 and right >= 0:
            code, after = left * 16 + right, i + 3
    if code < 0:
        return SEPARATOR, after
    if code >= LIMIT:
        return code << KIND_BITS | ALONE, after
    entry = int(letters.fold[code])
    return (SEPARATOR if entry & _KIND >= AMPERSAND else entry), after


@compiled
def thousands(text: Any, after: int, high: int, letters: Any) -> bool:
    """Say whether exactly three digits stand from byte `after` on, as behind a grouping comma."""
    for count in range(4):
        digit = False
        if after < high:
            c = int(text[after])
            if c < 128:
                after += 1
            else:
                c, after = decoded(text, after, high)
            digit = c < LIMIT and int(letters.fold[c]) & _KIND == DIGIT
        if digit != (count < 3):
            return False
    return True


@compiled
def continues(held: int, kind: int, before: int) -> bool:
    """Say whether a character of `kind` goes on the token before it across a held mark."""
    if kind != before:
        return False
    if kind == LETTER:
        return held in (0, APOSTROPHE, HYPHEN, _BROKEN_LINE)
    return held in (0, POINT, COMMA)


@compiled
def tokenise(  # noqa: PLR0912, PLR0915 - one loop over bytes, kept whole for its speed
    text: Any, low: int, high: int, letters: Any, out: Any, count: int
) -> int:
    """Write the tokens of text[low:high] to `out` from place `count`; return the new count.

    `out` is a `Tokens` of arrays with room for high - low more tokens.
    """
    start, end, kind_before, held = -1, 0, SEPARATOR, 0
    value, i = _SEED, low
    at, stop = 0, 0  # what is left of an expansion
    after = low
    while True:
        if at < stop:
            entry = int(letters.expansions[at])
            at += 1
        elif after >= high:
            break
        else:
            i = after
            c = int(text[i])
            if c < 128:
                entry, after = int(letters.fold[c]), i + 1
            else:
                c, after = decoded(text, i, high)
                entry = int(letters.fold[c]) if c < LIMIT else c << KIND_BITS | ALONE
            if entry & _KIND >= AMPERSAND:
                entry, after = special(text, i, high, entry & _KIND, letters)
            if entry & _KIND == EXPAND:
                at = int(letters.expansion_starts[entry >> KIND_BITS])
                stop = int(letters.expansion_starts[(entry >> KIND_BITS) + 1])
                continue
        kind = entry & _KIND
        if kind in (LETTER, DIGIT):
            if start >= 0 and not continues(held, kind, kind_before):
                count = _emit(out, count, value, start, end, kind_before)
                start = -1
            if start < 0:
                start, value, kind_before = i, _SEED, kind
            elif held == POINT:
                value = (value ^ np.uint64(46)) * _PRIME
            value = (value ^ np.uint64(entry >> KIND_BITS)) * _PRIME
            end, held = after, 0
        elif kind == DROP or (start < 0 and kind != ALONE):
            continue
        elif kind == ALONE:
            if start >= 0:
                count = _emit(out, count, value, start, end, kind_before)
                start = -1
            alone = (_SEED ^ np.uint64(entry >> KIND_BITS)) * _PRIME
            count = _emit(out, count, alone, i, after, ALONE)
        elif kind == SEPARATOR and held == HYPHEN and (text[i] == 10 or text[i] == 13):
            held = _BROKEN_LINE
        elif kind == SEPARATOR and held == _BROKEN_LINE and text[i] <= 32:
            continue
        elif (
            kind >= APOSTROPHE
            and held == 0
            and (kind != COMMA or thousands(text, after, high, letters))
        ):
            held = kind
        else:
            count = _emit(out, count, value, start, end, kind_before)
            start, held = -1, 0
    if start >= 0:
        count = _emit(out, count, value, start, end, kind_before)
    return count


@compiled
def tokenise_each(text: Any, bounds: Any, letters: Any, out: Any, lengths: Any) -> int:
    """Tokenise text[bounds[k]:bounds[k + 1]] for every k, one behind another, into `out`.

    Writes how many tokens each has to `lengths`; returns how many there are in all.
    """
    count = 0
    for k in range(len(lengths)):
        before = count
        count = tokenise(text, bounds[k], bounds[k + 1], letters, out, count)
        lengths[k] = count - before
    return count


@compiled
def _emit(out: Any, count: int, value: Any, start: int, end: int, kind: int) -> int:
    out.hashes[count] = mixed(value) | np.uint64(1)
    out.starts[count] = start
    out.ends[count] = end
    out.kinds[count] = kind
    return count + 1
