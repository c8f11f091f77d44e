"""Our decontamination and others side by side, in one run, on the labelled corpus.

    python -m benchmarks.decontam.peers DATA_DIR WORK_DIR [--documents 20000] [--environments DIR]

Makes the corpus in WORK_DIR (or takes the one that is there) and runs every contender on it, whole
processes, one thread, CPU seconds of the process and its children. Peers read the documents' text
alone, a line each; ours reads the chats. Those that need less than --short CPU seconds run again
on a longer one, in which the documents that nothing of the exams was put into stand --times times,
and their rate is that of the longer run, so that starting up does not decide. A peer that cannot
run is told with its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.decontam.peers.contenders import PEERS, command, ours
from benchmarks.decontam.peers.report import Result, flagged_by_us, read_by_us, report

RULES = ("tulu3", "proctor")
SHARING = frozenset(
    f"neg_{kind}"
    for kind in ("boilerplate", "choices", "option_lists", "common_8gram", "any_8gram")
)
"""Classes of innocent documents into which something of the exams was put."""
LIMIT = 1800


def prepared(data: Path, work: Path, documents: int, each: int) -> Path:
    """Return the folder of the corpus: chats, bare texts, exams by task and all in one."""
    corpus = work / "corpus"
    if not (corpus / "labels.jsonl").exists():
        script = Path(__file__).parents[1] / "corpus.py"
        sizes = ["--documents", str(documents), "--each", str(each)]
        subprocess.run([sys.executable, script, data, corpus, *sizes], check=True)
    tasks = sorted(
        path.name.removesuffix(".jsonl")
        for path in corpus.glob("*.jsonl")
        if path.stem not in ("source", "labels", "plain", "exams")
        and not path.name.startswith("exam-")
    )
    with (corpus / "exams.jsonl").open("w") as out:
        for task in tasks:
            for row in _rows(corpus / f"{task}.jsonl"):
                question = row.get("question") or row.get("prompt") or row.get("problem")
                answer = row.get("canonical_solution") or row.get("solution") or row.get("answer")
                held = answer if isinstance(answer, str) else None
                out.write(json.dumps({"task": task, "question": question, "answer": held}) + "\n")
            shutil.copyfile(corpus / f"{task}.jsonl", corpus / f"exam-{task}.jsonl")
    with (corpus / "plain.jsonl").open("w") as out:
        for row in _rows(corpus / "source.jsonl"):
            text = "\n".join(message["content"] for message in row["messages"])
            out.write(json.dumps({"text": text}) + "\n")
    return corpus


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def repeated(corpus: Path, work: Path, times: int) -> Path:
    """Return a folder with the same exams, all documents once and those that nothing of the exams
    was put into `times` times: a source of which a few in a hundred have to do with an exam."""
    folder = work / f"corpus-{times}"
    folder.mkdir(exist_ok=True)
    for path in corpus.glob("exam*.jsonl"):
        shutil.copyfile(path, folder / path.name)
    classes = [row["class"] for row in _rows(corpus / "labels.jsonl")]
    innocent = [name.startswith("neg_") and name not in SHARING for name in classes]
    for name in ("source.jsonl", "plain.jsonl"):
        lines = (corpus / name).read_bytes().split(b"\n")
        clean = b"".join(line + b"\n" for line, one in zip(lines, innocent, strict=False) if one)
        with (folder / name).open("wb") as out:
            out.write(b"\n".join(lines))
            for _ in range(times - 1):
                out.write(clean)
    return folder


def text_megabytes(folder: Path) -> float:
    """Return the UTF-8 megabytes of all documents' text."""
    with (folder / "plain.jsonl").open() as lines:
        return sum(len(json.loads(line)["text"].encode()) for line in lines) / 1e6


def cpu_of(arguments: list[str], log: Path) -> float:
    """Run a process with one thread; return its CPU seconds.

    Raises:
        RuntimeError: it failed; the message has its last words.
    """
    single = ("OMP", "OPENBLAS", "MKL", "RAYON", "NUMBA", "POLARS")
    environment = {**os.environ, **{f"{name}_NUM_THREADS": "1" for name in single}}
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        words = log.read_text(errors="replace").strip().split("\n")
        raise RuntimeError(f"exit {process.returncode}: {words[-1][:300]}")
    return used.ru_utime + used.ru_stime


def run(name: str, corpus: Path, long: Path, arguments: dict[Path, list[str]], short: float):
    """Run a contender on the corpus, and on the long one where that took little; tell both."""
    log = corpus.parent / f"log-{name.replace(' ', '-').replace(',', '')}.txt"
    seconds = cpu_of(arguments[corpus], log)
    where = corpus / "flagged.json"
    found = flagged_by_us(corpus, name) if name in RULES else set(json.loads(where.read_text()))
    size = corpus
    if seconds < short:
        size, seconds = long, cpu_of(arguments[long], log)
    megabytes = text_megabytes(size)
    print(f"{name}: {megabytes / seconds:.2f} MB/s ({megabytes:.0f} MB)", file=sys.stderr)
    looked_at = read_by_us(size, name) if name in RULES else megabytes
    return Result(name, found, seconds, megabytes, looked_at)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--each", type=int, default=50)
    parser.add_argument("--times", type=int, default=6)
    parser.add_argument("--short", type=float, default=12.0)
    parser.add_argument("--environments", type=Path, default=Path.home() / "venvs")
    parser.add_argument("--only", nargs="*", help="names of contenders")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    corpus = prepared(options.data, options.work, options.documents, options.each)
    long = repeated(corpus, options.work, options.times)
    results, skipped = [], {}
    names = options.only or [*RULES, *(peer.name for peer in PEERS)]
    for rule in (rule for rule in RULES if rule in names):
        for folder in (corpus, long):
            shutil.rmtree(folder / f"ours-{rule}", ignore_errors=True)
        arguments = {folder: ours(rule, folder) for folder in (corpus, long)}
        results.append(run(rule, corpus, long, arguments, options.short))
    for peer in (peer for peer in PEERS if peer.name in names):
        try:
            arguments = {f: command(peer, options.environments, f) for f in (corpus, long)}
            results.append(run(peer.name, corpus, long, arguments, options.short))
        except (FileNotFoundError, RuntimeError) as error:
            skipped[peer.name] = str(error)
    print(report(corpus, results, skipped))


if __name__ == "__main__":
    main()
