"""Mixtures: the same bytes everywhere, prefixes of prefixes, and one sentence for bad input."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from proctor.errors import ProctorError, UsageError
from train.mixture import Mixture, Weight, build_mixture


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _taken(path: Path, source: str) -> Counter[int]:
    return Counter(row["line"] for row in _lines(path) if row["source"] == source)


@pytest.fixture
def sources(toys: Any) -> dict[str, Path]:
    return {
        "sums": toys.write("sums.jsonl", toys.sums(40)),
        "more": toys.write("more.jsonl", toys.sums(10)),
    }


def test_rows_carry_their_source_and_are_conversations(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    mixture = Mixture(sources={"sums": Weight(rows=3), "more": Weight()}, seed=1)
    result = build_mixture(mixture, sources, tmp_path / "mix.jsonl")
    rows = _lines(result.path)
    assert result.kind == "demonstration"
    assert result.rows == len(rows) == 13
    assert Counter(row["source"] for row in rows) == {"sums": 3, "more": 10}
    assert result.counts["more"].epochs == 1.0
    assert [turn["role"] for turn in rows[0]["messages"]] == ["user", "assistant"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 100), st.integers(0, 5))
def test_first_rows_are_a_prefix_whatever_the_other_sources_do(
    tmp_path: Path, sources: dict[str, Path], count: int, seed: int
) -> None:
    small = Mixture(sources={"sums": Weight(rows=count)}, seed=seed)
    large = Mixture(sources={"more": Weight(epochs=2), "sums": Weight(rows=2 * count)}, seed=seed)
    build_mixture(small, sources, tmp_path / "small.jsonl")
    build_mixture(large, sources, tmp_path / "large.jsonl")
    few, many = _taken(tmp_path / "small.jsonl", "sums"), _taken(tmp_path / "large.jsonl", "sums")
    assert few <= many
    assert many.total() == 2 * count
    assert max(many.values()) - min(many[line] for line in range(1, 41)) <= 1


def test_same_mixture_gives_the_same_bytes_and_another_seed_other_rows(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    weights = {"sums": Weight(rows=7)}
    results = [
        build_mixture(Mixture(sources=weights, seed=seed), sources, tmp_path / f"{i}.jsonl")
        for i, seed in enumerate((3, 3, 4))
    ]
    assert results[0].digest == results[1].digest != results[2].digest


def test_removed_row_leaves_the_order_of_the_rest(toys: Any, tmp_path: Path) -> None:
    rows = toys.sums(30)
    whole = {"s": toys.write("whole.jsonl", rows)}
    mixture = Mixture(sources={"s": Weight(rows=10)})
    build_mixture(mixture, whole, tmp_path / "a.jsonl")
    before = [row["messages"] for row in _lines(tmp_path / "a.jsonl")]
    gone = before[0][0]["content"]
    cleaned = {"s": toys.write("clean.jsonl", [r for r in rows if r["prompt"] != gone])}
    build_mixture(mixture, cleaned, tmp_path / "b.jsonl")
    after = [row["messages"] for row in _lines(tmp_path / "b.jsonl")]
    assert [row for row in after if row in before] == before[1:]
    assert len(after) == 10


@pytest.mark.parametrize(
    ("weights", "total", "expected"),
    [
        ({"sums": {"fraction": 0.5}, "more": {"fraction": 0.5}}, None, {"sums": 10, "more": 10}),
        ({"sums": {"fraction": 0.7}, "more": {"fraction": 0.3}}, 101, {"sums": 71, "more": 30}),
        ({"sums": {"rows": 49}, "more": {"fraction": 0.02}}, None, {"sums": 49, "more": 1}),
        ({"sums": {"epochs": 1.5}, "more": {"epochs": 0.25}}, None, {"sums": 60, "more": 2}),
        ({"sums": {"epochs": 3, "cap": 50}, "more": {}}, None, {"sums": 50, "more": 10}),
    ],
)
def test_weights_come_to_the_rows_they_say(
    weights: Any, total: int | None, expected: Any, sources: dict[str, Path], tmp_path: Path
) -> None:
    mixture = Mixture.model_validate({"sources": weights, "total": total})
    result = build_mixture(mixture, sources, tmp_path / "mix.jsonl")
    assert {name: count.taken for name, count in result.counts.items()} == expected


@pytest.mark.parametrize(
    ("weights", "total", "message"),
    [
        ({"sums": {"fraction": 0.5}, "more": {"fraction": 0.6}}, None, "add up to 1.1"),
        ({"sums": {"fraction": 0.5}}, None, "add up to 0.5"),
        ({"sums": {"rows": 5}}, 7, "add up to 5 rows"),
        ({"sums": {"rows": 5}, "more": {"fraction": 0.5}}, 100, "ask for 0.5 of it"),
        ({"other": {}}, None, "no file was given"),
    ],
)
def test_weights_that_cannot_be_met_are_refused(
    weights: Any, total: int | None, message: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    mixture = Mixture.model_validate({"sources": weights, "total": total})
    with pytest.raises(UsageError, match=message):
        build_mixture(mixture, sources, tmp_path / "mix.jsonl")


def test_two_measures_for_one_source_are_refused() -> None:
    with pytest.raises(ValidationError, match="not several"):
        Weight(rows=1, epochs=2)


def test_columns_are_renamed(toys: Any, tmp_path: Path) -> None:
    path = toys.write("gsm.jsonl", [{"question": "1 + 1?", "answer": "2"}])
    weight = Weight(columns={"question": "prompt", "answer": "completion"})
    result = build_mixture(Mixture(sources={"g": weight}), {"g": path}, tmp_path / "m.jsonl")
    assert [turn["content"] for turn in _lines(result.path)[0]["messages"]] == ["1 + 1?", "2"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "a"}', "line 2: has the fields"),
        ('{"prompt": "a", "completion": ""}', "'completion' is empty"),
        ('{"messages": []}', "'messages' must be"),
        ('{"messages": [{"role": "robot", "content": "x"}]}', "'role' out of"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "no assistant turn"),
        ('{"prompt": "a", "chosen": "b"}', "expected|missing|needs"),
        ("{nonsense", "line 2: not valid JSON"),
        ("[1]", "line 2: expected an object"),
    ],
)
def test_bad_row_is_named_with_file_and_line(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n' + line + "\n")
    with pytest.raises(ProctorError, match=message) as caught:
        build_mixture(Mixture(sources={"bad": Weight()}), {"bad": path}, tmp_path / "m.jsonl")
    assert "bad.jsonl, line 2" in str(caught.value)
    assert not (tmp_path / "m.jsonl").exists()


def test_empty_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(ProctorError, match=r"empty\.jsonl holds no rows"):
        build_mixture(
            Mixture(sources={"e": Weight()}), {"e": tmp_path / "empty.jsonl"}, tmp_path / "m.jsonl"
        )


def test_preference_and_reward_rows_keep_their_fields(toys: Any, tmp_path: Path) -> None:
    for kind, rows in (("preference", toys.preferences(3)), ("reward", toys.rewarded(3))):
        path = toys.write("rows.jsonl", rows)
        result = build_mixture(Mixture(sources={"s": Weight()}), {"s": path}, tmp_path / "m.jsonl")
        assert result.kind == kind
        again = build_mixture(
            Mixture(sources={"s": Weight()}), {"s": result.path}, tmp_path / "n.jsonl"
        )
        assert again.rows == 3


def test_real_benchmark_rows_are_a_source(data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "gsm8k_train.jsonl"
    weight = Weight(rows=500, columns={"question": "prompt", "answer": "completion"})
    result = build_mixture(Mixture(sources={"gsm8k": weight}), {"gsm8k": path}, tmp_path / "m")
    assert result.counts["gsm8k"].available == 7473
    assert all("####" in row["messages"][1]["content"] for row in _lines(result.path))
    assert result.rows == 500
