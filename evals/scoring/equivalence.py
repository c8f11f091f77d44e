"""Whether two mathematical answers are equal: by spelling, by value, else by computer algebra.

Computer algebra runs in a child process whose CPU time is bounded; it never runs answers as code.
Safe from threads, from forked and from daemonic processes: each process has its own child.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from evals.scoring.normal_form import normal_form, rational
from proctor.errors import ProctorError

# CPU seconds of algebra for one instance, all its candidates together; it must end within 1 s.
ALGEBRA_SECONDS = 0.3
# Wall time after which the process is replaced although its CPU time is not used up.
_STUCK_SECONDS = 5.0
_START_SECONDS = 60.0
_MAX_CHARACTERS = 1_000
_MAX_DEPTH = 40
_CODE = re.compile(r"__|\bimport\b|\blambda\b|\b(?:eval|exec|open|system|getattr|compile)\s*\(")
_SYMBOL = re.compile(r"[\d\\=<>^_+*/]")
_WORD = re.compile(r"[A-Za-z]{2,}")
_TOWER = re.compile(r"(?:(?:\^|\*\*)[\s({]{0,4}\d{1,9}\s*){3}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONG_DIGITS = re.compile(r"\d{250}")


@dataclass
class Budget:
    """The CPU seconds of algebra that an instance has left."""

    seconds: float = ALGEBRA_SECONDS


class Equivalence(NamedTuple):
    """A verdict and how it was reached (or why it could not be)."""

    equal: bool
    how: str


def equivalent(gold: str, candidate: str, budget: Budget | None = None) -> Equivalence:
    """Return whether a candidate equals the gold answer, both LaTeX or plain text.

    `budget` is shared by the candidates of one instance; algebra beyond it is not done.
    """
    left = normal_form(gold)
    refusal = unsafe(candidate)
    if refusal is not None:
        return Equivalence(False, refusal)
    right = normal_form(candidate)
    if left == right:
        return Equivalence(True, "same spelling")
    values = rational(left), rational(right)
    if values[0] is not None and values[1] is not None:
        return Equivalence(values[0] == values[1], "exact value")
    # Words alone are equal only if they are spelt alike; one or two may be a product or a name.
    if not _SYMBOL.search(candidate) and len(_WORD.findall(candidate)) >= 3:
        return Equivalence(False, "other words")
    return pool().ask(gold, candidate, budget or Budget())


def unsafe(candidate: str) -> str | None:
    """Return why an answer is not worth computing with, or None."""
    if len(candidate) > _MAX_CHARACTERS:
        return f"the answer is longer than {_MAX_CHARACTERS} characters"
    if _CONTROL.search(candidate):
        return "the answer holds control characters"
    if _CODE.search(candidate):
        return "the answer is shaped like code"
    if _LONG_DIGITS.search(candidate):
        return "the answer holds a number of 250 digits or more"
    if _TOWER.search(candidate):
        return "the answer is a tower of powers"
    depth = deepest = 0
    for character in candidate:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return f"the answer nests deeper than {_MAX_DEPTH} levels" if deepest > _MAX_DEPTH else None


class Child:
    """One computer algebra process, restarted when it dies; for one thread at a time."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._selector = selectors.DefaultSelector()
        self._server = 0
        self._sent = 0
        self._buffer = b""

    def ask(self, gold: str, candidate: str, budget: Budget) -> Equivalence:
        """Ask the child; what it does not finish within the budget is "not equal"."""
        if budget.seconds <= 0:
            return Equivalence(False, "no time left for this answer")
        process = self._running()
        self._sent += 1
        self._send(process, [self._sent, gold, candidate, budget.seconds])
        limit = time.monotonic() + _STUCK_SECONDS
        while (reply := self._receive(process, limit)) is not None:
            if reply[0] == self._sent:
                budget.seconds -= float(reply[2])
                return Equivalence(bool(reply[1]), "computer algebra")
            if reply[0] == "ready":  # the server died of this very answer
                self._server = int(reply[1])
                break
        else:
            self._replace_server(process)
        budget.seconds = 0.0
        return Equivalence(False, "the answer is too much to compute with")

    def close(self) -> None:
        """End the child, in the process that started it."""
        if self._process is None or self._owner != os.getpid():
            return
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "evals.scoring.equivalence_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
        self._selector.close()
        self._selector = selectors.DefaultSelector()
        self._buffer = b""
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ)
        self._await_server(process)
        return process

    def _await_server(self, process: subprocess.Popen[bytes]) -> None:
        limit = time.monotonic() + _START_SECONDS
        while (reply := self._receive(process, limit)) is not None:
            if reply[0] == "ready":
                self._server = int(reply[1])
                return
        self.close()
        raise ProctorError(
            "the process that compares mathematical answers did not start; "
            "run `python -m evals.scoring.equivalence_worker` to see why"
        )

    def _replace_server(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._server, signal.SIGKILL)
        self._await_server(process)

    def _send(self, process: subprocess.Popen[bytes], document: list[Any]) -> None:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(document).encode() + b"\n")
            process.stdin.flush()

    def _receive(self, process: subprocess.Popen[bytes], deadline: float) -> list[Any] | None:
        """Return the next line of the child, or None at the deadline or at its end."""
        assert process.stdout is not None
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not self._selector.select(left):
                return None
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                return None
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        reply: list[Any] = json.loads(line)
        return reply


class Pool:
    """The children of one process: as many at once as it has cores, each asked by one thread."""

    def __init__(self, size: int) -> None:
        self._free: list[Child] = []
        self._all: list[Child] = []
        self._places = threading.Semaphore(size)
        self._lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, gold: str, candidate: str, budget: Budget) -> Equivalence:
        """Ask a free child, started if there is none."""
        with self._places:
            child = self._borrow()
            try:
                return child.ask(gold, candidate, budget)
            finally:
                with self._lock:
                    self._free.append(child)

    def _borrow(self) -> Child:
        with self._lock:
            if self._free:
                return self._free.pop()
            self._all.append(child := Child())
            return child

    def close(self) -> None:
        """End all children."""
        for child in self._all:
            child.close()


@cache
def _pool(_process_id: int) -> Pool:
    return Pool(os.cpu_count() or 1)


def pool() -> Pool:
    """Return this process's pool (a forked process must not talk to its parent's children)."""
    return _pool(os.getpid())
