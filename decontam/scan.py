"""The scan: sources against exams under a rule, in shards that can be taken up again.

Knows workers, shards and the record of a scan; what a match is belongs to `decontam.scanner`.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from decontam.exams import Exam
from decontam.index import ExamIndex, build_index
from decontam.matches import match_table
from decontam.rules import Rule
from decontam.scanner import Scanner, ShardResult
from decontam.sources import Block, Blocks, expand
from decontam.table import Cell, cell
from proctor.digest import digest_json

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_REASONS = 1000
Paths = str | Path | Sequence[str | Path]


class Sink(Protocol):
    """Where finished shards are kept, so that a scan that was killed goes on where it stopped."""

    def has(self, shard: str) -> bool:
        """Say whether a shard of that id (64 hex digits) is kept."""

    def get(self, shard: str) -> bytes:
        """Return what `put` kept."""

    def put(self, shard: str, data: bytes) -> None:
        """Keep a shard; atomic, so that a reader sees all of it or nothing."""


@dataclass(frozen=True)
class Scan:
    """What a scan found.

    Attributes:
        matches: an Arrow table, columns as `decontam.matches.Match`.
        table: a cell for every source and task.
        manifest: the record of the scan, JSON-ready.
        contaminated: (source, task) pairs above the rule's share.
    """

    matches: pa.Table
    table: tuple[Cell, ...]
    manifest: dict[str, Any]
    contaminated: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Source:
    name: str
    digest: str
    documents: int
    text_bytes: int
    bad: list[tuple[int, str]]
    rows: list[list[Any]]


def scan(
    sources: Mapping[str, Paths],
    exams: Sequence[Exam],
    rule: Rule,
    *,
    workers: int | None = None,
    fields: Sequence[str] | None = None,
    sink: Sink | None = None,
    index_cache: Path | None = None,
) -> Scan:
    """Look for every instance of the exams in every document of the sources.

    Args:
        sources: name to files, globs or folders.
        exams: what to look for; task names must differ.
        rule: what counts as found.
        workers: processes; all cores when None. The result does not depend on it.
        fields: the fields to read of each row; guessed when None.
        sink: where finished shards are kept.
        index_cache: folder where the exam index is kept.

    Raises:
        ProctorError: a source or an exam cannot be read.
    """
    began = time.monotonic()
    index = build_index(exams, rule, index_cache)
    files = {name: expand(paths) for name, paths in sources.items()}
    count = workers or len(os.sched_getaffinity(0))
    found = []
    with _engine(index, fields, count) as engine:
        for name, paths in files.items():
            found.append(_scan_source(name, paths, index, fields, engine, sink))
    return _assembled(found, exams, index, time.monotonic() - began)


def _scan_source(
    name: str,
    paths: Sequence[Path],
    index: ExamIndex,
    fields: Sequence[str] | None,
    engine: _Engine,
    sink: Sink | None,
) -> _Source:
    digests: list[str] = []
    first, documents, size = 0, 0, 0
    bad: list[tuple[int, str]] = []
    rows: list[list[Any]] = []

    def blocks() -> Iterator[Block]:
        for path in paths:
            one = Blocks(path)
            yield from one
            digests.append(one.digest)

    for result in engine.results(blocks(), index.digest, fields, sink):
        documents += result.documents
        size += result.text_bytes
        bad += [(first + line, reason) for line, reason in result.quarantined]
        rows += [[name, first + row[0], *row[1:]] for row in result.matches]
        first += result.lines
    digest = digests[0] if len(digests) == 1 else digest_json(digests)
    return _Source(name, digest, documents, size, bad, rows)


def _assembled(
    found: Sequence[_Source], exams: Sequence[Exam], index: ExamIndex, seconds: float
) -> Scan:
    cells, rows = [], []
    for source in found:
        hit: dict[str, set[int]] = {exam.task: set() for exam in exams}
        for row in source.rows:
            hit[row[6]].add(row[7])
        rows += source.rows
        for exam in exams:
            cells.append(cell(source.name, exam.task, len(exam.instances), len(hit[exam.task])))
    manifest: dict[str, Any] = {
        "rule": index.rule.as_dict(),
        "index": index.digest,
        "sources": {s.name: _source_record(s) for s in found},
        "exams": {e.task: {"digest": e.digest(), "instances": len(e.instances)} for e in exams},
        "table": [c.as_dict() for c in cells],
        "matches": len(rows),
    }
    manifest["id"] = digest_json(manifest)
    manifest["seconds"] = round(seconds, 3)
    over = tuple((c.source, c.task) for c in cells if c.share > index.rule.share)
    return Scan(match_table(rows), tuple(cells), manifest, over)


def _source_record(source: _Source) -> dict[str, Any]:
    return {
        "digest": source.digest,
        "documents": source.documents,
        "text_bytes": source.text_bytes,
        "matched_documents": len({row[1] for row in source.rows}),
        "quarantined_count": len(source.bad),
        "quarantined": [{"line": n, "reason": why} for n, why in source.bad[:KEPT_REASONS]],
    }


class _Engine:
    """Runs the scanner over blocks, here or in worker processes, and yields results in order."""

    def __init__(self, index: ExamIndex, fields: Sequence[str] | None, workers: int) -> None:
        self._workers = workers
        self._setup = (index, fields)
        self._local: Scanner | None = None
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> _Engine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def results(
        self, blocks: Iterator[Block], index: str, fields: Sequence[str] | None, sink: Sink | None
    ) -> Iterator[ShardResult]:
        waiting: list[tuple[str, Future[bytes] | bytes]] = []
        for block in blocks:
            shard = digest_json([index, list(fields or ()), block.content, block.start, block.size])
            stored = _stored(sink, shard)
            waiting.append((shard, self._submit(block) if stored is None else stored))
            while len(waiting) > 2 * self._workers or (self._workers == 1 and waiting):
                yield _finished(*waiting.pop(0), sink)
        for shard, future in waiting:
            yield _finished(shard, future, sink)

    def _submit(self, block: Block) -> Future[bytes]:
        if self._workers == 1:
            if self._local is None:
                self._local = Scanner(*self._setup)
            done: Future[bytes] = Future()
            done.set_result(self._local.scan(block).to_bytes())
            return done
        if self._pool is None:
            # Forking shares the index and the compiled code; it is safe only while there are no
            # other threads.
            alone = threading.active_count() == 1 and "fork" in _methods()
            context = multiprocessing.get_context("fork" if alone else "spawn")
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=context, initializer=_start, initargs=self._setup
            )
        return self._pool.submit(_scan_block, block)


def _methods() -> list[str]:
    return multiprocessing.get_all_start_methods()


def _engine(index: ExamIndex, fields: Sequence[str] | None, workers: int) -> _Engine:
    return _Engine(index, fields, max(1, workers))


def _stored(sink: Sink | None, shard: str) -> bytes | None:
    if sink is None or not sink.has(shard):
        return None
    data = sink.get(shard)
    try:
        ShardResult.from_bytes(data)
    except ValueError:
        return None  # cut short on a disk without atomic renames: scanned again
    return data


def _finished(shard: str, work: Future[bytes] | bytes, sink: Sink | None) -> ShardResult:
    if isinstance(work, bytes):
        return ShardResult.from_bytes(work)
    data = work.result()
    if sink is not None:
        sink.put(shard, data)
    return ShardResult.from_bytes(data)


_scanner: list[Scanner] = []


def _start(index: ExamIndex, fields: Sequence[str] | None) -> None:
    _scanner[:] = [Scanner(index, fields)]


def _scan_block(block: Block) -> bytes:
    return _scanner[0].scan(block).to_bytes()
