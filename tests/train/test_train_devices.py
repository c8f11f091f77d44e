"""Several processes train one model: the loss of one process, and one folder in the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proctor.files import read_json
from train.stages import sft


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(
    tiny_checkpoint: Path, toys: Any, tmp_path: Path
) -> None:
    data = toys.write("data.jsonl", toys.sums(32))
    options = {"learning_rate": 4e-3, "batch_size": 8, "epochs": 1, "threads": 1}
    alone = sft.run(tiny_checkpoint, data, sft.Settings(**options), tmp_path / "one", seed=0)
    both = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"),
            *(Path(__file__).with_name("crashing.py"), "sft", tiny_checkpoint, data),
            *(tmp_path / "two", json.dumps(options), "99"),
        ],
        capture_output=True,
        check=False,
    )
    assert both.returncode == 0, both.stderr.decode()[-2000:]
    record = read_json(tmp_path / "two" / "stage.json")
    losses = [entry["loss"] for entry in record["log"]]
    assert losses == pytest.approx([entry["loss"] for entry in alone.log], rel=1e-4)
    assert not (tmp_path / "two" / "work").exists()
