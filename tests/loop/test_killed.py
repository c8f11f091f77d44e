"""A run that is killed at any moment goes on, repeats nothing finished, and ends the same."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

KILLS = 4


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Path:
    """The demo's experiment with less of everything: a minute instead of four."""
    from harness.commands.demo import EXPERIMENT

    document = yaml.safe_load(EXPERIMENT.read_text())
    sft, dpo, rlvr = document["stages"]
    mixture = sft["candidates"]["balanced"]["mixture"]
    sft["settings"]["epochs"] = 1
    sft["candidates"] = {"balanced": {"mixture": mixture}}
    dpo["candidates"] = {"firm": dpo["candidates"]["firm"]}
    dpo["pairs"]["prompts"] = {"words-prompts": 200, "instructions-prompts": 200}
    rlvr["settings"]["steps"] = 8
    path = tmp_path_factory.mktemp("experiment") / "small.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def _essence(outcome: dict) -> object:
    """Return what a killed run must share with one that was not: verdicts and checkpoints."""
    return [
        [(c["name"], c["checkpoint"], c["dev"], c["verdict"]) for c in stage["candidates"]]
        for stage in outcome["stages"]
    ] + [outcome["final"], outcome["promoted"]]


def test_kill_at_random_moments(experiment, proctor, environment, tmp_path):
    whole = proctor("run", experiment, "--json", "--workspace", tmp_path / "whole")
    expected = json.loads(whole.stdout)
    rng = random.Random(11)
    workspace, kills = tmp_path / "killed", 0
    arguments = proctor.command("run", experiment, "--json", "--workspace", workspace)
    for _ in range(KILLS):
        process = subprocess.Popen(
            arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=rng.uniform(4, 14))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    finished = {path: path.stat().st_mtime_ns for path in _finished(workspace)}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    outcome = json.loads(done.stdout)
    assert kills >= 2
    assert done.returncode == whole.returncode
    assert _essence(outcome) == _essence(expected)
    for path, time in finished.items():
        assert path.stat().st_mtime_ns == time, f"{path} was written again"
    verify = proctor("ledger", "verify", "--workspace", workspace)
    assert verify.returncode == 0, verify.stdout


def _finished(workspace: Path) -> list[Path]:
    """Return the files that say a piece of work is finished."""
    return [
        *(workspace / "stages").glob("*.json"),
        *(workspace / "pairs").glob("*.json"),
        *(workspace / "scans").glob("*/manifest.json"),
        *(workspace / "examinations").glob("*/manifest.json"),
        *(workspace / "checkpoints").glob("*/manifest.json"),
    ]
