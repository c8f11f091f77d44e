"""A large store made from seeds: checkpoints of known skill, a run that judged some of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.gate.contamination import Contamination, ScanRow
from harness.gate.judge import judge
from harness.gate.pairing import pair_samples
from harness.gate.rules import parse_gate
from harness.gate.verdict import Looks
from harness.ledger import Ledger

WORDS = ("a", "the", "jar", "bead", "shell", "sells", "finds", "later", "each", "more", "so")
GATE = {
    "against": "champion",
    "rules": [
        {"better": {"tasks": ["task_00", "task_01"]}},
        {"not_worse": {"tasks": "all", "margin": 0.03}},
        {"clean": {"max_contaminated": 0.02}},
    ],
}


@dataclass(frozen=True)
class Size:
    """How large a store is; `judged` checkpoints are judged in stages of five."""

    checkpoints: int = 200
    tasks: int = 12
    instances: int = 834
    judged: int = 50

    @property
    def samples(self) -> int:
        """Rows of all examinations."""
        return self.checkpoints * self.tasks * self.instances


def digest(*parts: object) -> str:
    """Return a digest of what something is called."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def make(root: Path, size: Size) -> None:
    """Write the store."""
    rng = np.random.default_rng(0)
    difficulty = rng.normal(0, 1.2, (size.tasks, size.instances))
    prompts = [_text(rng, 30) for _ in range(size.tasks * size.instances)]
    sides = []
    for k in range(size.checkpoints):
        skill = rng.normal(0.3 + k / size.checkpoints, 0.2)
        noise = rng.normal(0, 0.5, difficulty.shape)
        sides.append(_examine(root, k, (difficulty + noise < skill).astype(float), prompts, rng))
    _run(root, sides[: size.judged + 1], size)


def _text(rng: np.random.Generator, words: int) -> str:
    return " ".join(WORDS[i] for i in rng.integers(0, len(WORDS), words))


def _examine(
    root: Path, k: int, scores: Any, prompts: Sequence[str], rng: np.random.Generator
) -> dict[str, Any]:
    tasks, n = scores.shape
    total = tasks * n
    names = [f"task_{t:02d}" for t in range(tasks)]
    starts = [_text(rng, 40) for _ in range(50)]
    numbers = rng.integers(0, 1000, total)
    columns = {
        "task": pa.array(np.repeat(names, n)),
        "instance": pa.array([f"{t}-{i:05d}" for t in names for i in range(n)]),
        "sample": pa.array(np.zeros(total, np.int32)),
        # Every third task has four instances to a template.
        "cluster": pa.array(
            [None if t % 3 else f"{i // 4}" for t in range(tasks) for i in range(n)]
        ),
        "prompt": pa.array(prompts),
        "prompt_digest": pa.array([digest(i)[:32] for i in range(total)]),
        "response": pa.array([f"{starts[x % 50]}. The answer is {x}." for x in numbers]),
        "score": pa.array(scores.ravel()),
        "reason": pa.array([f"the last number is {x}" for x in numbers]),
        "error": pa.nulls(total, pa.string()),
    }
    identity, who = digest("examination", k)[:32], digest("checkpoint", k)
    settings = {"version": "1", "scorer": "x 1", "metric": "exact_match", "limit": None}
    manifest = {
        "id": identity,
        "checkpoint": {"digest": who, "name": f"sweep/m{k:03d}"},
        "suite": {"name": "large-dev", "role": "dev", "digest": digest("suite")},
        "tasks": {
            name: settings | {"n": n, "few_shot": 0, "score": float(scores[t].mean())}
            for t, name in enumerate(names)
        },
        "seed": 0,
        "stopped": False,
        "created": f"2026-01-01T00:{k // 60:02d}:{k % 60:02d}+00:00",
    }
    folder = root / "examinations" / identity
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "samples-00000.parquet", compression="zstd")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return {"name": f"sweep/m{k:03d}", "checkpoint": who, "dev": identity, "unseen": None}


def _run(root: Path, sides: Sequence[dict[str, Any]], size: Size) -> None:
    """Judge everyone after the first against the first, five to a stage."""
    ledger, first = Ledger(root / "ledger.jsonl"), sides[0]
    moved = {"alias": "champion", "checkpoint": first["checkpoint"], "previous": None}
    ledger.append("appointment", moved | {"reason": "first"})
    judged = [_judged(root, one, first, size, ledger) for one in sides[1:]]
    stages = [
        {
            "stage": f"round-{i // 5}",
            "kind": "sft",
            "started_from": first["checkpoint"],
            "incumbent": first,
            "winner": None,
            "candidates": judged[i : i + 5],
        }
        for i in range(0, len(judged), 5)
    ]
    run = {
        "id": digest("run")[:16],
        "experiment": "large",
        "alias": "champion",
        "scan": "",
        "head": str(ledger.head()),
        "champion": first,
        "stages": stages,
        "final": None,
        "promoted": None,
        "outcome": "rejected",
    }
    (root / "runs").mkdir()
    (root / "runs" / f"{run['id']}.json").write_text(json.dumps(run))


def _judged(
    root: Path, one: dict[str, Any], first: dict[str, Any], size: Size, ledger: Ledger
) -> dict[str, Any]:
    tables = [
        pq.read_table(root / "examinations" / side["dev"] / "samples-00000.parquet")
        for side in (one, first)
    ]
    rows = [ScanRow("source", f"task_{t:02d}", size.instances, 0) for t in range(size.tasks)]
    verdict = judge(
        parse_gate(GATE, "benchmark"),
        pair_samples(*tables),
        Contamination(tuple(rows)),
        Looks(),
        candidate=one["checkpoint"],
        against=first["checkpoint"],
    )
    body = {"candidate": one["checkpoint"], "against": first["checkpoint"], "name": one["name"]}
    said = {"verdict": verdict.verdict, "reason": verdict.reason}
    number = ledger.append("verdict", body | said).seq
    return one | {"verdict": verdict.to_dict(), "ledger": number, "contamination": {}}
