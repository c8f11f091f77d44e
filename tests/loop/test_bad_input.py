"""Bad input to `proctor run`: one clear sentence, exit 1 or 2, nothing computed is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def write(tmp_path: Path, tiny_checkpoint: Path):
    """Write a small experiment on the tiny checkpoint, with changes."""

    def experiment(**changes: Any) -> Path:
        rows = [
            {"messages": [{"role": "user", "content": f"What is {n} plus 3?"},
                          {"role": "assistant", "content": f"The answer is {n + 3}."}]}
            for n in range(40)
        ]  # fmt: skip
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        document = {
            "name": "small",
            "base": str(tiny_checkpoint),
            "threads": 1,
            "sources": {"rows": "rows.jsonl"},
            "exams": {"dev": "demo-dev", "data": "world"},
            "decontaminate": {"rule": "tulu3"},
            "stages": [
                {
                    "name": "sft",
                    "kind": "sft",
                    "mixture": {"rows": 32},
                    "settings": {"learning_rate": 1e-3, "epochs": 1, "batch_size": 16,
                                 "max_length": 128},
                }
            ],
            "gate": {
                "rules": [
                    {"better": {"tasks": ["demo_words"]}},
                    {"not_worse": {"tasks": ["demo_words"], "margin": 0.2}},
                ]
            },
        } | changes  # fmt: skip
        path = tmp_path / "experiment.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    return experiment


def _sentence(done: Any, code: int) -> str:
    assert done.returncode == code, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("proctor: ")
    return last


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sauces": {}}, "unknown key 'sauces'; did you mean 'sources'?"),
        ({"name": None}, "name"),
        ({"exams": {"dev": "demo-dve", "data": "world"}}, "did you mean 'demo-dev'?"),
        ({"base": "nowhere/at-all"}, "nowhere/at-all"),
        ({"sources": {"rows": "absent.jsonl"}}, "absent.jsonl does not exist"),
        ({"gate": {"rules": [{"beter": {}}]}}, "unknown rule 'beter'; did you mean 'better'?"),
        ({"gate": {"rulez": []}}, "did you mean 'rules'?"),
        ({"gate": {"rules": [{"unseen": {"margin": 0.2}}]}}, "name one in exams.unseen"),
        (
            {"gate": {"rules": [{"not_worse": {"margin": 0.01}}]}},
            "the gate cannot be decided: not_worse",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named(write, proctor, tmp_path, changes, said):
    done = proctor("run", write(**changes), "--workspace", tmp_path / "w")
    assert said in _sentence(done, done.returncode)
    assert done.returncode in (1, 2)


def test_a_nested_key_is_named_with_the_nearest(write, proctor, tmp_path):
    stage = yaml.safe_load(write().read_text())["stages"][0]
    stage["settings"]["lerning_rate"] = 1.0
    done = proctor("run", write(stages=[stage]), "--workspace", tmp_path / "w")
    assert "learning_rate" in _sentence(done, 2)


def test_yaml_that_does_not_parse_is_named_by_line(proctor, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\nstages: [\n")
    done = proctor("run", path, "--workspace", tmp_path / "w")
    assert "line 3: not valid YAML" in _sentence(done, 2)


@pytest.mark.parametrize("where", ["row", "instance"])
def test_a_source_of_unseen_constraints_is_refused(write, proctor, tmp_path, where):
    path = write()
    row = {"messages": [{"role": "user", "content": "Use no white space."}]}
    ids = {"instruction_id_list": ["format:no_whitespace"], "kwargs": [{}]}
    row |= ids if where == "row" else {"scorer": "ifbench", "instance": ids}
    with (tmp_path / "rows.jsonl").open("a") as rows:
        rows.write(json.dumps(row) + "\n")
    done = proctor("run", path, "--workspace", tmp_path / "w")
    said = _sentence(done, 2)
    assert "source rows, line 41 is about 'format:no_whitespace'" in said


def test_an_empty_source_is_named(write, proctor, tmp_path):
    path = write()
    (tmp_path / "rows.jsonl").write_text("")
    done = proctor("run", path, "--workspace", tmp_path / "w")
    assert "rows.jsonl is empty" in _sentence(done, 1)


def test_missing_exam_data_is_named_with_what_supplies_it(write, proctor, tmp_path):
    done = proctor(
        "run",
        write(exams={"dev": "core-dev"}),
        "--workspace",
        tmp_path / "w",
        env={"PROCTOR_DATA": str(tmp_path)},
    )
    assert "gsm8k_test.jsonl" in _sentence(done, 1)


@pytest.mark.parametrize("damage", ["pickle", "tokenizer", "code"])
def test_an_unusable_checkpoint_is_refused(write, proctor, tmp_path, tiny_checkpoint, damage):
    folder = tmp_path / "model"
    shutil.copytree(tiny_checkpoint, folder)
    if damage == "pickle":
        (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
        said = "pytorch_model.bin may run code"
    elif damage == "tokenizer":
        (folder / "tokenizer.json").unlink()
        said = "has no tokenizer"
    else:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"x": "evil.X"}}))
        said = "config.json"
    done = proctor("run", write(base=str(folder)), "--workspace", tmp_path / "w")
    assert said in _sentence(done, 1)


def test_a_loss_that_explodes_stops_with_its_step_and_keeps_the_rest(write, proctor, tmp_path):
    stage = yaml.safe_load(write().read_text())["stages"][0]
    stage["settings"] |= {"learning_rate": 1e30, "epochs": 20, "max_grad_norm": 0.0}
    workspace = tmp_path / "w"
    done = proctor("run", write(stages=[stage]), "--workspace", workspace)
    said = _sentence(done, 1)
    assert "at step" in said
    assert "lower 'learning_rate'" in said
    assert len(list((workspace / "examinations").iterdir())) == 1
    assert list((workspace / "scans").glob("*/manifest.json"))
    assert not list((workspace / "stages").glob("*.json"))


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of one megabyte, and how to make it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(write, proctor, small_disk):
    path, workspace = write(), small_disk / "w"
    full = proctor("run", path, "--workspace", workspace)
    assert "the disk is full" in _sentence(full, 1)
    kept = len(list((workspace / "scans").glob("*/manifest.json")))
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    done = proctor("run", path, "--workspace", workspace)
    assert done.returncode in (3, 4), done.stderr[-2000:]
    assert len(list((workspace / "scans").glob("*/manifest.json"))) == max(kept, 1)
