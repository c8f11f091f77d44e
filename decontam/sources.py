"""Training sources to blocks of JSON lines: files, globs, folders; bounded memory, any size.

A block is a run of whole lines. Plain JSONL blocks are byte ranges that a worker reads for itself;
everything else is turned into JSON lines while reading (`decontam.formats`). Nothing is parsed
here beyond that, and nothing is judged.
"""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from decontam.formats import (
    HUB,
    PIECE,
    Hashing,
    HubSource,
    csv_lines,
    hub_lines,
    json_array_lines,
    opened,
    parquet_lines,
    whole_lines,
)
from proctor.digest import digest_file
from proctor.errors import ProctorError, UsageError

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 64 << 20
_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".pq")
Source = Path | HubSource


@dataclass(frozen=True)
class Block:
    """Some whole lines of a file.

    Attributes:
        path: the file.
        start: the byte of a plain file where the lines begin; else the number of the first line.
        size: how many bytes there are.
        data: the lines themselves where they are not bytes of the file, else None.
        content: digest of the file's bytes up to the end of this block.
    """

    path: str
    start: int
    size: int
    data: bytes | None
    content: str


class FileEnd(NamedTuple):
    """Stands behind the last block of a source; `digest` is that of its content."""

    digest: str


def expand(paths: str | Path | Sequence[str | Path]) -> list[Source]:
    """Return what paths, globs, folders and `hub:` names stand for, each sorted, none twice.

    Raises:
        UsageError: a path or glob names no file.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    files: dict[Source, None] = {}
    for item in given:
        found: list[Source]
        path = Path(item)
        if str(item).startswith(HUB):
            found = [HubSource.parsed(str(item))]
        elif path.is_dir():
            found = sorted(p for p in path.rglob("*") if _plain_name(p).endswith(_ENDINGS))
        elif path.exists():
            found = [path]
        else:
            names = sorted(glob.glob(str(item), recursive=True))
            found = [Path(name) for name in names if os.path.isfile(name)]
        if not found:
            raise UsageError(f"{item} names no file: give a file, a folder or a glob that matches")
        files.update(dict.fromkeys(found))
    return list(files)


def _plain_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz").removesuffix(".zst")


def in_ranges(source: Source) -> bool:
    """Say whether a source's name alone tells that its blocks are ranges of its bytes."""
    return isinstance(source, Path) and source.name.lower().endswith((".jsonl", ".ndjson"))


class Blocks:
    """The blocks of one source, in order; `digest` is that of its content once they are through:
    a file's SHA-256, or that of a hub data set's rows as JSON lines."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.digest = ""

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks.

        Raises:
            ProctorError: the source is missing or cannot be read as what its name says.
        """
        path = self.source
        if isinstance(path, HubSource):
            yield from self._rows(hub_lines(path))
            return
        name = _plain_name(path)
        try:
            if name.endswith((".parquet", ".pq")):
                self.digest = digest_file(path)
                yield from self._shipped(parquet_lines(path), None)
            elif name == path.name.lower() and not _is_table(path, name):
                yield from self._ranges(path)
            else:
                yield from self._streamed(path, name)
        except (OSError, EOFError, ValueError, csv.Error) as error:
            raise _unreadable(path, error) from error
        except Exception as error:
            if type(error).__module__.split(".")[0] not in ("pyarrow", "zstandard", "zstd", "zlib"):
                raise
            raise _unreadable(path, error) from error

    def to_end(self) -> Iterator[Block | FileEnd]:
        """Yield the blocks and the end; raises what going through the blocks does."""
        yield from self
        yield FileEnd(self.digest)

    def _ranges(self, path: Path) -> Iterator[Block]:
        running, start = hashlib.sha256(), 0
        piece = memoryview(bytearray(PIECE))  # read over and over, it stays in the core's cache
        with path.open("rb") as handle:
            while True:
                size, last = 0, b""
                while wanted := min(PIECE, BLOCK_BYTES - size):
                    count = handle.readinto(piece[:wanted])
                    if not count:
                        break
                    running.update(piece[:count])
                    size, last = size + count, bytes(piece[count - 1 : count])
                if not size:
                    break
                while last != b"\n" and (rest := handle.readline(PIECE)):
                    running.update(rest)
                    size, last = size + len(rest), rest[-1:]
                yield Block(str(path), start, size, None, running.hexdigest())
                start += size
        self.digest = running.hexdigest()

    def _streamed(self, path: Path, name: str) -> Iterator[Block]:
        raw = Hashing(path)
        with io.BufferedReader(raw, PIECE) as handle:
            if name.endswith((".csv", ".tsv")):
                delimiter = "\t" if name.endswith(".tsv") else ","
                lines = csv_lines(opened(path, handle), delimiter, MAX_LINE_BYTES)
            elif name.endswith(".json") and handle.peek(64).lstrip()[:1] == b"[":
                lines = json_array_lines(opened(path, handle))
            else:
                lines = whole_lines(opened(path, handle), MAX_LINE_BYTES)
            yield from self._shipped(lines, raw)
            while handle.read(PIECE):  # what follows the last row still belongs to the digest
                pass
            self.digest = raw.hash.hexdigest()

    def _rows(self, lines: Iterator[bytes]) -> Iterator[Block]:
        running = hashlib.sha256()
        for block in self._shipped(lines, None):
            running.update(block.data or b"")
            self.digest = running.hexdigest()
            yield Block(block.path, block.start, block.size, block.data, self.digest)
        self.digest = running.hexdigest()

    def _shipped(self, lines: Iterator[bytes], raw: Hashing | None) -> Iterator[Block]:
        """Yield lines as blocks that carry them; `raw` tells the digest of what was read."""
        held: list[bytes] = []
        size, first = 0, 0
        for line in lines:
            held.append(line + b"\n")
            size += len(line) + 1
            if size >= BLOCK_BYTES:
                yield self._block(first, held, raw)
                first, size, held = first + len(held), 0, []
        if held:
            yield self._block(first, held, raw)

    def _block(self, first: int, held: list[bytes], raw: Hashing | None) -> Block:
        data = b"".join(held)
        content = raw.hash.hexdigest() if raw else self.digest
        return Block(str(self.source), first, len(data), data, content)


def _unreadable(path: Path, error: Exception) -> ProctorError:
    return ProctorError(f"{path} cannot be read ({error}); mend it or leave it out")


def _is_table(path: Path, name: str) -> bool:
    if name.endswith((".csv", ".tsv")):
        return True
    if not name.endswith(".json"):
        return False
    with path.open("rb") as handle:
        return handle.read(64).lstrip()[:1] == b"["


def block_lines(block: Block) -> Iterator[tuple[int, bytes | None]]:
    """Yield (line number from 0 within the block, line); an overlong line is None."""
    if block.data is None and block.size > BLOCK_BYTES + MAX_LINE_BYTES:
        yield from _long_lines(block)
        return
    data = block.data
    if data is None:
        with open(block.path, "rb") as handle:
            handle.seek(block.start)
            data = handle.read(block.size)
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines):
        yield number, line if len(line) <= MAX_LINE_BYTES else None


def _long_lines(block: Block) -> Iterator[tuple[int, bytes | None]]:
    left, number = block.size, 0
    with open(block.path, "rb") as handle:
        handle.seek(block.start)
        while left > 0:
            line = handle.readline(min(left, MAX_LINE_BYTES + 2))
            left -= len(line)
            whole = line.endswith(b"\n") or left == 0 or not line
            while not whole:
                rest = handle.readline(min(left, PIECE))
                left -= len(rest)
                whole = rest.endswith(b"\n") or left == 0 or not rest
            text = line.removesuffix(b"\n")
            yield number, text if len(text) <= MAX_LINE_BYTES else None
            number += 1
