"""Who scans the blocks: this process, worker processes, or what else follows the same contract.

An engine turns files into the results of their blocks, in order, each taken from the sink where a
scan before has left it. What a result says does not depend on the engine. What is in a block is
`decontam.scanner`'s business; Ray is `decontam.ray_engine`'s.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from decontam.compiled import sources_digest
from decontam.index import ExamIndex
from decontam.reading import ReadAhead, can_fork
from decontam.scanner import Scanner, ShardResult
from decontam.sources import Block, Blocks, FileEnd, Source
from proctor import __version__
from proctor.digest import digest_json

WATCH_SECONDS = 0.5


class Sink(Protocol):
    """Where finished shards are kept, so that a scan that was killed goes on where it stopped."""

    def has(self, shard: str) -> bool:
        """Say whether a shard of that id (64 hex digits) is kept."""

    def get(self, shard: str) -> bytes:
        """Return what `put` kept."""

    def put(self, shard: str, data: bytes) -> None:
        """Keep a shard; atomic, so that a reader sees all of it or nothing."""


@dataclass(frozen=True)
class Setup:
    """What a worker needs to scan blocks."""

    index: ExamIndex
    fields: tuple[str, ...]
    rivals: bool
    model: str | None
    judged: bool = False

    def key(self) -> list[Any]:
        """Return what determines the result for a block, besides the block."""
        code = [__version__, sources_digest("scanner")]
        return [*code, self.index.digest, list(self.fields), self.rivals, self.model, self.judged]

    def scanner(self) -> Scanner:
        """Return a scanner for this process."""
        return Scanner(self.index, self.fields or None, self.rivals, self.model, self.judged)


class Task(NamedTuple):
    """A block to scan; `data` stands for its lines where they are not in the block itself."""

    block: Block
    data: Any = None


class Engine(ABC):
    """Yields the results of the blocks of files, in order; use it as a context."""

    def __init__(self, setup: Setup, ahead: int) -> None:
        self.setup = setup
        self._ahead = ahead  # how many blocks may be under way before one is waited for
        self._key = setup.key()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def results(
        self, sources: Sequence[Source], sink: Sink | None
    ) -> Iterator[ShardResult | FileEnd]:
        """Yield the result of each block of each source, and a FileEnd behind each source's."""
        waiting: deque[tuple[str, Any]] = deque()
        for item in self.tasks(sources):
            if isinstance(item, FileEnd):
                waiting.append(("", item))
            else:
                waiting.append(self._begun(item, sink))
            while len(waiting) > self._ahead:
                yield self._finished(*waiting.popleft(), sink)
        while waiting:
            yield self._finished(*waiting.popleft(), sink)

    def tasks(self, sources: Sequence[Source]) -> Iterator[Task | FileEnd]:
        """Yield the blocks of each source, and its end."""
        for source in sources:
            for item in self.blocks(source):
                yield item if isinstance(item, FileEnd) else Task(item)

    def blocks(self, source: Source) -> Iterator[Block | FileEnd]:
        """Yield the blocks of one source, and its end, cut here."""
        return Blocks(source).to_end()

    def _begun(self, task: Task, sink: Sink | None) -> tuple[str, Any]:
        block = task.block
        shard = digest_json([*self._key, block.content, block.start, block.size])
        kept = _kept(sink, shard)
        return ("", kept) if kept else (shard, self.submit(task))

    def _finished(self, shard: str, work: Any, sink: Sink | None) -> ShardResult | FileEnd:
        if isinstance(work, FileEnd) or not shard:
            held: FileEnd | ShardResult = work
            return held
        data = self.outcome(work)
        if sink is not None:
            sink.put(shard, data)
        return ShardResult.from_bytes(data)

    @abstractmethod
    def close(self) -> None:
        """Let go of workers."""

    @abstractmethod
    def submit(self, task: Task) -> Any:
        """Begin to scan a block; return what `outcome` takes."""

    @abstractmethod
    def outcome(self, work: Any) -> bytes:
        """Wait for a block; return its `ShardResult` as bytes."""


def _kept(sink: Sink | None, shard: str) -> ShardResult | None:
    if sink is None or not sink.has(shard):
        return None
    try:
        return ShardResult.from_bytes(sink.get(shard))
    except ValueError:
        return None  # cut short on a disk without atomic renames: scanned again


class Here(Engine):
    """Scans in this process, one block at a time."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup, 0)
        self._scanner: Scanner | None = None

    def close(self) -> None:
        """Forget the scanner."""
        self._scanner = None

    def submit(self, task: Task) -> bytes:
        """Scan a block."""
        if self._scanner is None:
            self._scanner = self.setup.scanner()
        return self._scanner.scan(task.block).to_bytes()

    def outcome(self, work: bytes) -> bytes:
        """Return what was found."""
        return work


class Pool(Engine):
    """Scans in worker processes; blocks come from `reader` where there is one."""

    def __init__(self, setup: Setup, workers: int, reader: ReadAhead | None) -> None:
        super().__init__(setup, 2 * workers)
        self._workers = workers
        self._reader = reader
        self._pool: ProcessPoolExecutor | None = None

    def close(self) -> None:
        """End the workers."""
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)
            gc.unfreeze()  # harmless where nothing was frozen

    def blocks(self, source: Source) -> Iterator[Block | FileEnd]:
        """Yield the blocks of one source, and its end."""
        return self._reader.blocks(source) if self._reader else super().blocks(source)

    def submit(self, task: Task) -> Future[bytes]:
        """Queue a block."""
        if self._pool is None:
            # Forking shares the index and the compiled code.
            alone = can_fork() and not self.setup.model
            if alone:
                # What the collector does not walk stays shared between the processes.
                gc.freeze()
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context("fork" if alone else "spawn"),
                initializer=_start,
                initargs=(self.setup, os.getpid()),
            )
        return self._pool.submit(_scan_block, task.block)

    def outcome(self, work: Future[bytes]) -> bytes:
        """Wait for a block."""
        return work.result()


_scanner: list[Scanner] = []


def _start(setup: Setup, parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _scanner[:] = [setup.scanner()]


def _end_with(parent: int) -> None:
    """End this process when the one that started it was killed: workers that wait for each
    other's queue would wait for ever."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def _scan_block(block: Block) -> bytes:
    return _scanner[0].scan(block).to_bytes()


def local_engine(setup: Setup, workers: int | None, reader: ReadAhead | None = None) -> Engine:
    """Return an engine on this machine's cores, all of them when `workers` is None."""
    count = workers or len(os.sched_getaffinity(0))
    return Here(setup) if count == 1 else Pool(setup, count, reader)
