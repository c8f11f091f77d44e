"""Whole runs whose gate says `early: true`, on a tiny checkpoint that knows nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Run:
    """A finished run: the file it came from, its workspace, outcome and log."""

    experiment: Path
    workspace: Path
    outcome: dict[str, Any]
    log: str


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_checkpoint, proctor) -> Run:
    """The experiment, run to its end."""
    folder = tmp_path_factory.mktemp("early")
    experiment = _write(folder, tiny_checkpoint)
    done = proctor("run", experiment, "--json", "--workspace", folder / "w")
    assert done.returncode == 3, done.stderr[-2000:]
    return Run(experiment, folder / "w", json.loads(done.stdout), done.stderr)


FLOOR = {"floor": {"task": "demo_words", "min": 0.3}}
GUARD = {"not_worse": {"tasks": ["demo_words"], "margin": 0.2}}


def _write(folder: Path, base: Path, early: bool = True, rule: Any = FLOOR) -> Path:
    """Two candidates against one rule; by default a floor that neither reaches."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {n} plus 3?"},
                {"role": "assistant", "content": f"The answer is {n + 3}."},
            ]
        }
        for n in range(40)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"learning_rate": 1e-3, "epochs": 1, "batch_size": 16, "max_length": 128}
    document = {
        "name": "small",
        "base": str(base),
        "threads": 1,
        "sources": {"rows": "rows.jsonl"},
        "exams": {"dev": "demo-dev", "data": "world"},
        "decontaminate": {"rule": "tulu3"},
        "stages": [
            {
                "name": "sft",
                "kind": "sft",
                "settings": settings,
                "candidates": {
                    "many": {"mixture": {"rows": 32}},
                    "few": {"mixture": {"rows": 16}},
                },
            }
        ],
        "gate": {"early": early, "rules": [rule]},
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def _essence(outcome: dict[str, Any]) -> list[Any]:
    keys = ("name", "checkpoint", "dev", "verdict", "ledger", "early")
    return [[one[key] for key in keys] for one in outcome["stages"][0]["candidates"]]


def test_candidates_below_the_floor_are_refused_early(run):
    for one in run.outcome["stages"][0]["candidates"]:
        early = one["early"]
        assert early["examined"] == early["decided"] < early["instances"] / 2
        assert one["verdict"]["verdict"] == "reject"
        assert f"rejected after {4 * early['look']} % of the instances" in one["verdict"]["reason"]
        assert one["verdict"]["levels"]["dev"] < 0.05 / 2
        folder = run.workspace / "examinations" / one["dev"]
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["stopped"]
        assert sum(task["scored"] for task in manifest["tasks"].values()) == early["examined"]
    assert "early stopping: 2 of 2 examinations stopped" in run.log
    assert Path(run.outcome["report"]).stat().st_size > 1000


def test_verdicts_in_the_ledger_are_found_again(run, proctor):
    """As after a kill between the ledger's record and the note of it."""
    ledger = (run.workspace / "ledger.jsonl").read_bytes()
    for note in (run.workspace / "verdicts").glob("*.json"):
        note.unlink()
    again = proctor("run", run.experiment, "--workspace", run.workspace)
    assert "early stopping: 2 of 2 examinations stopped" in again.stdout
    assert "saved" in again.stdout
    assert (run.workspace / "ledger.jsonl").read_bytes() == ledger
    found = proctor("run", run.experiment, "--json", "--workspace", run.workspace)
    assert _essence(json.loads(found.stdout)) == _essence(run.outcome)


def test_killed_in_an_examination_it_ends_the_same(run, proctor, environment, tmp_path):
    arguments = proctor.command("run", run.experiment, "--json", "--workspace", tmp_path / "w")
    process = subprocess.Popen(
        arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _wait_for(process, tmp_path / "w" / "ledger.jsonl", '"kind":"look"')
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = proctor("run", run.experiment, "--json", "--workspace", tmp_path / "w")
    assert _essence(json.loads(resumed.stdout)) == _essence(run.outcome)
    verify = proctor("ledger", "verify", "--workspace", tmp_path / "w")
    assert verify.returncode == 0, verify.stdout


@pytest.mark.parametrize("early", [True, False])
def test_what_passes_is_examined_whole_and_promoted(proctor, tiny_checkpoint, tmp_path, early):
    experiment = _write(tmp_path, tiny_checkpoint, early, GUARD)
    done = proctor("run", experiment, "--json", "--workspace", tmp_path / "w")
    assert done.returncode == 0, done.stderr[-2000:]
    outcome = json.loads(done.stdout)
    (stage,) = outcome["stages"]
    assert outcome["promoted"] == stage["winner"] == outcome["final"]["checkpoint"]
    for one in stage["candidates"]:
        manifest = tmp_path / "w" / "examinations" / one["dev"] / "manifest.json"
        assert not json.loads(manifest.read_text())["stopped"]
        assert one["verdict"]["verdict"] == "promote"
        (judged,) = one["verdict"]["rules"]
        if early:
            assert judged["n"] < outcome["final"]["verdict"]["rules"][0]["n"]
            assert one["early"]["decided"] < one["early"]["examined"] == one["early"]["instances"]
        else:
            assert one["early"] is None
            assert "early stopping" not in done.stderr


def _wait_for(process: subprocess.Popen[bytes], path: Path, text: str) -> None:
    """Wait until a file holds a text, or the process has ended."""
    while process.poll() is None and not (path.exists() and text in path.read_text()):
        time.sleep(0.02)
