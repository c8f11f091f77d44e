"""MATH answers: where they are found, and when two of them are equal."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.scoring import SCORERS, score_all
from evals.scoring.extraction import candidates, last_boxed, last_formula, minerva_answer
from evals.scoring.mathematics import gold_answer
from evals.scoring.normal_form import normal_form, rational
from proctor.errors import ProctorError

EQUAL = [
    ("\\frac{1}{2}", "0.5"),
    ("\\frac{1}{2}", "\\dfrac12"),
    ("\\frac{1}{2}", "1/2"),
    ("\\frac{1}{2}", "\\sqrt{1/4}"),
    ("11,\\! 111", "11111"),
    ("\\$32,\\!348", "32,348"),
    ("50\\%", "50"),
    ("12\\text{ cm}", "12"),
    ("90^\\circ", "90"),
    ("\\text{Evelyn}", "Evelyn"),
    ("\\text{(C)}", "(C)"),
    ("\\left( 3, \\frac{\\pi}{2} \\right)", "(3, \\pi/2)"),
    ("3,4", "4, 3"),
    ("x \\in [-2,7]", "[-2,7]"),
    ("y = 2x+3", "y=3+2x"),
    ("1 \\pm \\sqrt{19}", "1-\\sqrt{19}, 1+\\sqrt{19}"),
    ("\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "\\begin{bmatrix}1\\\\2\\end{bmatrix}"),
    ("2\\sqrt{3}", "\\sqrt{12}"),
    ("(x+1)(x-1)", "x^2-1"),
    ("-\\frac{3}{4}", "\\frac{-3}{4}"),
    ("0.75", ".75"),
]
DIFFERENT = [
    ("\\frac{1}{2}", "2"),
    ("(1,2)", "(2,1)"),
    ("[1,2]", "(1,2)"),
    ("x^2", "x^3"),
    ("\\text{Evelyn}", "Angela"),
    ("12", "1 2 3"),
    ("3", "-3"),
    ("\\pi", "3.14"),
]


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_equal_answers_are_equal(gold: str, answer: str) -> None:
    assert SCORERS["math"]({"answer": gold}, f"So it is $\\boxed{{{answer}}}$.").score == 1.0
    assert SCORERS["boxed"]({"answer": gold}, f"\\boxed{{{answer}}}").score == 1.0


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different_answers_are_different(gold: str, answer: str) -> None:
    assert SCORERS["math"]({"answer": gold}, f"So it is $\\boxed{{{answer}}}$.").score == 0.0


@pytest.mark.parametrize(
    ("response", "rules"),
    [
        ("\\boxed{1} then \\boxed{2}", ["last box"]),
        ("Final Answer: The final answer is $5$. I hope it is correct.", ["Minerva phrase"]),
        ("So $x=3$ and $y=4$", ["last formula", "text"]),
        ("The answer is 7.", ["text"]),
        ("", []),
        ("\\boxed{unclosed", ["text"]),
    ],
)
def test_the_cascade_looks_in_order(response: str, rules: list[str]) -> None:
    found = [candidate.rule for candidate in candidates(response)]
    assert found[: len(rules)] == rules


def test_places_of_answers() -> None:
    assert last_boxed("\\boxed{\\frac{1}{2}} and \\fbox{\\text{a}}") == "\\text{a}"
    assert last_boxed("$\\boxed 5$ apples") == "5"
    assert last_boxed("\\boxedset{3}") is None
    assert minerva_answer("The final answer is $2$. I hope it is correct.") == "$2$"
    assert last_formula("$1$ and \\(2\\) and $$3$$ end") == "3"
    assert last_formula("costs $5") is None


def test_any_candidate_may_be_right() -> None:
    response = "I get \\boxed{3}. Correction: the value is $4$"
    assert SCORERS["math"]({"answer": "4"}, response).score == 1.0
    assert SCORERS["boxed"]({"answer": "4"}, response).score == 0.0
    assert SCORERS["math"]({"answer": "4"}, response).details["strict_score"] == 0.0


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_fractions_have_one_value(top: int, bottom: int) -> None:
    left = rational(normal_form(f"\\frac{{{top}}}{{{bottom}}}"))
    right = rational(normal_form(f"{2 * top}/{2 * bottom}"))
    assert left is not None
    assert left == right


@given(st.text(max_size=60))
def test_normal_form_never_fails_and_is_stable(text: str) -> None:
    assert normal_form(text) == normal_form(text)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines]


def test_every_gold_solution_of_math_scores_one(data_dir: Path) -> None:
    rows = _rows(data_dir / "math_test.jsonl")
    assert len(rows) == 5000
    assert all(SCORERS["math"](row, row["solution"]).score == 1.0 for row in rows)


def test_math_500_in_every_format(data_dir: Path) -> None:
    rows = _rows(data_dir / "math500_test.jsonl")
    for form in (
        "\\boxed{%s}",
        "Final Answer: The final answer is $%s$. I hope it is correct.",
        "Therefore $%s$",
        "Thus the answer is %s.",
    ):
        pairs = [(row, form.replace("%s", row["answer"])) for row in rows]
        assert sum(score.score for score in score_all(SCORERS["math500"], pairs)) >= 498


def test_wrong_answers_are_wrong_with_one_worker_or_many(data_dir: Path) -> None:
    rows = _rows(data_dir / "math500_test.jsonl")
    chance = random.Random(0)
    pairs = [(row, f"\\boxed{{{chance.choice(rows)['answer']}}}") for row in rows[:120]]
    one = list(score_all(SCORERS["math"], pairs, workers=1))
    assert one == list(score_all(SCORERS["math"], pairs, workers=4))
    same = sum(normal_form(row["answer"]) == normal_form(a[7:-1]) for row, a in pairs)
    assert sum(score.score for score in one) <= same + 1


def test_gold_comes_from_the_answer_or_the_solution() -> None:
    assert gold_answer({"solution": "so \\boxed{3}"}) == "3"
    assert gold_answer({"answer": 3}) == "3"
    with pytest.raises(ProctorError, match="no \\\\boxed"):
        gold_answer({"solution": "so 3"})
