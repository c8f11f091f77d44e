"""The log of a run on stderr: what is being worked on, how far it is, and what was decided."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from harness.console import log
from harness.progress import progress_of


class Tick(Protocol):
    """Tells how far one piece of work is."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Show `done` of `total`."""
        ...


class Progress:
    """Shows the steps of a run, each line with the seconds since the run began."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def say(self, message: str) -> None:
        """Print one line."""
        log(f"[{time.monotonic() - self.began:6.1f} s] {message}")

    @contextmanager
    def work(self, title: str) -> Iterator[Tick]:
        """Show one piece of work while it goes on."""
        self.say(title)
        with progress_of(title) as report:
            yield lambda done, total, note="": report(note, done, total)
