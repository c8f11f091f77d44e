"""Whether memory stays the same however much is scanned: a small corpus against a large one.

    python -m benchmarks.decontam.scale DATA_DIR [--gigabytes 20] [--files 1] [--scratch DIR]

Runs `proctor decontam` with two workers on 200 MB of JSONL and on the same corpus repeated to so
many gigabytes, in one file or several, and on a file with a line of 200 MB. Of each run it prints
the peak of all its processes together (their proportional set sizes, which count a shared page
once, looked at five times a second) and of the largest process (its resident set, as the kernel
kept it); of the small corpus the highest of three runs. Exit code 1 where the large corpus takes
over 10 % more. Says first what it writes to the scratch folder and removes it at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.decontam import speed_corpus as made
from benchmarks.decontam.speed import Report

RULES = ("proctor", "tulu3")
SMALL = 200_000_000
MOST_GROWTH = 1.1
EVERY = 0.2  # seconds between two looks
SPARE = 2_000_000_000  # bytes left free on the disk


class Peaks(NamedTuple):
    """Peaks in MB, wall seconds, and what the command printed."""

    together: float
    largest: float
    seconds: float
    document: dict[str, Any]

    def told(self) -> str:
        """Return the peaks as text."""
        return f"{self.together:.0f} MB, largest {self.largest:.0f} MB, {self.seconds:.0f} s"


def family(parent: int) -> Iterator[int]:
    """Yield a process and all that came of it."""
    yield parent
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{parent}/task"):
            children = Path(f"/proc/{parent}/task/{thread}/children").read_text().split()
            for child in children:
                yield from family(int(child))


def kilobytes(process: int, file: str, field: str) -> int:
    """Return a line of a process's /proc file in kB, 0 where the process is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/{file}").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0


def scanned(sources: Sequence[Path], exam: Path, rule: str, out: Path) -> Peaks:
    """Return the peaks of one run of the command with two workers, its record kept in `out`."""
    command = [sys.executable, "-m", "harness.cli", "decontam", *map(str, sources)]
    command += ["--against", str(exam), "--rule", rule, "--workers", "2", "--out", str(out)]
    began, together, ended = time.monotonic(), 0, 0
    with tempfile.TemporaryFile() as printed:
        child = subprocess.Popen([*command, "--json"], stdout=printed)
        while not ended:
            now = sum(kilobytes(p, "smaps_rollup", "Pss") for p in set(family(child.pid)))
            together = max(together, now)
            time.sleep(EVERY)
            ended, status, used = os.wait4(child.pid, os.WNOHANG)
        seconds = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(command)} failed (status {child.returncode})")
        printed.seek(0)
        document = json.loads(printed.read())
    shutil.rmtree(out)
    # What the kernel kept of it or of a worker it waited for, whichever was larger.
    return Peaks(together / 1000, used.ru_maxrss / 1000, seconds, document)


def repeated(corpus: Path, folder: Path, size: int, files: int) -> list[Path]:
    """Write a corpus again and again to `files` files of `size` bytes in all, no two alike."""
    folder.mkdir()
    paths = [folder / f"{number:03d}.jsonl" for number in range(files)]
    for number, path in enumerate(paths):
        with path.open("wb") as handle:
            # A file that begins like another would be taken for it where shards are kept.
            handle.write(b'{"text": "File %d."}\n' % number)
            while handle.tell() < size // files:
                with corpus.open("rb") as held:
                    shutil.copyfileobj(held, handle, 1 << 22)
    return paths


def growth(report: Report, corpus: Path, large: Sequence[Path], exam: Path, out: Path) -> None:
    """Compare the peaks of both corpora under each rule."""
    size = sum(path.stat().st_size for path in large)
    for rule in RULES:
        # A run of some seconds is looked at a few times: of three, the highest peaks.
        runs = [scanned([corpus], exam, rule, out) for _ in range(3)]
        together, largest = max(r.together for r in runs), max(r.largest for r in runs)
        small = runs[0]._replace(together=together, largest=largest)
        big = scanned(large, exam, rule, out)
        report.line(f"{rule}, {corpus.stat().st_size / 1e6:.0f} MB", small.told())
        report.line(f"{rule}, {size / 1e9:.1f} GB in {len(large)} file(s)", big.told())
        for what, ratio in (
            ("all processes", big.together / small.together),
            ("largest process", big.largest / small.largest),
        ):
            met = ratio <= MOST_GROWTH
            report.line(f"  {what}", f"{ratio:.3f}x", f"<= {MOST_GROWTH}x", met)


def long_line(report: Report, folder: Path, exam: Path, question: str, out: Path) -> None:
    """Scan a line of 200 MB between two others, of which one holds an exam question."""
    path = folder / "long.jsonl"
    with path.open("wb") as handle:
        handle.write(b'{"text": "short"}\n{"text": "')
        for _ in range(SMALL // 1_000_000):
            handle.write(b"word " * 200_000)
        handle.write(b'"}\n' + json.dumps({"text": question}).encode() + b"\n")
    for rule in RULES:
        run = scanned([path], exam, rule, out)
        (record,) = run.document["sources"].values()
        aside = [bad["line"] for bad in record["quarantined"]]
        held = aside == [1] and record["matched_documents"] == 1
        report.line(f"{rule}, a line of 200 MB", run.told(), "put aside, the rest scanned", held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--gigabytes", type=float, default=20.0, help="of the large corpus")
    parser.add_argument("--files", type=int, default=1, help="that the large corpus is in")
    parser.add_argument("--scratch", type=Path, help="where the corpora go; removed afterwards")
    options = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        folder = Path(name)
        size = int(options.gigabytes * 1e9)
        written, free = size + 3 * SMALL, shutil.disk_usage(folder).free
        print(f"writes {written / 1e9:.1f} GB to {folder} ({free / 1e9:.0f} GB are free there)")
        if free < written + SPARE:
            sys.exit("too little room: name another folder with --scratch, or fewer --gigabytes")
        texts = made.passages(options.data)
        rows = made.unrelated(made.vocabulary(texts, random.Random(0)), made.INSTANCES)
        exam = made.write_rows(folder / "exam.jsonl", rows)
        corpus, out = folder / "small.jsonl", folder / "out"
        made.write_chats(corpus, list(made.pool(texts, rows, True)), SMALL)
        for rule in RULES:
            scanned([exam], exam, rule, out)  # compiles what is not compiled yet
        long_line(report, folder, exam, rows[0]["question"], out)
        growth(report, corpus, repeated(corpus, folder / "large", size, options.files), exam, out)
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
