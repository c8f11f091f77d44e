"""Sentences and words agree with NLTK's algorithms under the same parameters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.verifiers import english
from evals.verifiers.sentences import sentences
from evals.verifiers.words import count_stop_words, count_words, word_tokens

punkt = pytest.importorskip("nltk.tokenize.punkt")
destructive = pytest.importorskip("nltk.tokenize.destructive")

WORDS = english.word_set(
    ". ? ! , ; : ) ( ] [ \" ' ’ “ ” « » ` `` '' -- - ... * @ $ _ The the Mr U.S Ph.D etc vs A b I "
    "1 1990 3.5 n't 's 'll cannot wanna gimme however Smith Letters who ok"
)
PIECES = [*sorted(WORDS), " ", "  ", "\n", "\t", ". . .", "\r\n"]


class _Cases(dict[str, int]):
    """NLTK's table of letter cases, filled from our two word lists."""

    def __missing__(self, word: str) -> int:
        if word not in english.lowercase_words():
            return 0
        return 32 | 2 | (4 if word in english.CAPITALISED_INSIDE else 0)


@pytest.fixture(scope="module")
def reference() -> Any:
    class ClassicLanguage(punkt.PunktLanguageVars):  # typographic quotes were letters until 2026
        re_boundary_realignment = re.compile(r'["\')\]}]+?(?:\s+|(?=--)|$)', re.MULTILINE)

        @property
        def _re_non_word_chars(self) -> str:
            return r"(?:[)\";}\]\*:@\'\({\[!?])"

    parameters = punkt.PunktParameters()
    parameters.abbrev_types = set(english.ABBREVIATIONS)
    parameters.sent_starters = set(english.SENTENCE_STARTERS)
    parameters.collocations = set(english.COLLOCATIONS)
    parameters.ortho_context = _Cases()
    tokenizer = punkt.PunktSentenceTokenizer(lang_vars=ClassicLanguage())
    tokenizer._params = parameters
    return tokenizer


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_fuzzed_text_is_split_as_punkt_splits_it(reference: Any, text: str) -> None:
    assert list(sentences(text)) == reference.tokenize(text)


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_fuzzed_text_is_tokenized_as_nltk_tokenizes_it(reference: Any, text: str) -> None:
    words = destructive.NLTKWordTokenizer()
    expected = [word for s in reference.tokenize(text) for word in words.tokenize(s)]
    assert list(word_tokens(text)) == expected


def test_real_text_is_split_as_punkt_splits_it(reference: Any, data_dir: Path) -> None:
    with (data_dir / "ifeval_input.jsonl").open(encoding="utf-8", newline="\n") as lines:
        texts = [json.loads(line)["prompt"] for line in lines]
    with (data_dir / "math500_test.jsonl").open(encoding="utf-8", newline="\n") as lines:
        texts += [json.loads(line)["solution"] for line in lines]
    words = destructive.NLTKWordTokenizer()
    for text in texts:
        expected = reference.tokenize(text)
        assert list(sentences(text)) == expected
        tokens = [word for sentence in expected for word in words.tokenize(sentence)]
        assert list(word_tokens(text)) == tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Smith left. He ran!", ["Mr. Smith left.", "He ran!"]),
        ("It cost $3.50. Fine.", ["It cost $3.50.", "Fine."]),
        ("He said (quietly.) Then left.", ["He said (quietly.)", "Then left."]),
        ("Wait... no. The U.S. Government paid.", ["Wait... no.", "The U.S. Government paid."]),
        ("1. Write it down", ["1.", "Write it down"]),
        ("1. Letters to write", ["1. Letters to write"]),
        ("Really?! Yes.", ["Really?!", "Yes."]),
        ("", []),
        ("   ", []),
        ("no end", ["no end"]),
    ],
)
def test_sentences_of_ordinary_text(text: str, expected: list[str]) -> None:
    assert list(sentences(text)) == expected


def test_words_and_stop_words_are_counted() -> None:
    assert count_words("It's a well-known fact, isn't it?") == 9
    assert count_stop_words("The cat sat on THE mat, didn't it") == 6
