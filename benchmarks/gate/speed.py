"""CPU time of a verdict on a million samples: from two Parquet tables to the decision."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pyarrow as pa

from benchmarks.gate.tables import Row
from harness.gate.judge import judge
from harness.gate.pairing import pair_samples
from harness.gate.rules import parse_gate

GATE = {
    "rules": [
        {"better": {"tasks": ["task-0"]}},
        {"not_worse": {"margin": 0.03}},
        {"floor": {"task": "task-1", "min": 0.3}},
        {"budget": {"growth": 0.2}},
    ]
}


def table(rows: int, tasks: int, samples: int, seed: int, gain: float) -> pa.Table:
    """Return a samples table; instances are in file order, prompts differ by instance."""
    rng = np.random.default_rng(seed)
    per_task = rows // tasks
    instances = per_task // samples
    names = [f"instance-{i:07d}" for i in range(instances)]
    prompts = [hashlib.sha256(n.encode()).hexdigest()[:32] for n in names]
    index = np.tile(np.repeat(np.arange(instances), samples), tasks)
    return pa.table(
        {
            "task": pa.array([f"task-{t}" for t in range(tasks)]).take(
                pa.array(np.repeat(np.arange(tasks), instances * samples))
            ),
            "instance": pa.array(names).take(pa.array(index)),
            "sample": pa.array(
                np.tile(np.arange(samples, dtype=np.int32), instances * tasks), pa.int32()
            ),
            "score": (rng.random(len(index)) < 0.5 + gain).astype(np.float64),
            "cluster": pa.nulls(len(index), pa.string()),
            "prompt_digest": pa.array(prompts).take(pa.array(index)),
            "tokens_out": rng.integers(10, 200, len(index)).astype(np.int32),
            "error": pa.nulls(len(index), pa.string()),
        }
    )


def rows(repeats: int) -> list[Row]:
    """Return the median CPU time for several shapes of a million samples in all."""
    gate = parse_gate(GATE)
    found = []
    for name, size, tasks, samples in (
        ("2 x 500,000 samples, 4 tasks, one answer each", 500_000, 4, 1),
        ("2 x 500,000 samples, 4 tasks, 8 answers each", 500_000, 4, 8),
        ("2 x 1,000,000 samples, 4 tasks, one answer each", 1_000_000, 4, 1),
    ):
        ours, theirs = (table(size, tasks, samples, seed, seed / 100) for seed in (1, 0))
        shuffled = theirs.take(pa.array(np.random.default_rng(3).permutation(theirs.num_rows)))
        for order, other in (("same order", theirs), ("other order", shuffled)):
            times = []
            for _ in range(repeats):
                start = time.process_time()
                judge(gate, pair_samples(ours, other))
                times.append(time.process_time() - start)
            seconds = float(np.median(times))
            bar = size == 500_000
            found.append(
                Row(
                    f"{name}, {order}",
                    f"{seconds:.2f} s CPU",
                    "< 1 s" if bar else "",
                    seconds < 1 if bar else None,
                )
            )
    return found
