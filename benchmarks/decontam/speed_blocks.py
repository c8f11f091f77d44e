"""The blocks of a source alone, in a process of its own, for `speed`: prints the CPU seconds.

The source is scanned twice and the faster time counts; neither starting up nor building the index
does.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from decontam.exams import load_exam
from decontam.index import build_index
from decontam.rules import rule_named
from decontam.scanner import Scanner
from decontam.sources import Blocks


def main() -> None:
    source, exam, rule = sys.argv[1:4]
    blocks = list(Blocks(Path(source)))
    scanner = Scanner(build_index([load_exam(Path(exam))], rule_named(rule)))
    scanner.scan(blocks[0])
    best = float("inf")
    for _ in range(2):
        began = time.process_time()
        for block in blocks:
            scanner.scan(block)
        best = min(best, time.process_time() - began)
    print(json.dumps({"seconds": best}))


if __name__ == "__main__":
    main()
