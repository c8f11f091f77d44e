"""Examinations in rounds: what is asked when, and that a cache changes none of it."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest

from evals.examiner import examine
from evals.suites import load_suite
from harness.responses import ResponseStore
from proctor.errors import ProctorError

ROUNDS = [[7, 2, 9], [0, 1], [3, 4, 5, 6, 8]]


@pytest.fixture
def cache(tmp_path: Path) -> ResponseStore:
    return ResponseStore(tmp_path / "responses")


class Watch:
    """A sink that keeps the instances of every call, and may stop after so many rows."""

    def __init__(self, stop_at: int = 10**9) -> None:
        self.calls: list[list[str]] = []
        self.stop_at = stop_at

    def __call__(self, rows) -> bool:
        self.calls.append([row.instance for row in rows])
        return sum(map(len, self.calls)) >= self.stop_at


def _names(numbers) -> list[str]:
    return [f"s{n}" for n in numbers]


def test_a_round_is_scored_before_the_next_is_asked(sums, somebody, cache, counting):
    watch, engine = Watch(), counting()
    result = examine(
        somebody,
        load_suite("sums-dev", [sums]),
        engine,
        cache,
        watch,
        include=[sums],
        rounds=ROUNDS,
    )
    assert watch.calls[:2] == [_names(ROUNDS[0]), _names(ROUNDS[1])]
    assert [*chain.from_iterable(watch.calls[2:])] == _names(ROUNDS[2])
    assert [int(prompt.split("What is ")[-1][0]) for prompt in engine.asked] == [
        *chain.from_iterable(ROUNDS)
    ]
    assert result.rows["instance"].to_pylist() == _names(range(10))
    assert not result.manifest["stopped"]


def test_what_the_cache_knows_comes_in_its_round(sums, somebody, cache, counting):
    suite = load_suite("sums-dev", [sums])
    examine(somebody, suite, counting(), cache, include=[sums], limit=5)
    watch, engine = Watch(), counting()
    examine(somebody, suite, engine, cache, watch, include=[sums], rounds=lambda paper: ROUNDS)
    seen, done = [*chain.from_iterable(watch.calls)], 0
    for one in ROUNDS:
        assert set(seen[done : done + len(one)]) == set(_names(one))
        done += len(one)
    assert len(engine.asked) == 5


def test_nothing_of_later_rounds_is_asked_once_the_sink_says_stop(sums, somebody, cache, counting):
    engine = counting()
    result = examine(
        somebody,
        load_suite("sums-dev", [sums]),
        engine,
        cache,
        Watch(stop_at=5),
        include=[sums],
        rounds=ROUNDS,
    )
    assert len(engine.asked) == 5
    assert result.manifest["stopped"]
    assert result.rows.num_rows == 5


def test_a_prompt_shared_by_two_rounds_is_asked_and_scored_once(sums, somebody, cache, counting):
    rows = [json.loads(line) for line in (sums / "sums.jsonl").read_text().splitlines()]
    rows[8] |= {"a": rows[7]["a"], "answer": rows[7]["answer"]}
    (sums / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    watch, engine = Watch(), counting()
    result = examine(
        somebody,
        load_suite("sums-dev", [sums]),
        engine,
        cache,
        watch,
        include=[sums],
        rounds=ROUNDS,
    )
    assert len(engine.asked) == 9
    assert sorted(chain.from_iterable(watch.calls)) == _names(range(10))
    assert result.rows.num_rows == 10


@pytest.mark.parametrize("rounds", [[[0, 1]], [[*range(10)], [3]], [[*range(9)], [8]]])
def test_rounds_that_do_not_name_every_question_once_are_refused(
    sums, somebody, cache, counting, rounds
):
    suite = load_suite("sums-dev", [sums])
    with pytest.raises(ProctorError, match="name each of the 10 questions of the paper once"):
        examine(somebody, suite, counting(), cache, include=[sums], rounds=rounds)
