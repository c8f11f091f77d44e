"""Training sources to blocks of JSON lines: files, globs, folders; bounded memory, any size.

A block is a run of whole lines. Plain JSONL blocks are byte ranges that a worker reads for itself;
compressed files, CSV and Parquet are turned into JSON lines while reading. Nothing is parsed here
beyond that, and nothing is judged.
"""

from __future__ import annotations

import csv
import glob
import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import orjson

from proctor.digest import digest_file
from proctor.errors import ProctorError, UsageError

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 64 << 20
_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".pq")
_PIECE = 1 << 20


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


def expand(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the files that paths, globs and folders name, each sorted, none twice.

    Raises:
        UsageError: a path or glob names no file.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    files: dict[Path, None] = {}
    for item in given:
        path = Path(item)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if _plain_name(p).endswith(_ENDINGS))
        elif path.exists():
            found = [path]
        else:
            found = sorted(
                Path(p) for p in glob.glob(str(item), recursive=True) if os.path.isfile(p)
            )
        if not found:
            raise UsageError(f"{item} names no file: give a file, a folder or a glob that matches")
        files.update(dict.fromkeys(found))
    return list(files)


def _plain_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz").removesuffix(".zst")


class _Hashing(io.RawIOBase):
    """A file that is digested as it is read."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer) or 0
        self.hash.update(memoryview(buffer)[:count])
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class Blocks:
    """The blocks of one file, in order; `digest` is the file's SHA-256 once they are through."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = ""

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks.

        Raises:
            ProctorError: the file is missing or cannot be read as what its name says.
        """
        name = _plain_name(self.path)
        try:
            if name.endswith((".parquet", ".pq")):
                yield from self._parquet()
            elif name == self.path.name.lower() and not self._is_table(name):
                yield from self._ranges()
            else:
                yield from self._streamed(name)
        except (OSError, EOFError, ValueError, csv.Error) as error:
            raise self._unreadable(error) from error
        except Exception as error:
            if type(error).__module__.split(".")[0] not in ("pyarrow", "zstandard", "zstd", "zlib"):
                raise
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ProctorError:
        return ProctorError(f"{self.path} cannot be read ({error}); mend it or leave it out")

    def _is_table(self, name: str) -> bool:
        if name.endswith((".csv", ".tsv")):
            return True
        if not name.endswith(".json"):
            return False
        with self.path.open("rb") as handle:
            return handle.read(64).lstrip()[:1] == b"["

    def _ranges(self) -> Iterator[Block]:
        running, start = hashlib.sha256(), 0
        with self.path.open("rb") as handle:
            while head := handle.read(BLOCK_BYTES):
                running.update(head)
                size, ended = len(head), head.endswith(b"\n")
                while not ended and (piece := handle.readline(_PIECE)):
                    running.update(piece)
                    size, ended = size + len(piece), piece.endswith(b"\n")
                yield Block(str(self.path), start, size, None, running.hexdigest())
                start += size
        self.digest = running.hexdigest()

    def _streamed(self, name: str) -> Iterator[Block]:
        raw = _Hashing(self.path)
        with io.BufferedReader(raw, _PIECE) as handle:
            if name.endswith((".csv", ".tsv")):
                lines = _csv_lines(_opened(self.path, handle), "\t" if "tsv" in name else ",")
                blocks = _shipped(self.path, lines, raw)
            elif name.endswith(".json") and handle.peek(64).lstrip()[:1] == b"[":
                rows = json.loads(_opened(self.path, handle).read())
                blocks = _shipped(self.path, (orjson.dumps(row) for row in rows), raw)
            else:
                blocks = _shipped(self.path, _lines(_opened(self.path, handle)), raw)
            yield from blocks
            while handle.read(_PIECE):  # what follows the last row still belongs to the digest
                pass
            self.digest = raw.hash.hexdigest()

    def _parquet(self) -> Iterator[Block]:
        import pyarrow.parquet

        self.digest = digest_file(self.path)
        table = pyarrow.parquet.ParquetFile(self.path)
        batches = table.iter_batches(batch_size=1024)
        lines = (
            orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS)
            for batch in batches
            for row in batch.to_pylist()
        )
        yield from _shipped(self.path, lines, None, self.digest)


def _opened(path: Path, handle: Any) -> IO[bytes]:
    name = path.name.lower()
    if name.endswith(".gz"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=handle))
    if name.endswith(".zst"):
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(
            handle, read_across_frames=True, closefd=False
        )
        return cast(IO[bytes], io.BufferedReader(reader, _PIECE))
    return cast(IO[bytes], handle)


def _lines(handle: IO[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends; of an overlong one, enough to be seen as overlong."""
    while line := handle.readline(MAX_LINE_BYTES + 2):
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := handle.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
        yield line.removesuffix(b"\n")


def _csv_lines(handle: IO[bytes], delimiter: str) -> Iterator[bytes]:
    csv.field_size_limit(MAX_LINE_BYTES)
    text = io.TextIOWrapper(handle, encoding="utf-8-sig", errors="replace", newline="")
    try:
        for row in csv.DictReader(text, delimiter=delimiter):
            row.pop(None, None)  # cells beyond the header
            yield orjson.dumps({k: v for k, v in row.items() if v is not None})
    finally:
        text.detach()


def _shipped(
    path: Path, lines: Iterator[bytes], raw: _Hashing | None, content: str = ""
) -> Iterator[Block]:
    held: list[bytes] = []
    size, first = 0, 0
    for line in lines:
        held.append(line + b"\n")
        size += len(line) + 1
        if size >= BLOCK_BYTES:
            mark = raw.hash.hexdigest() if raw else content
            yield Block(str(path), first, size, b"".join(held), mark)
            first, size, held = first + len(held), 0, []
    if held:
        yield Block(
            str(path), first, size, b"".join(held), raw.hash.hexdigest() if raw else content
        )


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
                rest = handle.readline(min(left, _PIECE))
                left -= len(rest)
                whole = rest.endswith(b"\n") or left == 0 or not rest
            text = line.removesuffix(b"\n")
            yield number, text if len(text) <= MAX_LINE_BYTES else None
            number += 1
