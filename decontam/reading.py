"""Files cut into blocks by a process of its own, while the scan starts up and while it goes on.

Digesting a file costs a twentieth of its scan, and what starts up uses one core. Which bytes are a
block is `decontam.sources`' business; what is in them is read by who scans them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

from decontam.sources import Block, Blocks, FileEnd, Source, in_ranges
from proctor.errors import ProctorError


def can_fork() -> bool:
    """Say whether a process can be forked here: threads would leave their locks to it for ever."""
    return threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()


class ReadAhead:
    """Cuts sources from the moment it is made, as far ahead as a pipe holds; use it as a context.

    Only files whose blocks are ranges of bytes are read ahead. Of others the lines themselves would
    have to be copied from process to process: they are cut where the blocks are asked for.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._coming = deque(source for source in sources if in_ranges(source))
        context = multiprocessing.get_context("fork")
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_cut, args=(tuple(self._coming), sender, self._receiver), daemon=True
        )
        self._process.start()
        sender.close()

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()
        self._receiver.close()

    def blocks(self, source: Source) -> Iterator[Block | FileEnd]:
        """Yield the blocks of one source and its end; sources in the order given at first.

        Raises:
            ProctorError: the source cannot be read, or the process that reads was ended.
        """
        if not self._coming or self._coming[0] != source:
            yield from Blocks(source).to_end()
            return
        self._coming.popleft()
        item: Block | FileEnd | ProctorError | None = None
        while not isinstance(item, FileEnd):
            try:
                item = self._receiver.recv()
            except (EOFError, OSError):  # between two blocks, or within one
                raise ProctorError(
                    f"the process that read {source} was ended from outside: run the same command "
                    "again, finished shards are kept with --out"
                ) from None
            if isinstance(item, ProctorError):
                raise item
            yield item


@contextmanager
def reading_ahead(sources: Iterable[Source], workers: int | None) -> Iterator[ReadAhead | None]:
    """Begin to read; yields None where one worker scans, or none can be forked."""
    if (workers or len(os.sched_getaffinity(0))) == 1 or not can_fork():
        yield None
        return
    with ReadAhead(sources) as reader:
        yield reader


def _cut(sources: Sequence[Source], sender: Connection, receiver: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who waits for the blocks decides
    receiver.close()
    try:
        for source in sources:
            for item in Blocks(source).to_end():
                sender.send(item)
    except ProctorError as error:
        sender.send(error)
    except BrokenPipeError:
        pass  # nobody reads any more
