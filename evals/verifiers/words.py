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
# They run on all sentences at once, one a line, so that a text of many short sentences stays cheap.
_BEFORE_CLOSING = 17
_STEPS = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        # Opening quotes.
        (r"([«“‘„]|`+)", r" \1 "),
        (r'^"', "``"),
        (r"(``)", r" \1 "),
        (r"([ (\[{<])(\"|'{2})", r"\1 `` "),
        (r"(?i)(?<!\w)(')(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)", r"\1 "),
        # The last full stop of a sentence, closing marks after it.
        (r"([^.\n])\.([\])}>\"'»”’ ]*+)[^\S\n]*$", r"\1 . \2 "),
        # Commas, colons, dots, symbols and dashes.
        (r"([:,])([^\d])", r" \1 \2"),
        (r"([:,])$", r" \1 "),
        (r"\.{2,}", r" \g<0> "),
        (r"[;@#$%&]", r" \g<0> "),
        (r"[‒-―]", r" \g<0> "),
        (r"([^.\n])\.([\])}>\"']*+)[^\S\n]*$", r"\1 . \2 "),
        (r"[?!]", r" \g<0> "),
        (r"([^'])' ", r"\1 ' "),
        (r"[*]", r" \g<0> "),
        (r"[\]\[(){}<>]", r" \g<0> "),
        (r"--", " -- "),
        # Closing quotes and clitics, which need the space that ends a line.
        (r"([»”’])", r" \1 "),
        (r"''", " '' "),
        (r'"', " '' "),
        (r"\s+", " "),
        (r"([^' ])('[sS]|'[mM]|'[dD]|') ", r"\1 \2 "),
        (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", r"\1 \2 "),
        # Contractions.
        (r"(?i)\b(can)(not)\b", r" \1 \2 "),
        (r"(?i)\b(d)('ye)\b", r" \1 \2 "),
        (r"(?i)\b(gim)(me)\b", r" \1 \2 "),
        (r"(?i)\b(gon)(na)\b", r" \1 \2 "),
        (r"(?i)\b(got)(ta)\b", r" \1 \2 "),
        (r"(?i)\b(lem)(me)\b", r" \1 \2 "),
        (r"(?i)\b(more)('n)\b", r" \1 \2 "),
        (r"(?i)\b(wan)(na)(?=\s)", r" \1 \2 "),
        (r"(?i) ('t)(is)\b", r" \1 \2 "),
        (r"(?i) ('t)(was)\b", r" \1 \2 "),
    )
)


@lru_cache(maxsize=16)
def word_tokens(text: str) -> tuple[str, ...]:
    """Return the word tokens of a text, as `nltk.word_tokenize` would."""
    # A line break inside a sentence is any white space; between sentences it is the end of one.
    text = "\n".join(sentence.replace("\n", "\v") for sentence in sentences(text))
    for pattern, replacement in _STEPS[:_BEFORE_CLOSING]:
        text = pattern.sub(replacement, text)
    text = f" {text} "
    for pattern, replacement in _STEPS[_BEFORE_CLOSING:]:
        text = pattern.sub(replacement, text)
    return tuple(text.split())


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
