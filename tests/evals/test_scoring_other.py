"""Exact answers, options, likeness to a reference, and instruction following as a score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.scoring import SCORERS
from evals.scoring.choices import chosen_letter
from evals.scoring.reference import chrf, similarity, word_f1
from proctor.errors import ProctorError


def test_exact_means_the_same_characters() -> None:
    score = SCORERS["exact"]
    assert score({"answer": "Paris"}, " Paris\n").score == 1.0
    assert "differs in case" in score({"answer": "Paris"}, "the paris.").reason
    assert score({"answer": "Paris"}, "London").score == 0.0


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("Therefore, the answer is (B).", "B"),
        ("A is wrong. The answer is **C**", "C"),
        ("\\boxed{D}", "D"),
        ("\\boxed{\\text{A}}", "A"),
        ("B", "B"),
        ("C. because", "C"),
        ("I think (A) or maybe (D)", "D"),
        ("none of these", None),
        ("I'd say nothing", None),
    ],
)
def test_the_letter_an_answer_commits_to(response: str, letter: str | None) -> None:
    assert chosen_letter(response, "ABCD") == letter


def test_an_option_may_be_named_by_letter_or_index() -> None:
    score = SCORERS["multiple_choice"]
    assert score({"answer": "B", "choices": ["x", "y"]}, "The answer is B").score == 1.0
    assert score({"answer": 1, "choices": ["x", "y"]}, "(B)").score == 1.0
    assert score({"answer": "A"}, "The answer is B").score == 0.0


def test_winning_is_being_closer_to_the_reference() -> None:
    score = SCORERS["reference"]
    instance = {"reference": "The cat sat on the mat.", "baseline": "A cat was on a mat."}
    assert score(instance, "The cat sat on the mat.").score == 1.0
    assert score(instance, instance["baseline"]).score == 0.5
    assert score(instance, "Dogs bark.").score == 0.0


@given(st.text(max_size=80), st.text(max_size=80))
def test_likeness_is_between_zero_and_one(text: str, reference: str) -> None:
    for measure in (similarity, chrf, word_f1):
        assert 0.0 <= measure(text, reference) <= 1.0 + 1e-12
    assert similarity(reference, reference) == 1.0


def test_chrf_is_the_published_formula() -> None:
    # One character in common of two: unigrams 1/2, bigrams 0/1; precision = recall = 1/4.
    assert chrf("ab", "ac") == pytest.approx(0.25)


def test_instructions_score_the_prompt_and_keep_the_parts() -> None:
    instance = {
        "instruction_id_list": ["punctuation:no_comma", "startend:quotation"],
        "kwargs": [{}, None],
    }
    score = SCORERS["ifeval"](instance, 'Sure\n"a"')
    assert score.score == 1.0
    assert score.details["instructions_strict"] == [True, False]
    assert score.details["instructions_loose"] == [True, True]
    half = SCORERS["ifeval"](instance, "a")
    assert half.details["fraction"] == 0.5
    assert half.reason == "not followed: startend:quotation"
    with pytest.raises(ProctorError, match="instruction_id_list"):
        SCORERS["ifeval"]({}, "a")


def test_every_scorer_has_a_version_and_a_metric() -> None:
    for name, scorer in SCORERS.items():
        assert scorer.name == name
        assert scorer.version
        assert scorer.metric
