"""Answers that are numbers: the last number of a response (GSM8K) and equality as decimals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from evals.scoring.result import Score, text_field
from proctor.errors import ProctorError

_COMMA_BETWEEN_DIGITS = re.compile(r"(\d),(\d)")
_NUMBER = re.compile(r"[-+]?\d*\.\d+|[-+]?\d+")


def last_number(text: str) -> str | None:
    """Return the last number of a text, commas between digits dropped, or None.

    Source: the rule of the OLMES GSM8K task used by Tulu 3 (Lambert et al. 2024, arXiv
    2411.15124) and of open-instruct's GSM8KVerifier. A trailing bare point is no part of it.
    """
    found = _NUMBER.findall(_COMMA_BETWEEN_DIGITS.sub(r"\1\2", text))
    return found[-1] if found else None


def gsm8k_gold(answer: str) -> str:
    """Return the gold number of a GSM8K answer: what follows `####`, or the last number.

    Raises:
        ProctorError: there is no number in it.
    """
    gold = last_number(answer.rpartition("####")[2])
    if gold is None:
        raise ProctorError(f"the answer {answer!r:.80} holds no number")
    return gold


def score_gsm8k(instance: Mapping[str, Any], response: str) -> Score:
    """Compare the last number of the response with the gold, as text (the published rule)."""
    return _compare(instance, response, same_text)


def score_number(instance: Mapping[str, Any], response: str) -> Score:
    """Compare the last number of the response with the gold by value (18.0 equals 18)."""
    return _compare(instance, response, same_value)


def same_text(gold: str, found: str) -> bool:
    """Return whether two numbers are written alike."""
    return gold == found


def same_value(gold: str, found: str) -> bool:
    """Return whether two decimal numbers are equal exactly."""
    try:
        return Decimal(gold) == Decimal(found)
    except InvalidOperation:
        return False


def _compare(instance: Mapping[str, Any], response: str, same: Callable[[str, str], bool]) -> Score:
    gold = gsm8k_gold(text_field(instance, "answer"))
    found = last_number(response)
    marked = last_number(response.rpartition("####")[2]) if "####" in response else None
    details = {"strict_score": float(marked is not None and same(gold, marked))}
    if found is None:
        return Score(0.0, None, "no number in the response", details)
    if same(gold, found):
        return Score(1.0, found, "the last number is the answer", details)
    return Score(0.0, found, f"the last number is not {gold:.80}", details)
