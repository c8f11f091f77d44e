"""Numbers as answers: the last number, the published way, on real solutions."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.scoring import SCORERS
from evals.scoring.numbers import gsm8k_gold, last_number, same_value
from proctor.errors import ProctorError


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It is 1,000.", "1000"),
        ("1,234,567.50 dollars", "1234567.50"),
        ("so 5 - 3 = 2", "2"),
        ("from -3 to -7", "-7"),
        ("$.50", ".50"),
        ("18. That is all", "18"),
        ("no digits", None),
        ("", None),
        ("1, 2, 3", "3"),
    ],
)
def test_the_last_number_is_found(text: str, number: str | None) -> None:
    assert last_number(text) == number


@given(st.integers(-(10**12), 10**12))
def test_any_integer_is_found_again_with_its_commas(value: int) -> None:
    assert last_number(f"The answer is {value:,}.") == str(value)


def test_gsm8k_compares_as_text_and_number_by_value() -> None:
    instance = {"answer": "work #### 18"}
    assert SCORERS["gsm8k"](instance, "It is 18.0").score == 0.0
    assert SCORERS["number"](instance, "It is 18.0").score == 1.0
    assert SCORERS["gsm8k"](instance, "#### 18").details == {"strict_score": 1.0}
    assert SCORERS["gsm8k"](instance, "It is 18").details == {"strict_score": 0.0}
    assert SCORERS["gsm8k"](instance, "none").reason == "no number in the response"


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000)
)
def test_equal_values_are_equal_however_written(value: Decimal) -> None:
    assert same_value(str(value), f"{value}0")


def test_every_gold_solution_scores_one_and_every_neighbour_zero(data_dir: Path) -> None:
    with (data_dir / "gsm8k_test.jsonl").open(encoding="utf-8", newline="\n") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        gold = gsm8k_gold(row["answer"])
        assert SCORERS["gsm8k"](row, row["answer"]).score == 1.0
        assert SCORERS["gsm8k"](row, f"The answer is {int(gold) + 1:,}.").score == 0.0


def test_a_gold_answer_without_a_number_is_the_data_s_fault() -> None:
    with pytest.raises(ProctorError, match="holds no number"):
        SCORERS["gsm8k"]({"answer": "none"}, "5")
    with pytest.raises(ProctorError, match="no 'answer'"):
        SCORERS["gsm8k"]({}, "5")
