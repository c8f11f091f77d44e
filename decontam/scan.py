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

from decontam.allow import AllowList
from decontam.exams import Exam
from decontam.index import ExamIndex, build_index
from decontam.rules import Rule
from decontam.scanner import Scanner, ShardResult
from decontam.sources import Block, Blocks, expand
from decontam.spool import Spool
from decontam.table import Cell, cell
from proctor import __version__
from proctor.digest import digest_json

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_REASONS = 1000
Paths = str | Path | Sequence[str | Path]
Work = ShardResult | Future[bytes] | bytes


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


class _Source:
    """What is known of one source so far; the matches themselves are in the spool."""

    def __init__(self, name: str, exams: Sequence[Exam], allow: AllowList) -> None:
        self.name = name
        self._allow = allow
        self._ids = {exam.task: exam.instances for exam in exams}
        self.digest = ""
        self.lines = self.documents = self.text_bytes = self.matched = self.bad_count = (
            self.allowed
        ) = 0
        self.bad: list[tuple[int, str]] = []
        self.hit: dict[str, set[int]] = {exam.task: set() for exam in exams}

    def add(self, result: ShardResult) -> list[list[Any]]:
        """Count a shard in; return its matches with the source's name and lines."""
        self.documents += result.documents
        self.text_bytes += result.text_bytes
        self.bad_count += len(result.quarantined)
        room = KEPT_REASONS - len(self.bad)
        self.bad += [(self.lines + n, why) for n, why in result.quarantined[:room]]
        rows = [[self.name, self.lines + row[0], *row[1:]] for row in result.matches]
        if self._allow:
            kept = [r for r in rows if not self._allow.covers(self.name, r[1], r[6], r[8])]
            self.allowed += len(rows) - len(kept)
            rows = kept
        self.matched += len({row[1] for row in rows})
        for row in rows:
            self.hit[row[6]].add(row[7])
        for task, instance in result.unshown:
            if not self._allow.covers(self.name, None, task, self._ids[task][instance].id):
                self.hit[task].add(instance)
        self.lines += result.lines
        return rows

    def record(self) -> dict[str, Any]:
        """Return what the manifest says of the source."""
        return {
            "digest": self.digest,
            "documents": self.documents,
            "text_bytes": self.text_bytes,
            "matched_documents": self.matched,
            "allowed": self.allowed,
            "quarantined_count": self.bad_count,
            "quarantined": [{"line": n, "reason": why} for n, why in self.bad],
        }


def scan(
    sources: Mapping[str, Paths],
    exams: Sequence[Exam],
    rule: Rule,
    *,
    workers: int | None = None,
    fields: Sequence[str] | None = None,
    sink: Sink | None = None,
    index_cache: Path | None = None,
    allow: AllowList | None = None,
    rivals: bool = True,
    model: str | Path | None = None,
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
        allow: reviewed matches, which are left out and counted.
        rivals: leave out an instance where another one explains the same text much better.
        model: a sentence model (folder or hub name) that confirms paraphrases; needs a rule with
            `soft`.

    Raises:
        ProctorError: a source or an exam cannot be read.
    """
    began = time.monotonic()
    index = build_index(exams, rule, index_cache)
    files = {name: expand(paths) for name, paths in sources.items()}
    count = workers or len(os.sched_getaffinity(0))
    found, spool = [], Spool()
    setup = Setup(index, tuple(fields or ()), rivals, str(model) if model else None)
    reviewed = allow or AllowList()
    with _Engine(setup, max(1, count)) as engine:
        for name, paths in files.items():
            source = _Source(name, exams, reviewed)
            _scan_source(source, paths, engine, sink, spool)
            found.append(source)
    return _assembled(found, exams, index, spool, reviewed, setup.model, time.monotonic() - began)


def _scan_source(
    source: _Source,
    paths: Sequence[Path],
    engine: _Engine,
    sink: Sink | None,
    spool: Spool,
) -> None:
    digests: list[str] = []

    def blocks() -> Iterator[Block]:
        for path in paths:
            one = Blocks(path)
            yield from one
            digests.append(one.digest)

    for result in engine.results(blocks(), sink):
        spool.add(source.add(result))
    source.digest = digests[0] if len(digests) == 1 else digest_json(digests)


def _assembled(
    found: Sequence[_Source],
    exams: Sequence[Exam],
    index: ExamIndex,
    spool: Spool,
    reviewed: AllowList,
    model: str | None,
    seconds: float,
) -> Scan:
    cells = [
        cell(source.name, exam.task, len(exam.instances), len(source.hit[exam.task]))
        for source in found
        for exam in exams
    ]
    manifest: dict[str, Any] = {
        "rule": index.rule.as_dict(),
        "index": index.digest,
        "sources": {s.name: s.record() for s in found},
        "exams": {e.task: {"digest": e.digest(), "instances": len(e.instances)} for e in exams},
        "table": [c.as_dict() for c in cells],
        "matches": spool.rows,
        "allow_list": reviewed.digest,
        "model": model,
    }
    manifest["id"] = digest_json(manifest)
    manifest["seconds"] = round(seconds, 3)
    over = tuple((c.source, c.task) for c in cells if c.share > index.rule.share)
    return Scan(spool.table(), tuple(cells), manifest, over)


@dataclass(frozen=True)
class Setup:
    """What a worker needs to scan blocks."""

    index: ExamIndex
    fields: tuple[str, ...]
    rivals: bool
    model: str | None

    def key(self) -> list[Any]:
        """Return what determines the result for a block, besides the block."""
        return [__version__, self.index.digest, list(self.fields), self.rivals, self.model]

    def scanner(self) -> Scanner:
        """Return a scanner for this process."""
        return Scanner(self.index, self.fields or None, self.rivals, self.model)


class _Engine:
    """Runs the scanner over blocks, here or in worker processes, and yields results in order."""

    def __init__(self, setup: Setup, workers: int) -> None:
        self._workers = workers
        self._setup = setup
        self._local: Scanner | None = None
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> _Engine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def results(self, blocks: Iterator[Block], sink: Sink | None) -> Iterator[ShardResult]:
        """Yield the result of each block, in the order of the blocks."""
        waiting: list[tuple[str, Work]] = []
        for block in blocks:
            shard = digest_json([*self._setup.key(), block.content, block.start, block.size])
            stored = _stored(sink, shard)
            waiting.append((shard, self._submit(block) if stored is None else stored))
            while len(waiting) > 2 * self._workers or (self._workers == 1 and waiting):
                yield _finished(*waiting.pop(0), sink)
        for shard, future in waiting:
            yield _finished(shard, future, sink)

    def _submit(self, block: Block) -> Work:
        if self._workers == 1:
            if self._local is None:
                self._local = self._setup.scanner()
            return self._local.scan(block)
        if self._pool is None:
            # Forking shares the index and the compiled code; it is safe only while there are no
            # other threads.
            alone = threading.active_count() == 1 and "fork" in _methods() and not self._setup.model
            context = multiprocessing.get_context("fork" if alone else "spawn")
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=context, initializer=_start, initargs=(self._setup,)
            )
        return self._pool.submit(_scan_block, block)


def _methods() -> list[str]:
    return multiprocessing.get_all_start_methods()


def _stored(sink: Sink | None, shard: str) -> bytes | None:
    if sink is None or not sink.has(shard):
        return None
    data = sink.get(shard)
    try:
        ShardResult.from_bytes(data)
    except ValueError:
        return None  # cut short on a disk without atomic renames: scanned again
    return data


def _finished(shard: str, work: Work, sink: Sink | None) -> ShardResult:
    if isinstance(work, bytes):  # kept by an earlier scan
        return ShardResult.from_bytes(work)
    if isinstance(work, ShardResult):
        if sink is not None:
            sink.put(shard, work.to_bytes())
        return work
    data = work.result()
    if sink is not None:
        sink.put(shard, data)
    return ShardResult.from_bytes(data)


_scanner: list[Scanner] = []


def _start(setup: Setup) -> None:
    _scanner[:] = [setup.scanner()]


def _scan_block(block: Block) -> bytes:
    return _scanner[0].scan(block).to_bytes()
