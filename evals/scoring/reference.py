"""HREF-style: is the response closer to a human reference than the baseline's response is?

Source: the reference-based part of HREF (Lyu et al. 2024, arXiv 2412.15524), with an offline
similarity in place of BERTScore: the mean of chrF (Popovic 2015, character 1- to 6-grams, beta 2)
and the F1 of words. A win is 1, a tie 0.5, a loss 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from evals.scoring.choices import plain_text
from evals.scoring.result import Score, text_field

TIE_WITHIN = 0.01
_BETA_SQUARED = 4.0
_ORDERS = range(1, 7)
_MOST_CHARACTERS = 20_000


def similarity(text: str, reference: str) -> float:
    """Return how alike two texts are, 0 to 1 (1 for equal texts)."""
    if text.strip() == reference.strip():
        return 1.0
    text, reference = text[:_MOST_CHARACTERS], reference[:_MOST_CHARACTERS]
    return (chrf(text, reference) + word_f1(text, reference)) / 2


def chrf(text: str, reference: str) -> float:
    """Return the character n-gram F-score of a text, white space ignored, 0 to 1."""
    found, wanted = "".join(text.split()), "".join(reference.split())
    precision: list[float] = []
    recall: list[float] = []
    for n in _ORDERS:
        ours, theirs = _grams(found, n), _grams(wanted, n)
        if not ours or not theirs:
            continue
        shared = (ours & theirs).total()
        precision.append(shared / ours.total())
        recall.append(shared / theirs.total())
    if not precision or not sum(precision):
        return 0.0
    p, r = sum(precision) / len(precision), sum(recall) / len(recall)
    return (1 + _BETA_SQUARED) * p * r / (_BETA_SQUARED * p + r)


def _grams(text: str, n: int) -> Counter[str]:
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))


def word_f1(text: str, reference: str) -> float:
    """Return the F1 of the words two texts share, 0 to 1 (as SQuAD computes it)."""
    ours, theirs = Counter(plain_text(text).split()), Counter(plain_text(reference).split())
    shared = (ours & theirs).total()
    return 2 * shared / (ours.total() + theirs.total()) if shared else 0.0


def score_reference(instance: Mapping[str, Any], response: str) -> Score:
    """Compare the response's and the `baseline`'s likeness to `reference`."""
    reference = text_field(instance, "reference", "answer")
    return score_likeness(response, text_field(instance, "baseline"), reference)


def score_likeness(response: str, baseline: str, reference: str) -> Score:
    """Compare a response's and a baseline's likeness to a reference."""
    ours = similarity(response, reference)
    theirs = similarity(baseline, reference)
    details = {"similarity": ours, "baseline_similarity": theirs}
    if abs(ours - theirs) <= TIE_WITHIN:
        return Score(0.5, None, "as close to the reference as the baseline", details)
    if ours > theirs:
        return Score(1.0, None, "closer to the reference than the baseline", details)
    return Score(0.0, None, "farther from the reference than the baseline", details)
