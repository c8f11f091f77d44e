"""One character of UTF-8 text, however it is written: as itself, as an entity or as an escape.

Compiled; called by the tokeniser. Where no escape is meant the character stands for itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decontam.alphabet import (
    ALONE,
    AMPERSAND,
    ANGLE,
    BACKSLASH,
    DIGIT,
    DROP,
    KIND_BITS,
    LETTER,
    LIMIT,
    PERCENT,
    SEPARATOR,
    name_hash,
)
from decontam.compiled import compiled

_PRIME = np.uint64(0x100000001B3)
_ENTITY, _COMMAND = np.uint64(name_hash("&")), np.uint64(name_hash("\\"))
_LONGEST_COMMAND, _LONGEST_ENTITY = 16, 31  # letters and digits
_KIND = (1 << KIND_BITS) - 1


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
def named(names: Any, key: Any) -> int:
    """Return the value of a hash in an `Alphabet.names`, or -1."""
    last = np.uint64(len(names) - 1)
    place = key & last
    while names[place, 0] != 0:
        if names[place, 0] == key:
            return int(np.int64(names[place, 1]))
        place = (place + np.uint64(1)) & last
    return -1


@compiled
def entity(text: Any, i: int, high: int, names: Any) -> Any:
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
    key = _ENTITY
    while (
        j < high and j - i <= _LONGEST_ENTITY and (is_letter(int(text[j])) or 48 <= text[j] <= 57)
    ):
        key = (key ^ np.uint64(text[j])) * _PRIME
        j += 1
    if j < high and text[j] == 59:
        code = named(names, key)
        if code >= 0:
            return code, j + 1
    return -1, i + 1


@compiled
def latin_letter(text: Any, i: int, high: int, fold: Any, names: Any) -> Any:
    """Return (small letter, next byte) of the ASCII letter that byte i folds to, or (-1, i).

    What is invisible before it is passed over.
    """
    j = i
    while j < high:
        c, after = int(text[j]), j + 1
        if c >= 128:
            c, after = decoded(text, j, high)
        elif c == 38:
            c, after = entity(text, j, high, names)
        entry = int(fold[c]) if 0 <= c < LIMIT else SEPARATOR
        value = entry >> KIND_BITS
        if entry & _KIND == LETTER and 97 <= value <= 122:
            return value, after
        if entry & _KIND != DROP:
            break
        j = after
    return -1, i


@compiled
def odd_name(text: Any, j: int, high: int, fold: Any, names: Any) -> Any:
    """Return (hash, next byte, first letter, byte after it) of a command's name from byte j on,
    whatever its letters are written with."""
    key, k, first, behind = _COMMAND, j, 0, j
    for length in range(_LONGEST_COMMAND):
        letter, after = latin_letter(text, k, high, fold, names)
        if letter < 0:
            break
        if length == 0:
            first, behind = letter, after
        key, k = (key ^ np.uint64(letter)) * _PRIME, after
    return key, k, first, behind


@compiled
def escape(text: Any, i: int, high: int, fold: Any, names: Any) -> Any:
    """Return (code point or -1, next byte) for what follows the backslash at byte i.

    `\\u00e9` is its character; a LaTeX command that only sets type is passed over; `\\n`, `\\t`
    and `\\r` of text that was escaped for JSON end a token and take their letter with them. Names
    may be in capitals and in letters that look alike, as the text around them may be.
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
    key, k, first, behind = _COMMAND, j, 0, j + 1
    # A capital behind a small letter is no command's: in JSON `\nEq` is a line's end and `Eq`.
    fold_case = 0 if j < high and text[j] >= 97 else 32
    while k < high and k - j < _LONGEST_COMMAND and is_letter(int(text[k])):
        key = (key ^ np.uint64(text[k] | fold_case)) * _PRIME
        k += 1
    if k < high and (text[k] == 38 or text[k] >= 128):
        key, k, first, behind = odd_name(text, j, high, fold, names)
    elif k > j:
        first = int(text[j]) | 32
    if k > j:
        if named(names, key) >= 0:
            return -1, k
        if first in (110, 116, 114):
            return -1, behind
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
def quoted_byte(text: Any, i: int, high: int) -> int:
    """Return the byte that `%XX` at byte i stands for, or -1."""
    if i + 2 >= high or text[i] != 37:
        return -1
    left, right = hex_digit(int(text[i + 1])), hex_digit(int(text[i + 2]))
    return left * 16 + right if left >= 0 and right >= 0 else -1


@compiled
def percent(text: Any, i: int, high: int) -> Any:
    """Return (code point or -1, next byte) for the `%` at byte i, as in a URL: UTF-8 in `%XX`s."""
    first = quoted_byte(text, i, high)
    if 32 <= first < 128 or first in (9, 10, 13):
        return first, i + 3
    if first < 0xC2 or first > 0xF4:
        return -1, i + 1
    more = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
    code = first & (0x3F >> more)
    for k in range(1, more + 1):
        byte = quoted_byte(text, i + 3 * k, high)
        if byte < 0 or byte >> 6 != 2:
            return -1, i + 1
        code = code << 6 | (byte & 0x3F)
    return code, i + 3 * (more + 1)


@compiled
def special(text: Any, i: int, high: int, kind: int, fold: Any, names: Any) -> Any:
    """Return (folded entry, next byte) for a sign, with its last byte at i, that may begin more."""
    code, after = -1, i + 1
    if kind == AMPERSAND:
        code, after = entity(text, i, high, names)
    elif kind == ANGLE:
        after = annotation_end(text, i, high)
    elif kind == PERCENT:
        code, after = percent(text, i, high)
    if kind == BACKSLASH or code == 92:
        code, after = escape(text, after - 1, high, fold, names)
    if code < 0:
        return SEPARATOR, after
    if code >= LIMIT:
        return code << KIND_BITS | ALONE, after
    entry = int(fold[code])
    return (SEPARATOR if entry & _KIND >= AMPERSAND else entry), after


@compiled
def thousands(text: Any, after: int, high: int, fold: Any) -> bool:
    """Say whether exactly three digits stand from byte `after` on, as behind a grouping comma."""
    for count in range(4):
        digit = False
        if after < high:
            c = int(text[after])
            if c < 128:
                after += 1
            else:
                c, after = decoded(text, after, high)
            digit = c < LIMIT and int(fold[c]) & _KIND == DIGIT
        if digit != (count < 3):
            return False
    return True
