"""MATH and MATH-500: the flex cascade of answer places, each compared with the gold answer.

Source: Lambert et al. 2024 (Tulu 3, arXiv 2411.15124): correct if any candidate of the cascade is
equivalent. `score_boxed` is the strict form that looks at the last box alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evals.scoring.equivalence import Budget, equivalent
from evals.scoring.extraction import LAST_BOX, Candidate, candidates, last_boxed
from evals.scoring.result import Score, text_field
from proctor.errors import ProctorError


def gold_answer(instance: Mapping[str, Any]) -> str:
    """Return an instance's `answer`, or the last box of its `solution`.

    Raises:
        ProctorError: it has neither.
    """
    if instance.get("answer") is not None:
        answer = text_field(instance, "answer")
        return last_boxed(answer) or answer
    boxed = last_boxed(text_field(instance, "solution"))
    if boxed is None:
        raise ProctorError("the instance's 'solution' has no \\boxed{} answer; give it an 'answer'")
    return boxed


def score_math(instance: Mapping[str, Any], response: str) -> Score:
    """Score 1 if any candidate of the flex cascade is equivalent to the gold answer."""
    return _first_equal(gold_answer(instance), candidates(response))


def score_boxed(instance: Mapping[str, Any], response: str) -> Score:
    """Score 1 if the last box is equivalent to the gold answer."""
    boxed = last_boxed(response)
    found = [] if boxed is None else [Candidate(boxed, LAST_BOX)]
    return _first_equal(gold_answer(instance), found)


def _first_equal(gold: str, found: Iterable[Candidate]) -> Score:
    """Score by the first equal candidate; `strict_score` is 1 if that is the last box."""
    budget = Budget()
    tried: list[tuple[Candidate, str]] = []
    for candidate in found:
        verdict = equivalent(gold, candidate.text, budget)
        if verdict.equal:
            details = {"rule": candidate.rule, "strict_score": float(candidate.rule == LAST_BOX)}
            return Score(1.0, candidate.text, f"{candidate.rule}: {verdict.how}", details)
        tried.append((candidate, verdict.how))
    if not tried:
        return Score(0.0, None, "no answer in the response", {"strict_score": 0.0})
    first, how = tried[0]
    plain = how in ("exact value", "computer algebra", "other words")
    reason = f"{first.rule} is not the answer" if plain else how
    return Score(0.0, first.text, reason, {"strict_score": 0.0})
