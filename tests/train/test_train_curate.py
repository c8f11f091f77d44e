"""Curation: shares are kept, duplicates go, and every dropped row has its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proctor.errors import ProctorError, UsageError
from proctor.files import read_jsonl
from train.curate.rules import Rules, curate_by_rules, has_emoji
from train.curate.semantic import SelectionSettings, select, spherical_clusters


def _kept(path: Path) -> list[str]:
    return [row["messages"][-1]["content"] for _, row in read_jsonl(path)]


def _answers(toys: Any, answers: list[str]) -> Path:
    rows = [{"prompt": f"q{i}", "completion": text} for i, text in enumerate(answers)]
    return Path(toys.write("rows.jsonl", rows))


def test_overused_patterns_are_thinned_to_their_share(toys: Any, tmp_path: Path) -> None:
    tics = ["I’m sorry, no.", "So fun 🎉", "Wow!!! Yes!", "As an AI I cannot"]
    data = _answers(toys, [tics[i % 4] if i < 80 else f"plain {i}" for i in range(100)])
    rules = Rules(apologies=0.05, emoji=0.0, exclamations=0.1, phrases={"as an ai": 0.02})
    result = curate_by_rules(data, rules, tmp_path / "out.jsonl")
    kept = _kept(result.path)
    assert sum("sorry" in text for text in kept) == 5
    assert sum("🎉" in text for text in kept) == 0
    assert sum("!!!" in text for text in kept) == 10
    assert sum("AI" in text for text in kept) == 2
    assert result.kept == len(kept) == 37
    assert len(result.dropped) == 63
    reasons = {drop.line: drop.reason for drop in result.dropped}
    assert "emoji: 20 of 100 rows, 0 allowed" in reasons.values()
    again = curate_by_rules(data, rules, tmp_path / "again.jsonl")
    assert again.digest == result.digest


def test_rules_that_are_off_drop_nothing(toys: Any, tmp_path: Path) -> None:
    data = _answers(toys, ["I'm sorry 🎉!!!"] * 3)
    off = Rules(apologies=None, emoji=None, exclamations=None)
    result = curate_by_rules(data, off, tmp_path / "out.jsonl")
    assert (result.kept, result.dropped) == (3, ())
    with pytest.raises(ProctorError, match="holds no rows to curate"):
        curate_by_rules(toys.write("empty.jsonl", []), off, tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("☀ sun", True), ("🙂", True), ("a ™ mark ©", False), ("→ ≤ ∑", False), ("plain", False)],
)
def test_emoji_are_told_from_other_signs(text: str, expected: bool) -> None:
    assert has_emoji(text) is expected


def test_near_duplicates_go_and_the_best_stays(toys: Any, tmp_path: Path) -> None:
    data = _answers(toys, [f"a{i}" for i in range(6)])
    vectors = np.array([[1, 0], [1, 0.01], [0, 1], [0, 2.0], [-1, 0], [0.7, 0.7]], dtype=float)
    quality = [1.0, 3.0, 2.0, 1.0, 1.0, 1.0]
    result = select(
        data, vectors, SelectionSettings(threshold=0.99), tmp_path / "out.jsonl", quality=quality
    )
    assert _kept(result.path) == ["a1", "a2", "a4", "a5"]
    assert [drop.line for drop in result.dropped] == [1, 4]
    assert result.dropped[0].reason.startswith("similarity 1.000 to line 2")


def test_quality_difficulty_and_tags_decide(toys: Any, tmp_path: Path) -> None:
    data = _answers(toys, [f"a{i}" for i in range(5)])
    settings = SelectionSettings(min_quality=0.5, min_difficulty=0.2, per_tag=1)
    result = select(
        data,
        np.eye(5),
        settings,
        tmp_path / "out.jsonl",
        quality=[0.4, 1.0, 0.9, 0.8, 1.0],
        difficulty=[1.0, 0.1, 0.5, 1.0, 1.0],
        tags=["x", "x", "x", "x", "y"],
    )
    assert _kept(result.path) == ["a3", "a4"]
    assert [drop.reason.split(" ")[0] for drop in result.dropped] == [
        "quality",
        "difficulty",
        "tag",
    ]
    with pytest.raises(UsageError, match="has 5 rows, but 4 vectors"):
        select(data, np.eye(4), settings, tmp_path / "x.jsonl")


def test_clusters_find_separate_bunches() -> None:
    generator = np.random.default_rng(0)
    centres = np.eye(3)[np.repeat(np.arange(3), 20)]
    vectors = centres + 0.05 * generator.standard_normal((60, 3))
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = spherical_clusters(units, 3, seed=1)
    assert all(len(set(labels[start : start + 20])) == 1 for start in (0, 20, 40))
    assert (spherical_clusters(units, 3, seed=1) == labels).all()
