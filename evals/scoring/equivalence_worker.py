"""The process that runs computer algebra on hostile answers and dies when it takes too long.

Run as `python -m evals.scoring.equivalence_worker`: loads math-verify once, then serves from a fork
of itself. A fork that uses up the CPU time of a request is ended by the kernel, and the next one is
ready in milliseconds. One JSON array a line on standard input, [number, gold, candidate, seconds];
one on standard output, [number, verdict, seconds used], or ["ready", process id] from a new fork.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from functools import lru_cache
from typing import Any

_MEMORY = 3 << 30


def main() -> None:
    """Fork a server, wait for its end, fork the next; end with the input."""
    _prepare()
    while True:
        server = os.fork()
        if server == 0:
            try:
                _serve()
            finally:
                os._exit(0)
        _, status = os.waitpid(server, 0)
        if status == 0:
            return


def _prepare() -> None:
    """Import and run everything once, so that no fork pays for it."""
    import logging

    logging.disable(logging.CRITICAL)
    equivalent("\\frac{1}{2}", "0.5")
    equivalent("(1,2)", "x^2+1")


def _serve() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    sys.setrecursionlimit(2_000)
    requests = os.fdopen(os.dup(0), "rb")
    _answer(["ready", os.getpid()])
    for line in iter(requests.readline, b""):
        number, gold, candidate, seconds = json.loads(line)
        # CPU time, not wall time: a busy machine must not change a verdict.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        verdict = equivalent(gold, candidate)
        left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
        _answer([number, verdict, seconds - left])


def _answer(document: list[Any]) -> None:
    os.write(1, json.dumps(document).encode() + b"\n")


def equivalent(gold: str, candidate: str) -> bool:
    """Return whether math-verify finds two LaTeX answers equal, without time limits of its own."""
    from math_verify import verify

    try:
        left, right = _parsed(gold), _parsed(candidate)
        return bool(left and right and verify(list(left), list(right), timeout_seconds=None))
    except (Exception, RecursionError):  # whatever a parser throws at a hostile answer
        return False


@lru_cache(maxsize=512)
def _parsed(answer: str) -> tuple[Any, ...]:
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    return tuple(
        parse(
            f"\\boxed{{{answer}}}",
            [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()],
            parsing_timeout=None,
        )
    )


if __name__ == "__main__":
    main()
