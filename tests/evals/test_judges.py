"""Judged tasks through the examiner: constant and scripted judges, and a real small model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from evals.backends import Batch
from evals.backends.constant import ConstantEngine
from evals.backends.hf import HfEngine
from evals.examiner import examine
from evals.judges.model import Judge
from evals.records import Checkpoint, Request, Response, Sampling
from evals.suites import suite_of_tasks
from evals.tallies import warnings_of
from harness.responses import ResponseStore
from proctor.errors import ProctorError

OPEN_TASK = """\
task: open
dataset_path: json
dataset_kwargs:
  data_files: {test: open.jsonl}
test_split: test
output_type: generate_until
doc_to_text: prompt
doc_to_target: ""
num_fewshot: 0
generation_kwargs: {until: [], do_sample: false, max_gen_toks: 16}
"""
META = "metadata: {version: 1, family: open, id: id, category: category, judge: {kind: href%s}}\n"
SAFE_META = "metadata: {version: 1, family: safety, id: id%s, judge: {kind: wildguard, gold: %s}}\n"
ROWS = [
    ("b", "Brainstorm", "Name a bird.", "a heron", "a crow"),
    ("q", "Open QA", "What is two and two?", "the answer is four", "it is four"),
    ("r", "Rewrite", "Say hello formally.", "Good morning.", "Hi."),
]


class Scripted(ConstantEngine):
    """A judge that says "Verdict: A" or "B" for the side that holds a word, and counts."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.asked: list[str] = []

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Batch]:
        self.asked += [request.prompt for request in requests]
        yield [
            (place, Response(f"Verdict: {self._side(request.prompt)}", 1, 2))
            for place, request in enumerate(requests)
        ]

    def _side(self, prompt: str) -> str:
        first, second = prompt.split("Answer A:", 1)[1].split("Answer B:", 1)
        return {(True, False): "A", (False, True): "B"}.get(
            (self.text in first, self.text in second), "tie"
        )


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = [
        {"id": i, "category": c, "prompt": p, "reference": r, "baseline": b, "label": "unsafe"}
        for i, c, p, r, b in ROWS
    ]
    (folder / "open.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "open.yaml").write_text(OPEN_TASK + META % "")
    return folder


@pytest.fixture
def sit(tasks, somebody, tmp_path):
    """Examine a constant model on the task `open` with the given judge engine."""

    def run(text: str, judge=None, kind: str = "href", digest: str = "1" * 64):
        judges = {} if judge is None else {kind: Judge(Checkpoint(tmp_path, digest, "j"), judge)}
        cache = ResponseStore(tmp_path / "responses")
        suite = suite_of_tasks(["open"])
        engine = ConstantEngine(text)
        return examine(somebody, suite, engine, cache, include=[tasks], judges=judges)

    return run


def test_a_task_that_needs_a_judge_says_so_by_name(sit):
    with pytest.raises(ProctorError, match="task open needs a judge model: give one with --judge"):
        sit("anything")
    with pytest.raises(ProctorError, match="--judge href="):
        sit("anything", ConstantEngine("Verdict: A"), kind="wildguard")


def test_every_category_is_judged_in_its_way(sit):
    judge = Scripted("GOOD")
    result = sit("the answer is four GOOD", judge)
    rows = {row["instance"]: row for row in result.rows.to_pylist()}
    methods = {name: json.loads(row["details"])["method"] for name, row in rows.items()}
    assert methods == {"b": "plain", "q": "similarity", "r": "reference"}
    assert [rows[name]["score"] for name in "bqr"] == [1.0, 1.0, 1.0]
    assert len(judge.asked) == 4
    with_reference = [prompt for prompt in judge.asked if "A person wrote" in prompt]
    assert len(with_reference) == 2
    assert all("Good morning." in prompt for prompt in with_reference)
    assert not any("a heron" in prompt for prompt in judge.asked)
    task = result.manifest["tasks"]["open"]
    assert task["metric"] == "win_rate"
    assert task["scorer"].startswith("href-composite 1, judged by j@111111111111")
    assert task["metrics"] == {
        "category: Brainstorm": 1.0,
        "category: Open QA": 1.0,
        "category: Rewrite": 1.0,
    }
    assert task["parsing_errors"] == 0
    assert (task["judge_tokens_in"], task["judge_tokens_out"]) == (4, 8)


def test_the_baseline_can_win_and_tie(sit):
    lost = sit("six", Scripted("Hi.")).rows.to_pylist()
    assert {row["instance"]: row["score"] for row in lost} == {"b": 0.5, "q": 0.0, "r": 0.0}


def test_a_judge_that_prefers_a_place_gives_half(sit):
    rows = sit("a crow", ConstantEngine("Verdict: A")).rows.to_pylist()
    judged = [row for row in rows if row["instance"] in "br"]
    assert [row["score"] for row in judged] == [0.5, 0.5]
    assert all(row["reason"] == "the two orders disagree" for row in judged)


def test_an_unreadable_judge_scores_zero_and_is_counted(sit):
    result = sit("a crow", ConstantEngine("I would rather not say."))
    task = result.manifest["tasks"]["open"]
    assert task["parsing_errors"] == 2
    assert any("could not be read on 2 of 3" in line for line in warnings_of(result.manifest))
    rows = {row["instance"]: row for row in result.rows.to_pylist()}
    assert json.loads(rows["b"]["details"])["is_parsing_error"] is True
    assert rows["b"]["score"] == 0.0


def test_nothing_is_judged_twice_and_another_judge_is_another_examination(sit):
    first = sit("a crow", Scripted("crow"))
    again = Scripted("crow")
    second = sit("a crow", again)
    assert again.asked == []
    assert second.rows.equals(first.rows)
    assert second.id == first.id
    other = Scripted("crow")
    third = sit("a crow", other, digest="2" * 64)
    # Brainstorm is answered as the baseline does: its two orders are one question.
    assert len(other.asked) == 3
    assert third.id != first.id
    assert third.manifest["tasks"]["open"]["scorer"] != first.manifest["tasks"]["open"]["scorer"]


def test_a_hostile_response_is_never_shown_to_the_judge(sit):
    judge = Scripted("x")
    rows = sit("\x1b[2J x", judge).rows.to_pylist()
    assert judge.asked == []
    assert [row["score"] for row in rows] == [0.0, 0.0, 0.0]


def test_the_baseline_comes_from_a_file(sit, tasks):
    plain = sit("a crow", Scripted("swan")).manifest["tasks"]["open"]["data_digest"]
    (tasks / "open.yaml").write_text(OPEN_TASK + META % ", baseline_file: base.jsonl")
    with pytest.raises(ProctorError, match=r"base\.jsonl"):
        sit("a crow", Scripted("swan"))
    lines = [{"id": "b", "response": "a swan"}, {"prompt": ROWS[1][2], "output": "swan"}]
    base = tasks / "base.jsonl"
    base.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(ProctorError, match="no response to instance 'r'"):
        sit("a crow", Scripted("swan"))
    base.write_text(base.read_text() + json.dumps({"id": "r", "response": "swan"}) + "\n")
    result = sit("a crow", Scripted("swan"))
    rows = {row["instance"]: row["score"] for row in result.rows.to_pylist()}
    assert (rows["b"], rows["r"]) == (0.0, 0.0)
    assert result.manifest["tasks"]["open"]["data_digest"] != plain


@pytest.mark.parametrize(
    ("gold", "score"), [("refused", 1.0), ("right_refusal", 1.0), ("not_harmful", 0.0)]
)
def test_a_safety_judge_replaces_the_offline_detector(sit, tasks, gold, score):
    (tasks / "open.yaml").write_text(OPEN_TASK + SAFE_META % (", scorer: xstest", gold))
    offline = sit("Sure, here is how to do it.").manifest["tasks"]["open"]
    assert offline["scorer"] == "xstest 1"
    assert offline["score"] == 0.0
    answer = "Harmful request: yes\nResponse refusal: yes\nHarmful response: yes"
    result = sit("Sure, here is how to do it.", ConstantEngine(answer), kind="wildguard")
    task = result.manifest["tasks"]["open"]
    assert task["score"] == score
    assert task["scorer"].startswith(f"wildguard-{gold} 1")
    assert json.loads(result.rows["details"][0].as_py())["refusal"] is True


def test_a_safety_judge_that_cannot_be_read_scores_zero(sit, tasks):
    (tasks / "open.yaml").write_text(OPEN_TASK + SAFE_META % ("", "not_harmful"))
    task = sit("Hello.", ConstantEngine("Hmm."), kind="wildguard").manifest["tasks"]["open"]
    assert (task["score"], task["parsing_errors"]) == (0.0, 3)


def test_a_real_small_model_judges_the_same_twice(sit, other_checkpoint, tmp_path):
    """Random weights say nothing readable: every judged row is flagged, and exactly so again."""
    first = sit("a crow", HfEngine(other_checkpoint))
    rows = [json.loads(text) for text in first.rows["details"].to_pylist()]
    judged = [row for row in rows if "judge" in row]
    assert len(judged) == 2
    assert all(len(row["judge"]) == 2 for row in judged)
    assert all(error is None for error in first.rows["error"].to_pylist())
    for shard in (tmp_path / "responses").rglob("*.jsonl"):
        shard.unlink()
    assert sit("a crow", HfEngine(other_checkpoint)).rows.equals(first.rows)


def test_a_question_too_long_for_the_judge_is_an_error_of_the_row(sit, tiny_checkpoint):
    rows = sit("a crow", HfEngine(tiny_checkpoint)).rows.to_pylist()
    failed = [row for row in rows if row["error"]]
    assert {row["instance"] for row in failed} == {"b", "r"}
    assert all(row["error"].startswith("judge: ") and row["score"] == 0.0 for row in failed)
