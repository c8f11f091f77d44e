"""Near-duplicate documents inside and between sources: what a mixture would count more than once.

MinHash signatures in a locality-sensitive index (Broder 1997; datasketch) nominate pairs, the
Jaccard similarity of the two sets of shingles confirms them, so the index's false alarms are
never reported. Says nothing about exams: those are `decontam.scan`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from decontam.documents import Turns, named_turns, turns_of
from decontam.normalise import tokens_of
from decontam.sources import Blocks, block_lines, expand
from proctor.errors import UsageError

Shingles = npt.NDArray[np.uint64]
SHINGLE = 3
PERMUTATIONS = 128
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Duplicate(NamedTuple):
    """A document (0-based line of its source) that repeats an earlier one.

    `similarity` is the Jaccard similarity of their sets of three-token shingles.
    """

    source: str
    document: int
    of_source: str
    of_document: int
    similarity: float


def shingles(text: str, size: int = SHINGLE) -> Shingles:
    """Return the hashes of all runs of `size` tokens, each once, sorted; short texts give one."""
    hashes = tokens_of(text).hashes
    if len(hashes) == 0:
        return np.empty(0, np.uint64)
    size = min(size, len(hashes))
    mixed = np.zeros(len(hashes) - size + 1, np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(size):
            mixed = (mixed * _FACTOR) ^ hashes[offset : offset + len(mixed)]
    return np.unique(mixed)


def jaccard(one: Shingles, other: Shingles) -> float:
    """Return the share of shingles that two documents have in common: |A and B| / |A or B|."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / max(1, len(one) + len(other) - shared)


def near_duplicates(
    sources: Mapping[str, str | Path | Sequence[str | Path]],
    *,
    threshold: float = 0.8,
    fields: Sequence[str] | None = None,
) -> Iterator[Duplicate]:
    """Yield every document that is as similar as `threshold` to one that came before and stays.

    A document is held against those that are no duplicates themselves, so that a chain of small
    edits does not swallow what differs from its first link. Rows without text are passed over.
    The shingles of all documents that stay are kept in memory: 8 bytes a token.

    Args:
        sources: name to files, globs or folders, read in this order.
        threshold: of the Jaccard similarity, above 0 and at most 1.
        fields: the fields to read of each row; guessed when None.

    Raises:
        UsageError: the threshold is out of range, or a path names no file.
        ProctorError: a file cannot be read.
    """
    from datasketch import MinHash, MinHashLSH

    if not 0 < threshold <= 1:
        raise UsageError(f"the threshold {threshold} is not a similarity: give one up to 1")
    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
    empty = MinHash(num_perm=PERMUTATIONS, hashfunc=int)
    kept: list[tuple[str, int, Shingles]] = []
    for source, document, text in _documents(sources, fields):
        held = shingles(text)
        if len(held) == 0:
            continue
        signature = empty.copy()
        signature.update_batch((held & np.uint64(0xFFFFFFFF)).tolist())
        near = [(jaccard(held, kept[key][2]), -key) for key in index.query(signature)]
        similarity, first = max(near, default=(0.0, 0))
        if similarity >= threshold:
            yield Duplicate(source, document, kept[-first][0], kept[-first][1], similarity)
        else:
            index.insert(len(kept), signature, check_duplication=False)
            kept.append((source, document, held))


def _documents(
    sources: Mapping[str, str | Path | Sequence[str | Path]], fields: Sequence[str] | None
) -> Iterator[tuple[str, int, str]]:
    read = turns_of if fields is None else named_turns(fields)
    for source, paths in sources.items():
        document = 0
        for path in expand(paths):
            for block in Blocks(path):
                for _, line in block_lines(block):
                    turns = _turns(read, line)
                    if turns:
                        yield source, document, "\n".join(text for _, text in turns)
                    document += 1


def _turns(read: Callable[[Any], Turns], line: bytes | None) -> Turns:
    """Return a line's turns, none where it holds no row with text."""
    if line is None:
        return []
    try:
        return read(orjson.loads(line))
    except ValueError:
        return []
