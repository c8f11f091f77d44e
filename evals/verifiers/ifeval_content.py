"""The IFEval constraints on what a response says: keywords, letters, language, repetition.

Semantics: google-research/instruction_following_eval (Zhou et al. 2023, arXiv 2311.07911), whose
verdicts are the yardstick, quirks included. Two differences are deliberate: language detection has
no random draws, and a letter that is not in a-z is counted as it stands, not replaced at random.
"""

from __future__ import annotations

from collections.abc import Sequence

from evals.verifiers.base import IFEVAL, Kind
from evals.verifiers.language import detect
from evals.verifiers.text import compare, occurrences
from evals.verifiers.words import word_tokens

_CHOICES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


@IFEVAL.verifier("keywords:existence", "Contains every keyword.", keywords=Kind.TEXTS)
def keywords_existence(response: str, *, keywords: Sequence[str]) -> bool:
    """Every keyword occurs somewhere, in any case, also inside a word."""
    return all(occurrences(keyword)(response) for keyword in keywords)


@IFEVAL.verifier(
    "keywords:frequency",
    "A keyword occurs less than or at least a number of times.",
    keyword=Kind.TEXT,
    frequency=Kind.NUMBER,
    relation=Kind.TEXT,
)
def keywords_frequency(response: str, *, keyword: str, frequency: float, relation: str) -> bool:
    """Occurrences are counted in any case, also inside words."""
    return compare(occurrences(keyword.strip())(response), relation, frequency)


@IFEVAL.verifier(
    "keywords:forbidden_words", "Contains none of the words.", forbidden_words=Kind.TEXTS
)
def keywords_forbidden(response: str, *, forbidden_words: Sequence[str]) -> bool:
    """No forbidden word occurs as a whole word, in any case."""
    return not any(
        occurrences(word, before=r"\b", after=r"\b")(response) for word in forbidden_words
    )


@IFEVAL.verifier(
    "keywords:letter_frequency",
    "A letter occurs less than or at least a number of times.",
    letter=Kind.TEXT,
    let_frequency=Kind.NUMBER,
    let_relation=Kind.TEXT,
)
def letter_frequency(
    response: str, *, letter: str, let_frequency: float, let_relation: str
) -> bool:
    """The letter is counted in any case."""
    return compare(response.lower().count(letter.strip().lower()), let_relation, let_frequency)


@IFEVAL.verifier("language:response_language", "Is in a given language.", language=Kind.TEXT)
def response_language(response: str, *, language: str) -> bool:
    """The detected language is the one asked for; a text without letters passes."""
    return detect(response) in (language, None)


@IFEVAL.verifier("change_case:english_capital", "Is in English and all capitals.")
def english_capital(response: str) -> bool:
    """All cased letters are capitals and the language is English."""
    return response.isupper() and detect(response) in ("en", None)


@IFEVAL.verifier("change_case:english_lowercase", "Is in English and all lower case.")
def english_lowercase(response: str) -> bool:
    """All cased letters are small and the language is English."""
    return response.islower() and detect(response) in ("en", None)


@IFEVAL.verifier(
    "change_case:capital_word_frequency",
    "Has less than or at least a number of words in all capitals.",
    capital_frequency=Kind.NUMBER,
    capital_relation=Kind.TEXT,
)
def capital_word_frequency(
    response: str, *, capital_frequency: float, capital_relation: str
) -> bool:
    """Words are NLTK's tokens; one letter in upper case is a word in all capitals."""
    capitals = sum(word.isupper() for word in word_tokens(response))
    return compare(capitals, capital_relation, capital_frequency)


@IFEVAL.verifier(
    "combination:repeat_prompt", "Repeats the request first.", prompt_to_repeat=Kind.TEXT
)
def repeat_prompt(response: str, *, prompt_to_repeat: str) -> bool:
    """The response starts with the request, in any case."""
    return response.strip().lower().startswith(prompt_to_repeat.strip().lower())


@IFEVAL.verifier("combination:two_responses", "Gives two responses separated by ******.")
def two_responses(response: str) -> bool:
    """Exactly two different responses stand between separators; only outer ones may be empty."""
    parts = [part.strip() for part in response.split("******")]
    if not all(parts[1:-1]):
        return False
    given = [part for part in parts if part]
    return len(given) == 2 and given[0] != given[1]


@IFEVAL.verifier(
    "detectable_format:constrained_response", "Answers yes, no or maybe in a set form."
)
def constrained_response(response: str) -> bool:
    """One of the three sentences occurs."""
    return any(choice in response for choice in _CHOICES)


@IFEVAL.verifier("startend:end_checker", "Ends with a given phrase.", end_phrase=Kind.TEXT)
def end_checker(response: str, *, end_phrase: str) -> bool:
    """The phrase ends the response, quotation marks and case aside."""
    return response.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@IFEVAL.verifier("punctuation:no_comma", "Has no comma.")
def no_comma(response: str) -> bool:
    """No ASCII comma occurs."""
    return "," not in response
