"""The examiner: what it asks, what it does not ask again, and what its rows hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.examiner import examine
from evals.records import Checkpoint, Sample
from evals.suites import load_suite
from harness.responses import ResponseStore
from proctor.errors import ProctorError, UsageError


@pytest.fixture
def cache(tmp_path: Path) -> ResponseStore:
    return ResponseStore(tmp_path / "responses")


def test_scores_every_instance_and_says_what_was_asked(sums, somebody, cache, counting):
    engine = counting("#### 5")
    result = examine(somebody, load_suite("sums-dev", [sums]), engine, cache, include=[sums])
    rows = result.rows.to_pylist()
    assert [row["instance"] for row in rows] == [f"s{i}" for i in range(10)]
    assert [row["score"] for row in rows] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert rows[4]["prompt"] == "What is 1 + 1? #### 2\n\nWhat is 4 + 2?"
    assert rows[4]["cluster"] == "g1"
    assert len(engine.asked) == 10
    task = result.manifest["tasks"]["sums"]
    assert (task["n"], task["scored"], task["score"], task["limit"]) == (10, 10, 0.1, None)
    assert task["few_shot"] == 1
    assert result.manifest["cost"]["sums"]["tokens_out"] == 20


def test_nothing_known_is_asked_again(sums, somebody, cache, counting):
    suite = load_suite("sums-dev", [sums])
    first = examine(somebody, suite, counting(), cache, include=[sums])
    again = counting()
    second = examine(somebody, suite, again, cache, include=[sums])
    assert again.asked == []
    assert second.rows.equals(first.rows)
    assert second.id == first.id
    assert second.manifest["cost"]["sums"]["cached"] == 10


def test_another_checkpoint_never_gets_these_answers(sums, somebody, cache, counting):
    suite = load_suite("sums-dev", [sums])
    examine(somebody, suite, counting("#### 5"), cache, include=[sums])
    other = Checkpoint(somebody.folder, "cd" * 32, "other")
    engine = counting("#### 6")
    result = examine(other, suite, engine, cache, include=[sums])
    assert len(engine.asked) == 10
    assert set(result.rows["response"].to_pylist()) == {"#### 6"}


def test_a_changed_prompt_is_asked_anew(sums, somebody, cache, counting):
    suite = load_suite("sums-dev", [sums])
    examine(somebody, suite, counting(), cache, include=[sums])
    task = sums / "sums.yaml"
    task.write_text(task.read_text().replace("What is", "Compute"))
    engine = counting()
    examine(somebody, suite, engine, cache, include=[sums])
    assert len(engine.asked) == 10
    assert all("Compute" in prompt for prompt in engine.asked)


def test_an_interrupted_run_continues_after_the_last_batch(sums, somebody, cache, counting):
    suite = load_suite("sums-dev", [sums])
    dying = counting(die_after=2)
    with pytest.raises(KeyboardInterrupt):
        examine(somebody, suite, dying, cache, include=[sums])
    rest = counting()
    result = examine(somebody, suite, rest, cache, include=[sums])
    assert len(dying.asked) == 8
    assert len(rest.asked) == 2
    assert not set(dying.asked) & set(rest.asked)
    assert result.manifest["tasks"]["sums"]["scored"] == 10


def test_limit_takes_the_first_and_is_marked(sums, somebody, cache, counting):
    suite = load_suite("sums-dev", [sums])
    whole = examine(somebody, suite, counting(), cache, include=[sums])
    part = examine(somebody, suite, counting(), cache, include=[sums], limit=3)
    assert part.rows["instance"].to_pylist() == ["s0", "s1", "s2"]
    assert part.manifest["tasks"]["sums"]["limit"] == 3
    assert part.id != whole.id


def test_a_sink_gets_rows_as_they_are_scored_and_may_stop(sums, somebody, cache, counting):
    seen: list[Sample] = []

    def sink(rows):
        seen.extend(rows)
        return len(seen) >= 4

    suite = load_suite("sums-dev", [sums])
    result = examine(somebody, suite, counting(), cache, sink, include=[sums])
    assert len(seen) == 4
    assert result.manifest["stopped"]
    assert result.rows.num_rows == 4


def test_the_random_order_is_random_and_repeats(sums, somebody, tmp_path, counting):
    suite = load_suite("sums-dev", [sums])
    orders = []
    for number in range(2):
        engine = counting()
        store = ResponseStore(tmp_path / str(number))
        examine(somebody, suite, engine, store, include=[sums])
        orders.append(engine.asked)
    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0])


def test_missing_data_leaves_the_other_tasks_running(sums, somebody, cache, counting):
    text = (sums / "sums.yaml").read_text()
    lost = text.replace("task: sums", "task: lost").replace("sums.jsonl", "lost.jsonl")
    (sums / "lost.yaml").write_text(lost)
    (sums / "both.yaml").write_text("name: both\nrole: dev\ntasks: [lost, sums]\n")
    result = examine(somebody, load_suite("both", [sums]), counting(), cache, include=[sums])
    assert list(result.manifest["tasks"]) == ["sums"]
    assert "lost.jsonl" in result.manifest["missing"]["lost"]
    (sums / "sums.jsonl").unlink()
    with pytest.raises(ProctorError, match=r"task sums: put sums\.jsonl"):
        examine(somebody, load_suite("both", [sums]), counting(), cache, include=[sums])


def test_pinned_data_that_drifted_is_an_error(sums, somebody, cache, counting):
    suite = load_suite("sums-dev", [sums])
    good = examine(somebody, suite, counting(), cache, include=[sums])
    digest = good.manifest["tasks"]["sums"]["data_digest"]
    (sums / "pinned.yaml").write_text(
        f"name: pinned\nrole: dev\ntasks: [{{name: sums, data_digest: '{digest[:16]}'}}]\n"
    )
    pinned = load_suite("pinned", [sums])
    examine(somebody, pinned, counting(), cache, include=[sums])
    with (sums / "sums.jsonl").open("a") as handle:
        handle.write('{"name": "s10", "a": 1, "b": 1, "answer": "#### 2", "group": "g"}\n')
    with pytest.raises(ProctorError, match="allow-data-drift"):
        examine(somebody, pinned, counting(), cache, include=[sums])


def test_an_unknown_task_is_named_with_the_nearest(sums, somebody, cache, counting):
    (sums / "typo.yaml").write_text("name: typo\nrole: dev\ntasks: [sum]\n")
    with pytest.raises(UsageError, match=r"no task 'sum'"):
        examine(somebody, load_suite("typo", [sums]), counting(), cache, include=[sums])
