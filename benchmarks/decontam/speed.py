"""How fast a scan reads, against its bars, with plain Python beside it in the same run.

    python -m benchmarks.decontam.speed DATA_DIR [--megabytes 1000] [--scratch DIR] [--only ...]

A megabyte is 10^6 bytes of text: the UTF-8 of the turns that the rule reads, as the scan's manifest
counts them, without JSON around them and without turns that the rule passes over. Seconds are CPU
seconds, user and system, of the whole process from start to exit and of its workers, first
compilation apart (compiled code is kept between runs). One core and one worker, except where two
are compared with one in wall seconds. Exit code 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.decontam import speed_corpus as made

BARS = {"tulu3": 50.0, "proctor": 20.0}
TWO_CORES = 1.8
TURNS = 5
GROWTH = 1.3
SIZES = (1_000, 10_000, 100_000)


class Run(NamedTuple):
    """One process: CPU seconds, wall seconds, text that its rule reads in MB."""

    cpu: float
    wall: float
    text: float

    @property
    def rate(self) -> float:
        """Return megabytes of text per CPU second."""
        return self.text / self.cpu


def process(arguments: Sequence[str], cores: set[int]) -> tuple[float, float, dict[str, Any]]:
    """Run a Python module on some cores; return CPU seconds, wall seconds and its JSON."""
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", _PINNED, ",".join(map(str, cores)), *arguments],
            # As where Proctor is installed: Python keeps what it compiled, whatever is set here.
            {**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
            file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)],
        )
        _, status, used = os.wait4(child, 0)
        wall = time.monotonic() - began
        if status:
            raise SystemExit(f"{' '.join(arguments)} failed (status {status})")
        out.seek(0)
        return used.ru_utime + used.ru_stime, wall, json.loads(out.read())


_PINNED = (
    "import os, runpy, sys; os.sched_setaffinity(0, map(int, sys.argv[1].split(','))); "
    "sys.argv[:] = sys.argv[2:]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)


def scanned(source: Path, exam: Path, rule: str, cores: set[int], workers: int = 1) -> Run:
    """Return what the command takes for a source, without an output folder."""
    arguments = ["harness.cli", "decontam", str(source), "--against", str(exam), "--rule", rule]
    cpu, wall, printed = process([*arguments, "--workers", str(workers), "--json"], cores)
    return Run(cpu, wall, printed["sources"][str(source)]["text_bytes"] / 1e6)


def plain(source: Path, exam: Path, cores: set[int]) -> Run:
    """Return what the rule tulu3 in plain Python takes."""
    cpu, wall, printed = process(["benchmarks.decontam.speed_plain", str(source), str(exam)], cores)
    return Run(cpu, wall, printed["text"] / 1e6)


class Report:
    """Prints lines as they come and remembers whether a bar was missed."""

    def __init__(self) -> None:
        self.missed = 0

    def line(self, what: str, value: str, bar: str = "", met: bool = True) -> None:
        """Print one line; `bar` empty where there is none."""
        verdict = "" if not bar else f"{bar}: {'met' if met else 'MISSED'}"
        self.missed += bool(bar) and not met
        print(f"{what:58} {value:>34}  {verdict}", flush=True)


def rates(report: Report, corpus: Path, chats: Path, small: Path, exam: Path, core: int) -> None:
    """Text per CPU second of both rules, and of plain Python on a part of the same corpus."""
    base = plain(small, exam, {core})
    report.line("plain Python, tulu3's rule, first 20 MB", f"{base.rate:.1f} MB/s")
    for rule, bar in BARS.items():
        run = scanned(corpus, exam, rule, {core})
        told = f"{run.rate:.1f} MB/s ({run.text:.0f} MB in {run.cpu:.1f} s)"
        report.line(f"{rule}, prompts", told, f">= {bar:.0f} MB/s", run.rate >= bar)
        report.line("  times plain Python", f"{run.rate / base.rate:.1f}x")
    run = scanned(chats, exam, "tulu3", {core})
    told = f"{run.rate:.1f} MB/s ({run.text:.0f} MB in {run.cpu:.1f} s)"
    report.line("tulu3, chats, text of the user's turns alone", told)


def two_cores(report: Report, corpus: Path, exam: Path, cores: list[int]) -> None:
    """Wall seconds of one worker on one core over those of two on two, the median of turns."""
    if len(cores) < 2:
        report.line("two cores over one", "one core here")
        return
    for rule in BARS:
        turns = [
            (
                scanned(corpus, exam, rule, {cores[0]}).wall,
                scanned(corpus, exam, rule, set(cores[:2]), 2).wall,
            )
            for _ in range(TURNS)
        ]
        # Each pair is of one moment: a shared machine is now faster, now slower.
        gain = statistics.median(one / two for one, two in turns)
        one, two = (statistics.median(walls) for walls in zip(*turns, strict=True))
        told = f"{gain:.2f}x ({one:.1f} s, {two:.1f} s)"
        report.line(f"{rule}, two cores over one", told, f">= {TWO_CORES}x", gain >= TWO_CORES)


def growth(report: Report, corpus: Path, exams: dict[str, list[Path]], core: int) -> None:
    """CPU seconds of the scan itself, index built before, by the size of the exam."""
    for family, paths in exams.items():
        for rule in BARS:
            seconds = []
            for path in paths:
                arguments = ["benchmarks.decontam.speed_blocks", str(corpus), str(path), rule]
                seconds.append(process(arguments, {core})[2]["seconds"])
            ratio = seconds[-1] / seconds[0]
            told = " / ".join(f"{s:.2f}" for s in seconds) + f" s: {ratio:.2f}x"
            bar = f"< {GROWTH}x" if family == "unrelated" else ""
            report.line(
                f"{rule}, exams of 1k / 10k / 100k, {family}", told, bar, not bar or ratio < GROWTH
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--megabytes", type=int, default=1000, help="of the JSONL corpus")
    parser.add_argument("--scratch", type=Path, help="where the corpora go; removed afterwards")
    parser.add_argument("--only", choices=("rates", "cores", "growth"), action="append")
    options = parser.parse_args()
    parts = options.only or ["rates", "cores", "growth"]
    cores = sorted(os.sched_getaffinity(0))
    report = Report()
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        folder = Path(name)
        texts = made.passages(options.data)
        words = made.vocabulary(texts, random.Random(0))
        rows = made.unrelated(words, SIZES[-1] if "growth" in parts else SIZES[0])
        exam = made.write_rows(folder / "exam.jsonl", rows[: SIZES[0]])
        prompts, chats = (list(made.pool(texts, rows, only_user)) for only_user in (True, False))
        small, large, talks = (folder / f"{n}.jsonl" for n in ("small", "prompts", "chats"))
        made.write_chats(small, prompts, 20_000_000)
        scanned(small, exam, "tulu3", {cores[0]})  # compiles what is not compiled yet
        scanned(small, exam, "proctor", {cores[0]})
        if "rates" in parts or "cores" in parts:
            made.write_chats(large, prompts, options.megabytes * 1_000_000)
        if "rates" in parts:
            made.write_chats(talks, chats, options.megabytes * 1_000_000)
            rates(report, large, talks, small, exam, cores[0])
        if "cores" in parts:
            two_cores(report, large, exam, cores)
        if "growth" in parts:
            made.write_chats(small, prompts, 100_000_000)
            exams = {
                "unrelated": [made.write_rows(folder / f"u{n}.jsonl", rows[:n]) for n in SIZES],
                "kin": [
                    made.write_rows(folder / f"k{n}.jsonl", made.kin(options.data, n))
                    for n in SIZES
                ],
            }
            growth(report, small, exams, cores[0])
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
