"""Words: NLTK's word tokens, runs of word characters, stop words, text without punctuation.

Our own implementation of the tokenisation rules (Treebank conventions as in NLTK's
`word_tokenize`) that the published checkers rest on; no data is downloaded.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache

from evals.verifiers.english import word_set
from evals.verifiers.sentences import sentences

PUNCTUATION_AND_SPACE = string.punctuation + " "
_DELETE_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"\w+")

# The steps of the tokeniser in order: each pads or splits, the last step splits on white space.
_OPENING_QUOTES = (
    (re.compile(r"([«“‘„]|`+)"), r" \1 "),
    (re.compile(r'^"'), "``"),
    (re.compile(r"(``)"), r" \1 "),
    (re.compile(r"([ (\[{<])(\"|'{2})"), r"\1 `` "),
    (re.compile(r"(?i)(?<!\w)(')(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)"), r"\1 "),
)
_MARKS = (
    (re.compile(r"([:,])([^\d])"), r" \1 \2"),
    (re.compile(r"([:,])$"), r" \1 "),
    (re.compile(r"\.{2,}"), r" \g<0> "),
    (re.compile(r"[;@#$%&]"), r" \g<0> "),
    (re.compile(r"[‒-―]"), r" \g<0> "),
)
_MARKS_AFTER_PERIOD = (
    (re.compile(r"[?!]"), r" \g<0> "),
    (re.compile(r"([^'])' "), r"\1 ' "),
    (re.compile(r"[*]"), r" \g<0> "),
    (re.compile(r"[\]\[(){}<>]"), r" \g<0> "),
    (re.compile(r"--"), " -- "),
)
_CLOSING_QUOTES = (
    (re.compile(r"([»”’])"), r" \1 "),
    (re.compile(r"''"), " '' "),
    (re.compile(r'"'), " '' "),
    (re.compile(r"\s+"), " "),
    (re.compile(r"([^' ])('[sS]|'[mM]|'[dD]|') "), r"\1 \2 "),
    (re.compile(r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) "), r"\1 \2 "),
)
_CONTRACTIONS = tuple(
    (re.compile(rf"(?i){pattern}"), r" \1 \2 ")
    for pattern in (
        r"\b(can)(not)\b",
        r"\b(d)('ye)\b",
        r"\b(gim)(me)\b",
        r"\b(gon)(na)\b",
        r"\b(got)(ta)\b",
        r"\b(lem)(me)\b",
        r"\b(more)('n)\b",
        r"\b(wan)(na)(?=\s)",
        r" ('t)(is)\b",
        r" ('t)(was)\b",
    )
)
_AFTER_LAST_PERIOD = re.compile("[\\])}>\"'»”’ ]*")
_AFTER_LAST_PERIOD_ASCII = re.compile("[\\])}>\"']*")


@lru_cache(maxsize=64)
def word_tokens(text: str) -> tuple[str, ...]:
    """Return the word tokens of a text, as `nltk.word_tokenize` would."""
    return tuple(token for sentence in sentences(text) for token in _sentence_tokens(sentence))


def _sentence_tokens(text: str) -> list[str]:
    for pattern, replacement in _OPENING_QUOTES:
        text = pattern.sub(replacement, text)
    text = _split_final_period(text, _AFTER_LAST_PERIOD)
    for pattern, replacement in _MARKS:
        text = pattern.sub(replacement, text)
    text = _split_final_period(text, _AFTER_LAST_PERIOD_ASCII)
    for pattern, replacement in _MARKS_AFTER_PERIOD:
        text = pattern.sub(replacement, text)
    text = f" {text} "
    for pattern, replacement in _CLOSING_QUOTES + _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    return text.split()


def _split_final_period(text: str, closers: re.Pattern[str]) -> str:
    """Set the last period apart if only closing marks follow it and no period precedes it."""
    period = text.rfind(".")
    if period < 1 or text[period - 1] == ".":
        return text
    tail = closers.match(text, period + 1)
    if tail is None or text[tail.end() :].strip():
        return text
    return f"{text[:period]} . {tail.group()} "


@lru_cache(maxsize=64)
def count_words(text: str) -> int:
    """Return the number of runs of word characters (NLTK's RegexpTokenizer `\\w+`)."""
    return len(_WORD.findall(text))


def plain_words(text: str) -> list[str]:
    """Return the white-space separated words of a text without ASCII punctuation."""
    return text.translate(_DELETE_PUNCTUATION).split()


def without_punctuation(text: str) -> str:
    """Return the text with every ASCII punctuation mark deleted."""
    return text.translate(_DELETE_PUNCTUATION)


def count_stop_words(text: str) -> int:
    """Return how many runs of word characters are English stop words."""
    return sum(word.lower() in STOP_WORDS for word in _WORD.findall(text))


# The 198 entries of NLTK's English stop word list, of which those with an apostrophe never equal
# a run of word characters and are left out.
STOP_WORDS = word_set(
    """a about above after again against ain all am an and any are aren as at be because been
    before being below between both but by can couldn d did didn do does doesn doing don down
    during each few for from further had hadn has hasn have haven having he her here hers
    herself him himself his how i if in into is isn it its itself just ll m ma me mightn more
    most mustn my myself needn no nor not now o of off on once only or other our ours ourselves
    out over own re s same shan she should shouldn so some such t than that the their theirs
    them themselves then there these they this those through to too under until up ve very was
    wasn we were weren what when where which while who whom why will with won wouldn y you your
    yours yourself yourselves"""
)
