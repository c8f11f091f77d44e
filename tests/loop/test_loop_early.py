"""Examinations that stop early: rounds, looks, verdicts, and the same again after a kill."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest

from evals.backends import Batch
from evals.backends.constant import ConstantEngine
from evals.paper import prepare
from evals.records import Checkpoint, Request, Sampling
from evals.suites import load_suite
from harness.examinations import StoredExamination, examine_into
from harness.gate.contamination import Contamination, ScanRow
from harness.gate.early import LOOKS
from harness.gate.rules import parse_gate
from harness.gate.testing import instances_at
from harness.gate.verdict import CONTAMINATED
from harness.loop.early import EarlyStop, rounds_of, share_of_alpha, used_and_saved
from harness.store import Workspace

N = 600
TASK = """\
task: {name}
dataset_path: json
dataset_kwargs:
  data_files: {{test: {name}.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{name} {{{{a}}}} + 2?"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: [], do_sample: false, max_gen_toks: {tokens}}}
metadata: {{version: 1, scorer: gsm8k, family: math, id: name, cluster: group}}
"""
BETTER = {"better": {"tasks": ["sums"]}}
GUARD = {"not_worse": {"tasks": "all", "margin": 0.1}}


class Answering(ConstantEngine):
    """Answers right where it is told to, in batches of 16; may die after some of them."""

    def __init__(self, right: Callable[[str, int], bool], die_after: int = 10**9) -> None:
        super().__init__("#### 0")
        self.right = right
        self.die_after = die_after
        self.asked: list[str] = []

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Batch]:
        texts = [self._answer(request.prompt) for request in requests]
        self.batch_size = 16
        for batch in super().generate(requests, sampling):
            if len(self.asked) >= 16 * self.die_after:
                raise KeyboardInterrupt
            self.asked += [requests[position].prompt for position, _ in batch]
            yield [(position, r._replace(text=texts[position])) for position, r in batch]

    def _answer(self, prompt: str) -> str:
        task, number = prompt.split()[:2]
        return f"#### {int(number) + 2}" if self.right(task, int(number)) else "#### -1"


def chance(share: float, seed: str) -> Callable[[str, int], bool]:
    """Right on a random share of the instances, always the same ones."""
    return lambda task, number: random.Random(f"{seed} {task} {number}").random() < share


@dataclass(frozen=True)
class World:
    """A suite of two tasks of different sampling, one in clusters, and an incumbent."""

    folder: Path
    workspace: Workspace
    incumbent: StoredExamination

    def examine(self, engine: Answering, name: str = "c", **options: Any) -> StoredExamination:
        checkpoint = Checkpoint(self.folder, name * 32, name)
        suite = load_suite("both", [self.folder])
        return examine_into(
            options.pop("workspace", self.workspace), checkpoint, suite, engine,
            include=[self.folder], **options,
        )  # fmt: skip

    def early(self, *rules: Any, gate: dict[str, Any] | None = None) -> EarlyStop:
        checked = parse_gate({"rules": list(rules), **(gate or {})})
        return EarlyStop(checked, self.incumbent, "c" * 32, "i" * 32, 1)

    def sit(self, early: EarlyStop, engine: Answering, **options: Any) -> StoredExamination:
        return self.examine(engine, sink=early, rounds=early.rounds, **options)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp("early")
    for name, size, tokens in (("sums", 1, 8), ("grouped", 5, 9)):
        (folder / f"{name}.yaml").write_text(TASK.format(name=name, tokens=tokens))
        rows = [
            {"name": f"x{i}", "a": i, "answer": f"#### {i + 2}", "group": f"{name}{i // size}"}
            for i in range(N)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "both.yaml").write_text("name: both\nrole: dev\ntasks: [sums, grouped]\n")
    workspace = Workspace.open(folder / "workspace")
    bare = World(folder, workspace, None)  # type: ignore[arg-type]
    return World(folder, workspace, bare.examine(Answering(chance(0.6, "theirs")), "i"))


@pytest.fixture
def fresh(tmp_path) -> Workspace:
    return Workspace.open(tmp_path / "workspace")


def _mostly_theirs(share: float, seed: str, kept: float = 0.9) -> Callable[[str, int], bool]:
    """Like the incumbent on most instances, right on a share of the others."""
    theirs, same, other = chance(0.6, "theirs"), chance(kept, f"{seed} same"), chance(share, seed)
    return lambda task, n: theirs(task, n) if same(task, n) else other(task, n)


def test_the_rounds_grow_evenly_in_every_task_and_keep_clusters_together(world):
    suite = load_suite("both", [world.folder])
    checkpoint = Checkpoint(world.folder, "c" * 64, "c")
    papers = [
        prepare(checkpoint, suite, ConstantEngine(), include=[world.folder], seed=seed)
        for seed in (0, 0, 1)
    ]
    rounds, again, other = map(rounds_of, papers)
    assert rounds == again != other
    paper = papers[0]
    assert sorted(chain.from_iterable(rounds)) == list(range(2 * N))
    asked = [0, 0]
    for look, one in enumerate(rounds, 1):
        for number in one:
            asked[paper.questions[number].exam] += 1
        assert asked == [instances_at(N, look, LOOKS)] * 2
    questions = [paper.questions[number] for number in chain.from_iterable(rounds)]
    clusters = [paper.exams[1].instances[q.instance].cluster for q in questions if q.exam == 1]
    assert sum(a != b for a, b in pairwise(clusters)) == N // 5 - 1
    places = [q.instance for q in questions if q.exam == 0]
    assert places != sorted(places)


def test_a_clear_loss_is_rejected_early_and_asks_no_more(world, fresh):
    early, engine = world.early(BETTER, GUARD), Answering(chance(0.2, "loser"))
    stored = world.sit(early, engine, workspace=fresh)
    verdict, record = early.verdict(), early.record()
    assert verdict.verdict == "reject"
    assert f"rejected after {4 * early.number} % of the instances" in verdict.reason
    assert early.number < LOOKS / 2
    assert len(engine.asked) == record["decided"] == record["examined"] < record["instances"]
    assert stored.manifest["stopped"]
    whole = world.examine(Answering(chance(0.2, "loser")), workspace=fresh)
    assert whole.id != stored.id
    assert not whole.manifest["stopped"]
    assert "1 of 1 examinations stopped" in used_and_saved([record])


def test_a_null_difference_stops_as_hopeless(world, fresh):
    early = world.early(BETTER)
    stored = world.sit(early, Answering(_mostly_theirs(0.6, "null")), workspace=fresh)
    verdict = early.verdict()
    assert stored.manifest["stopped"]
    assert verdict.verdict == "inconclusive"
    assert "better has no fair chance left to pass (sums)" in verdict.reason
    assert any(one.hopeless for one in verdict.rules)


def test_what_passed_early_is_examined_to_its_end_and_keeps_its_verdict(world, fresh):
    early, engine = world.early(BETTER, GUARD), Answering(chance(0.95, "winner"))
    stored = world.sit(early, engine, workspace=fresh)
    assert early.verdict().verdict == "promote"
    assert early.number < LOOKS
    assert "every dev rule passed after" in early.verdict().reason
    assert not stored.manifest["stopped"]
    assert len(engine.asked) == 2 * N == early.record()["examined"]
    assert {one.n for one in early.verdict().rules} == {instances_at(N, early.number, LOOKS)}


@pytest.mark.parametrize("die_after", [1, 3, 8])
def test_killed_and_continued_it_decides_the_same(world, fresh, tmp_path, die_after):
    right = chance(0.45, "weak")
    straight = world.early(BETTER, GUARD)
    expected = world.sit(straight, Answering(right), workspace=Workspace.open(tmp_path / "other"))
    dying, rest = Answering(right, die_after), Answering(right)
    with pytest.raises(KeyboardInterrupt):
        world.sit(world.early(BETTER, GUARD), dying, workspace=fresh)
    early = world.early(BETTER, GUARD)
    stored = world.sit(early, rest, workspace=fresh)
    assert early.verdict() == straight.verdict()
    assert early.record() == straight.record()
    assert stored.id == expected.id
    assert not set(dying.asked) & set(rest.asked)
    again, silent = world.early(BETTER, GUARD), Answering(right)
    found = world.sit(again, silent, workspace=fresh)
    assert silent.asked == []
    assert not found.fresh
    assert again.verdict() == straight.verdict()


def test_each_candidate_of_a_stage_has_its_share_of_alpha(world, fresh):
    gate = parse_gate({"alpha": 0.06, "spend": False, "rules": [BETTER]})
    assert share_of_alpha(gate, 3).alpha == pytest.approx(0.02)
    early = EarlyStop(share_of_alpha(gate, 3), world.incumbent, "c" * 32, "i" * 32, 1)
    world.sit(early, Answering(chance(0.95, "winner")), workspace=fresh)
    assert early.verdict().levels["dev"] == pytest.approx(0.02)


def test_a_contaminated_candidate_is_asked_no_more_than_one_round(world, fresh):
    early, engine = world.early({"clean": {}}, BETTER), Answering(chance(0.95, "leaky"))
    rows = (ScanRow("leak", "sums", N, N // 2), ScanRow("leak", "grouped", N, 0))
    early.contamination = Contamination(rows)
    world.sit(early, engine, workspace=fresh)
    assert (early.verdict().verdict, early.verdict().reason) == ("reject", CONTAMINATED)
    assert len(engine.asked) == 2 * instances_at(N, 1, LOOKS)


def test_evidence_that_does_not_fit_is_never_promoted(world, fresh):
    engine = Answering(chance(0.95, "winner"))
    engine.dtype = "other"
    early = world.early(BETTER)
    world.sit(early, engine, workspace=fresh)
    assert early.verdict().verdict == "inconclusive"
    assert "engine precision" in early.verdict().reason
