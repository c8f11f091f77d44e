"""Eight processes promote and append at once and are killed with SIGKILL at random moments.

Afterwards: is every acknowledged record there, does every pointer have its record, did every
promotion start from the one before it, was any verdict used twice?
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from benchmarks.gate.tables import Row
from benchmarks.gate.worker import ALIASES, prepare
from harness.ledger import Ledger
from harness.registry import Registry

PROCESSES, CHECKPOINTS = 8, 12


class Damage(NamedTuple):
    """What was found after the last kill."""

    kills: int
    records: int
    acknowledged: int
    lost: int
    orphans: int
    doubled: int
    problems: list[str]


def run(folder: Path, kills: int, processes: int, seed: int) -> Damage:
    """Kill `kills` processes, each replaced by a new one, and inspect what is left."""
    prepare(folder, CHECKPOINTS)
    rng = random.Random(seed)
    names = [f"p{i}" for i in range(processes)]
    running = {name: _start(folder, name) for name in names}
    try:
        for turn in range(kills):
            name = rng.choice(sorted(running))
            _wait_for_work(folder, name, running[name])
            time.sleep(rng.uniform(0.0, 0.05))
            running.pop(name).kill()
            fresh = f"{name.split('-')[0]}-{turn}"
            running[fresh] = _start(folder, fresh)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return inspect(folder, kills)


def _start(folder: Path, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.gate.worker", str(folder), name]
    return subprocess.Popen(command)


def _wait_for_work(folder: Path, name: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the process has acknowledged something: it is in its loop then."""
    acks = folder / f"{name}.acks"
    for _ in range(6000):
        if acks.exists() and acks.stat().st_size:
            return
        if process.poll() is not None:
            raise RuntimeError(f"worker {name} ended by itself with {process.returncode}")
        time.sleep(0.01)
    raise RuntimeError(f"worker {name} did nothing for a minute")


def inspect(folder: Path, kills: int) -> Damage:
    """Return what the kills did to the record."""
    ledger = Ledger(folder / "ledger.jsonl")
    registry = Registry(folder, ledger)
    before = ledger.verify()
    pointers = registry.aliases()
    known = {(r.seq, r.hash): r for r in ledger.records()}
    promised = [
        (int(seq), digest)
        for file in folder.glob("*.acks")
        for seq, digest in (line.split() for line in file.read_text().splitlines())
    ]
    doubled = 0
    for alias in ALIASES:
        history = registry.history(alias)
        for previous, record in pairwise(history):
            doubled += record.body["previous"] != previous.body["checkpoint"]
        verdicts = [r.body["verdict"] for r in history if "verdict" in r.body]
        doubled += len(verdicts) - len(set(verdicts))
    return Damage(
        kills=kills,
        records=before.records,
        acknowledged=len(promised),
        lost=sum(key not in known for key in promised),
        orphans=sum((p.seq, p.record) not in known for p in pointers.values()),
        doubled=doubled,
        problems=[*before.problems, *registry.verify()],
    )


def rows(repeats: int) -> list[Row]:
    """Return what `repeats` kills did to eight processes, and to two that wait less for locks."""
    return [_row(repeats, processes, seed) for processes, seed in ((PROCESSES, 11), (2, 12))]


def _row(kills: int, processes: int, seed: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), kills, processes, seed)
    between = found.records - found.acknowledged - len(ALIASES)
    figures = (
        f"{found.records:,} records, {found.acknowledged:,} acknowledged, {between} killed between "
        f"record and acknowledgement; lost {found.lost}, pointers without a record "
        f"{found.orphans}, double promotions {found.doubled}, other damage {len(found.problems)}"
    )
    sound = not (found.lost or found.orphans or found.doubled or found.problems)
    name = f"kill -9, {kills} times, {processes} processes promoting and appending"
    return Row(name, figures, "0 of each", sound)
