"""The engine on Ray: the same shard function on the cores of this machine or of a cluster.

Actors scan, each with the index once; readers, a task for each file, cut the blocks where Ray has
room for them. Readers take no CPU of Ray's account, so that actors can never starve them. Results
come back in the order of the blocks, so that they are those of any other engine. On a cluster
every node needs this version of Proctor and the files under the same paths.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from decontam.engines import Engine, Setup, Task
from decontam.index import ExamIndex
from decontam.sources import Block, Blocks, FileEnd, Source
from proctor.errors import ProctorError, UsageError

AHEAD = 2  # blocks under way for each actor
READERS = 4  # files that are read at a time
READ_AHEAD = 16  # objects a reader may be ahead of what is taken from it


class RayEngine(Engine):
    """Scans in Ray actors: `workers` of them, or one for each CPU that Ray has."""

    def __init__(self, setup: Setup, workers: int | None, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # tell nobody
        try:
            import ray
        except ImportError:
            raise UsageError("--engine ray needs Ray: pip install 'proctor[ray]'") from None
        self._ray: Any = ray
        self._started = not ray.is_initialized()
        if self._started:
            _connect(ray, workers, address)
        count = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        super().__init__(setup, AHEAD * count)
        held = ray.put(setup)
        actor: Any = self._ray.remote(num_cpus=1)(_Worker)
        self._actors = [actor.remote(held) for _ in range(count)]
        self._reader: Any = self._ray.remote(
            num_cpus=0,
            num_returns="streaming",
            max_retries=3,
            _generator_backpressure_num_objects=READ_AHEAD,
        )(_read)
        self._busy: dict[Any, int] = {}

    def close(self) -> None:
        """End the actors, and Ray if it was started here."""
        for actor in self._actors:
            self._ray.kill(actor)
        if self._started:
            self._ray.shutdown()

    def tasks(self, sources: Sequence[Source]) -> Iterator[Task | FileEnd]:
        """Yield the blocks of each source, cut by readers, some files ahead of time."""
        coming, reading = deque(sources), deque[Any]()
        while coming or reading:
            while coming and len(reading) < READERS:
                reading.append(self._reader.remote(coming.popleft()))
            stream = reading.popleft()
            for reference in stream:
                item = self._got(reference)
                if isinstance(item, ProctorError):
                    raise item
                # The lines of a block follow it as an object of their own, which stays where it is.
                carried = isinstance(item, Task)
                yield Task(item.block, next(stream)) if carried else _task(item)

    def submit(self, task: Task) -> Any:
        """Give a block to the actor that has least to do."""
        load = [0] * len(self._actors)
        for place in self._busy.values():
            load[place] += 1
        place = load.index(min(load))
        work = self._actors[place].scan.remote(task.block, task.data)
        self._busy[work] = place
        return work

    def outcome(self, work: Any) -> bytes:
        """Wait for a block."""
        data: bytes = self._got(work)
        del self._busy[work]
        return data

    def _got(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1][:300]
            raise ProctorError(
                f"Ray lost a worker or a reader ({reason}): run the same command again, finished "
                "shards are kept with --out"
            ) from error


def _connect(ray: Any, workers: int | None, address: str | None) -> None:
    host, _, port = (address or "").rpartition(":")
    if host and "/" not in host and port.isdigit():
        _knock(host, int(port))  # Ray itself would go on trying for minutes
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            cpus = workers or len(os.sched_getaffinity(0))
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:300]
        raise ProctorError(
            f"no Ray at {address or 'this machine'} ({reason}): give the address of a running "
            "cluster with --ray-address, and set RAY_AUTH_MODE=token if it wants its token, or "
            "leave it out to use this machine"
        ) from error


def _knock(host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError as error:
        raise ProctorError(
            f"no Ray at {host}:{port} ({error.strerror or error}): give the address of a running "
            "cluster with --ray-address, or leave it out to use this machine"
        ) from error


def _task(item: Any) -> Task | FileEnd:
    return item if isinstance(item, FileEnd) else Task(item)


def _read(source: Source) -> Iterator[Any]:
    """Yield a source's blocks, each followed by its lines where it has any (then it comes as a
    Task), and its end; instead of raising, yield the error."""
    try:
        for item in Blocks(source).to_end():
            if isinstance(item, Block) and item.data is not None:
                yield Task(replace(item, data=None))
                yield item.data
            else:
                yield item
    except ProctorError as error:
        yield error


class _Worker:
    """An actor: one scanner, one block at a time."""

    def __init__(self, setup: Setup) -> None:
        self._scanner = replace(setup, index=owned(setup.index)).scanner()

    def scan(self, block: Block, data: bytes | None) -> bytes:
        """Return what is in a block, as bytes."""
        return self._scanner.scan(replace(block, data=data)).to_bytes()


def owned(index: ExamIndex) -> ExamIndex:
    """Return an index with arrays of its own: Ray's are shared and read-only, and kernels would be
    compiled once more for such."""

    def own(part: Any) -> Any:
        return type(part)(*(np.array(array) for array in part))

    return replace(
        index,
        lexicon=own(index.lexicon),
        grams=own(index.grams),
        shorts=own(index.shorts),
        units=own(index.units),
        votes=own(index.votes),
    )
