"""Progress of a run: a bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from harness.console import log, printable

_SECONDS_BETWEEN_LINES = 10.0


class Tick(Protocol):
    """Tells how far one piece of work is."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Show `done` of `total`."""
        ...


class Progress:
    """Shows the steps of a run; `seconds` since the run began stand before every line."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.began = time.monotonic()
        self.quiet = quiet
        self.terminal = sys.stderr.isatty() and not quiet

    def say(self, message: str) -> None:
        """Print one line."""
        if not self.quiet:
            log(f"[{time.monotonic() - self.began:6.1f} s] {message}")

    @contextmanager
    def work(self, title: str) -> Iterator[Tick]:
        """Show one piece of work while it goes on."""
        self.say(title)
        if self.terminal:
            with _bar(title) as tick:
                yield tick
        else:
            yield _lines(self.say, title)


def _lines(say: Callable[[str], None], title: str) -> Tick:
    last = time.monotonic()

    def tick(done: int, total: int, note: str = "") -> None:
        nonlocal last
        if time.monotonic() - last > _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"  {title}: {done} of {total}{f' ({note})' if note else ''}")

    return tick


@contextmanager
def _bar(title: str) -> Iterator[Tick]:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.text import Text

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(Text(printable(title)).plain, total=None)

        def tick(done: int, total: int, note: str = "") -> None:
            bars.update(task, completed=done, total=total)

        yield tick
