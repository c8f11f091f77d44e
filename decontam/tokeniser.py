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
    POINT,
    SEPARATOR,
)
from decontam.compiled import compiled
from decontam.escapes import decoded, special, thousands

_BROKEN_LINE = 14  # a hyphen with the end of its line behind it
_SEED = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_KIND = (1 << KIND_BITS) - 1


@compiled
def mixed(value: Any) -> Any:
    """Spread a 64-bit value over all its bits (the finaliser of the rrmxmx family)."""
    value = (value ^ (value >> _SHIFT)) * _MIX
    value = (value ^ (value >> _SHIFT)) * _MIX
    return value ^ (value >> _SHIFT)


@compiled
def continues(held: int, kind: int, before: int) -> bool:
    """Say whether a character of `kind` goes on the token before it across a held mark."""
    if kind != before:
        return False
    if kind == LETTER:
        return held in (0, APOSTROPHE, HYPHEN, _BROKEN_LINE)
    return held in (0, POINT, COMMA)


@compiled
def plain_tokens(text: Any, low: int, high: int, plain: Any, out: Any, count: int) -> Any:
    """Write tokens from byte `low` on for as long as they are plain; return (next byte, count).

    Plain is a run of ASCII letters or digits that ends where no rule joins it to what follows. At
    any other, its first byte is returned and nothing of it written. Most text goes this way, at
    a load and two comparisons a byte; indices are unsigned so that none may count from the end.
    """
    one = np.uint64(1)
    i, stop, first = np.uint64(low), np.uint64(high), np.uint64(low)
    while i < stop:
        entry = plain[text[i]]
        kind = entry & _KIND
        if kind not in (LETTER, DIGIT):
            if kind > COMMA:
                break
            i += one
            continue
        first, value = i, _SEED
        after = kind
        while after == kind:
            value = (value ^ np.uint64(entry >> KIND_BITS)) * _PRIME
            i += one
            entry = plain[text[i]] if i < stop else SEPARATOR
            after = entry & _KIND
        if after >= APOSTROPHE:
            # A mark joins unless a space or the like follows; a hyphen joins over a line's end too.
            # A command ends a token, but `\u00e9` may go on with it.
            following = text[i + one] if i + one < stop else 117
            if after == BACKSLASH:
                joins = following in (117, 92)
            else:
                joins = after > COMMA or plain[following] & _KIND != SEPARATOR
                joins |= after == HYPHEN and following in (10, 13)
            if joins:
                return np.int64(first), count
        out.hashes[count] = mixed(value) | one
        out.starts[count] = first
        out.ends[count] = i
        out.kinds[count] = kind
        count += 1
    return np.int64(i), count


@compiled
def tokenise(  # noqa: PLR0912, PLR0915 - one loop: cut in three it read English half as fast
    text: Any, low: int, high: int, letters: Any, out: Any, count: int
) -> int:
    """Write the tokens of text[low:high] to `out` from place `count`; return the new count.

    `out` is a `Tokens` of arrays with room for high - low more tokens.
    """
    fold, names = letters.fold, letters.names
    start, end, kind_before, held = -1, 0, SEPARATOR, 0
    value, i = _SEED, low
    at, stop = 0, 0  # what is left of an expansion
    after = low
    while True:
        if start < 0 and at == stop:
            after, count = plain_tokens(text, after, high, letters.plain, out, count)
        if at < stop:
            entry = int(letters.expansions[at])
            at += 1
        elif after >= high:
            break
        else:
            i = after
            c = int(text[i])
            if c < 128:
                entry, after = int(fold[c]), i + 1
            else:
                c, after = decoded(text, i, high)
                entry = int(fold[c]) if c < LIMIT else c << KIND_BITS | ALONE
            if entry & _KIND >= AMPERSAND:
                entry, after = special(text, after - 1, high, entry & _KIND, fold, names)
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
            and (kind != COMMA or thousands(text, after, high, fold))
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
