"""Open-addressing tables and n-gram hashes, shared by the index and the scan kernels.

Compiled. A table never shrinks and is never more than half full; key 0 means empty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from decontam.compiled import compiled
from decontam.tokeniser import mixed

BASE = np.uint64(0x9E3779B97F4A7C55)
_ONE = np.uint64(1)
_SIX = np.uint64(6)
_LOW = np.uint64(63)


@compiled
def table_of(keys: Any, size: int) -> Any:
    """Return (keys, places) of a table of `size` (a power of two): place i is keys[i]'s index."""
    table = np.zeros(size, np.uint64)
    places = np.full(size, -1, np.int32)
    mask = np.uint64(size - 1)
    for i in range(len(keys)):
        slot = keys[i] & mask
        while table[slot] != 0:
            slot = (slot + _ONE) & mask
        table[slot] = keys[i]
        places[slot] = i
    return table, places


@compiled
def find(table: Any, places: Any, key: Any) -> int:
    """Return the index stored for a key, or -1."""
    mask = np.uint64(len(table) - 1)
    slot = key & mask
    while table[slot] != 0:
        if table[slot] == key:
            return int(places[slot])
        slot = (slot + _ONE) & mask
    return -1


@compiled
def bits_of(keys: Any, size: int) -> Any:
    """Return a bitmap of `size` bits (a power of two) with a bit set for each key."""
    bits = np.zeros(max(1, size >> 6), np.uint64)
    mask = np.uint64(size - 1)
    for i in range(len(keys)):
        place = (keys[i] >> np.uint64(20)) & mask
        bits[place >> _SIX] |= _ONE << (place & _LOW)
    return bits


@compiled
def maybe(bits: Any, key: Any) -> Any:
    """Say whether a key may be in the set behind a bitmap."""
    place = (key >> np.uint64(20)) & np.uint64((len(bits) << 6) - 1)
    return (bits[place >> _SIX] >> (place & _LOW)) & _ONE != 0


@compiled
def gram_hash(hashes: Any, first: int, n: int) -> Any:
    """Return the hash of the n-gram of token hashes that begins at `first`; never 0."""
    value = np.uint64(0)
    for i in range(first, first + n):
        value = value * BASE + hashes[i]
    return mixed(value) | _ONE


@compiled
def gram_hashes(hashes: Any, offsets: Any, n: int) -> Any:
    """Return (hash, unit, place) of every n-gram inside every unit.

    Unit u is hashes[offsets[u]:offsets[u + 1]].
    """
    total = 0
    for u in range(len(offsets) - 1):
        total += max(0, offsets[u + 1] - offsets[u] - n + 1)
    grams = np.empty(total, np.uint64)
    units = np.empty(total, np.int32)
    places = np.empty(total, np.int32)
    k = 0
    for u in range(len(offsets) - 1):
        for place in range(offsets[u + 1] - offsets[u] - n + 1):
            grams[k] = gram_hash(hashes, offsets[u] + place, n)
            units[k] = u
            places[k] = place
            k += 1
    return grams, units, places


def power_of_two(least: int) -> int:
    """Return the smallest power of two that is at least `least`."""
    return 1 << max(0, int(least) - 1).bit_length()


def distinct(values: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[Any]]:
    """Return (sorted distinct values, the index of each value among them)."""
    found, inverse = np.unique(values, return_inverse=True)
    return found, inverse.reshape(-1)


@compiled
def opening_hashes(hashes: Any, offsets: Any, units: Any, most: int) -> Any:
    """Return, for each unit named, the hash of its first `most` tokens, or of all it has."""
    out = np.empty(len(units), np.uint64)
    for k in range(len(units)):
        first = offsets[units[k]]
        out[k] = gram_hash(hashes, first, min(most, offsets[units[k] + 1] - first))
    return out
