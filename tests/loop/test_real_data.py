"""The experiment on real data: GSM8K's training questions, real exams, whatever verdict is true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "gsm8k.yaml"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def outcome(proctor, data_dir, tmp_path_factory):
    workspace = tmp_path_factory.mktemp("real") / "workspace"
    done = proctor("run", EXPERIMENT, "--data-dir", data_dir, "--workspace", workspace, "--json")
    assert done.stdout, done.stderr[-2000:]
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_code"] in (0, 3, 4)
    return document | {"workspace": workspace}


def test_every_exam_is_judged_on_200_real_instances(outcome):
    (candidate,) = outcome["stages"][0]["candidates"]
    judged = {one["task"]: one["n"] for one in candidate["verdict"]["rules"] if one["n"]}
    assert judged | {"gsm8k_first200": 200} == judged
    guards = {r["task"]: r["n"] for r in candidate["verdict"]["rules"] if r["rule"] == "not_worse"}
    tasks = ("gsm8k_first200", "math500_first200", "ifeval_first200")
    assert guards == dict.fromkeys(tasks, 200)


def test_the_train_split_is_clean_by_the_published_rule(outcome):
    (candidate,) = outcome["stages"][0]["candidates"]
    scan = outcome["workspace"] / "scans" / outcome["scan"] / "manifest.json"
    manifest = json.loads(scan.read_text())
    assert manifest["sources"]["gsm8k-train"]["documents"] == 7473
    assert candidate["contamination"] == {}
    clean = [r for r in candidate["verdict"]["rules"] if r["rule"] == "clean"]
    assert clean
    assert all(one["outcome"] == "pass" for one in clean)


def test_the_source_is_scanned_with_counts_and_evidence(proctor, data_dir, tmp_path):
    done = proctor(
        "decontam",
        data_dir / "gsm8k_train.jsonl",
        "--against",
        "gsm8k",
        "--data-dir",
        data_dir,
        "--out",
        tmp_path,
        "--json",
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (cell,) = document["table"]
    assert cell["instances"] == 1319
    assert 0 < cell["matched"] <= 0.02 * 1319
    assert (tmp_path / "matches.parquet").stat().st_size > 0
