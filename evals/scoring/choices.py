"""Answers that are one of a few: an exact text, or the letter of a multiple-choice option."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evals.scoring.result import Score, text_field

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NOT_WORD = re.compile(r"[^\w\s]")
# In order of trust; each finds the letter an answer commits to.
_LETTER_RULES = (
    re.compile(r"(?i:therefore,? the answer is)[\s:*]*\(?\$?(?:\\boxed\{)?([A-Z])\b"),
    re.compile(r"\\boxed\{\s*(?:\\text\{)?\(?([A-Z])\)?\}?\s*\}"),
    re.compile(r"(?i:answer(?: is)?)[\s:*]*\(?\$?([A-Z])(?![a-zA-Z'])"),
    re.compile(r"(?m)^\W{0,3}([A-Z])(?:\W{0,3}$|[.):])"),
    re.compile(r"\(([A-Z])\)"),
    re.compile(r"\b([A-Z])\b(?!')"),
)


def score_exact(instance: Mapping[str, Any], response: str) -> Score:
    """Score 1 if the response is the answer, white space around it aside."""
    gold, found = text_field(instance, "answer").strip(), response.strip()
    if found == gold:
        return Score(1.0, found, "the response is the answer")
    if plain_text(found) == plain_text(gold):
        return Score(0.0, found[:200], "the response differs in case, articles or punctuation")
    return Score(0.0, found[:200], "the response is not the answer")


def plain_text(text: str) -> str:
    """Return text without case, punctuation, articles and repeated spaces.

    Source: the answer normalisation of SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250).
    """
    return " ".join(_ARTICLES.sub(" ", _NOT_WORD.sub(" ", text.casefold())).split())


def chosen_letter(response: str, letters: str) -> str | None:
    """Return the option letter a response commits to, or None.

    The cascade follows the chain-of-thought format "Therefore, the answer is (X)" of the Tulu 3
    multiple-choice tasks, then looser places; within a rule the last mention counts.
    """
    for rule in _LETTER_RULES:
        found = [letter for letter in rule.findall(response) if letter in letters]
        if found:
            return str(found[-1])
    return None


def score_multiple_choice(instance: Mapping[str, Any], response: str) -> Score:
    """Compare the chosen letter with `answer` (a letter, or an index into `choices`)."""
    choices = instance.get("choices")
    count = len(choices) if isinstance(choices, list) and choices else 10
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:count]
    gold = text_field(instance, "answer").strip().strip("()").upper()
    if gold.isdigit() and int(gold) < count:
        gold = letters[int(gold)]
    found = chosen_letter(response, letters)
    if found is None:
        return Score(0.0, None, "no option is chosen")
    if found == gold:
        return Score(1.0, found, "the chosen option is the answer")
    return Score(0.0, found, f"the chosen option is not {gold}")
