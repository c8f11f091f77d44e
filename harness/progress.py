"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere. On stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.console import log, printable

# (what is being worked on, done, in all)
Report = Callable[[str, int, int], None]
_PLAIN_SECONDS = 10.0


@contextmanager
def progress_of(title: str) -> Iterator[Report]:
    """Yield a function that shows how far the work is."""
    if not sys.stderr.isatty():
        yield _plain(title)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        shown = bar.add_task(escape(printable(title)), total=None)

        def report(what: str, done: int, total: int) -> None:
            text = escape(printable(_about(title, what)))
            bar.update(shown, description=text, completed=done, total=total)

        yield report


def _about(title: str, what: str) -> str:
    return f"{title}: {what}" if what else title


def _plain(title: str) -> Report:
    last = time.monotonic()

    def report(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PLAIN_SECONDS:
            last = time.monotonic()
            log(f"{_about(title, what)}, {done:,} of {total:,}")

    return report
