"""What a stage costs above bare TRL with the same settings: seconds, loss curve, memory.

    python -m benchmarks.train.overhead [--repeats 10] [--steps 60]     seconds and loss curves
    python -m benchmarks.train.overhead --memory                        peak memory

Bare TRL is a script as its documentation shows one: load, build the trainer, train, save. Both
sides train a model of 148 thousand parameters (memory: 26 million) on generated sums with the
same options, record every step and save the result, each time as a whole with everything that is
done once. The sides take turns at going first, and the overhead is the median of the rounds'
ratios, with the interval that holds the true median 95 times in 100 (order statistics). For
seconds both sides keep freed memory (`proctor.memory`), which bare TRL by itself would not do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from benchmarks.train import bare
from benchmarks.train.material import even, make_base, write
from proctor.memory import keep_freed_memory

STAGES = ("sft", "dpo", "rlvr")
Side = Callable[[str, Path, Path, Path, int], list[float]]


def settings_of(stage: str, steps: int) -> dict[str, Any]:
    """Return the settings under which a stage does what `benchmarks.train.bare` does."""
    if stage == "rlvr":
        return {
            "learning_rate": 3e-4,
            "prompts": 16,
            "samples": 8,
            "max_new": 40,
            "steps": steps,
            "beta": 0.0,
            "unended": None,
            "loss_type": "dr_grpo",
            "scale_rewards": "none",
            "threads": 1,
        }
    return {"learning_rate": 1e-3, "batch_size": 32, "steps": steps, "threads": 1}


def ours(stage: str, base: Path, data: Path, out: Path, steps: int) -> list[float]:
    """Train a stage with Proctor; return the loss of every step."""
    import importlib

    module = importlib.import_module(f"train.stages.{stage}")
    extra: dict[str, Any] = {"scorers": {"even": even}} if stage == "rlvr" else {}
    result = module.run(
        base, data, module.Settings(**settings_of(stage, steps)), out, seed=0, **extra
    )
    return [entry["loss"] for entry in result.log]


SIDES: dict[str, Side] = {"bare": bare.train, "ours": ours}


def compare(stage: str, repeats: int, steps: int) -> dict[str, Any]:
    """Return both sides' CPU seconds, the overhead with its interval, the losses' difference."""
    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    curves: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base, data = make_base(folder / "base"), write(folder, stage, 640)
        for repeat in range(repeats + 1):
            for side in sorted(SIDES, reverse=bool(repeat % 2)):
                started = time.process_time()
                curves[side] = SIDES[side](stage, base, data, folder / f"{side}{repeat}", steps)
                if repeat:  # the first round warms imports and caches
                    seconds[side].append(time.process_time() - started)
    ratios = [a / b - 1 for a, b in zip(seconds["ours"], seconds["bare"], strict=True)]
    return {
        "stage": stage,
        "bare_cpu_seconds": round(statistics.median(seconds["bare"]), 3),
        "ours_cpu_seconds": round(statistics.median(seconds["ours"]), 3),
        "overhead": round(statistics.median(ratios), 4),
        "interval": [round(bound, 4) for bound in median_interval(ratios)],
        "largest_loss_difference": max(
            abs(a - b) for a, b in zip(curves["bare"], curves["ours"], strict=True)
        ),
    }


def median_interval(values: list[float]) -> tuple[float, float]:
    """Return a 95 % interval of the median: the sign test's, or the extremes of a few values."""
    from scipy.stats import binom

    ordered, count = sorted(values), len(values)
    below = max(0, int(binom.ppf(0.025, count, 0.5)) - 1)
    return ordered[below], ordered[count - 1 - below]


def peak(stage: str, side: str) -> float:
    """Return the peak resident memory in MiB of a process that runs three steps."""
    code = (
        "import resource, tempfile; from pathlib import Path; "
        "from benchmarks.train import overhead as o; "
        "folder = Path(tempfile.mkdtemp()); base = o.make_base(folder / 'base', 512, 8); "
        f"data = o.write(folder, {stage!r}, 64); "
        f"o.SIDES[{side!r}]({stage!r}, base, data, folder / 'out', 3); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    output = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, check=True, text=True
    ).stdout
    return float(output.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--stages", nargs="*", default=list(STAGES), choices=STAGES)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    for stage in options.stages:
        if options.memory:
            found = {side: round(peak(stage, side), 1) for side in SIDES}
            print(json.dumps({"stage": stage, "peak_mib": found}), flush=True)
        else:
            print(json.dumps(compare(stage, options.repeats, options.steps)), flush=True)


if __name__ == "__main__":
    main()
