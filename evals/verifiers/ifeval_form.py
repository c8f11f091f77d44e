"""The IFEval constraints on the form of a response: lists, sections, lengths, JSON, quotes.

Semantics: google-research/instruction_following_eval (Zhou et al. 2023, arXiv 2311.07911), quirks
included; patterns that would backtrack are replaced by linear scans with the same counts.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise

from evals.verifiers.base import IFEVAL, Kind
from evals.verifiers.sentences import sentences
from evals.verifiers.text import compare, occurrences
from evals.verifiers.words import count_words

_HIGHLIGHT = re.compile(r"\*[^\n*]*\*")
_DOUBLE_HIGHLIGHT = re.compile(r"\*\*[^\n*]*\*\*")
_PARAGRAPH_MARK = re.compile(r"\s?\*\*\*\s?")
_POSTSCRIPTS = {"P.P.S": re.compile(r"p\.\s?p\.\s?s"), "P.S.": re.compile(r"p\.\s?s\.")}
_FENCES = ("```json", "```Json", "```JSON", "```")
_ENDS_FIRST_WORD = re.compile("[.,?!'\"]")


@IFEVAL.verifier(
    "detectable_content:number_placeholders",
    "Has at least a number of [placeholders].",
    num_placeholders=Kind.NUMBER,
)
def number_placeholders(response: str, *, num_placeholders: float) -> bool:
    """A placeholder opens with [ and closes with the next ] on the same line."""
    found = 0
    for line in response.split("\n"):
        start = line.find("[")
        while start >= 0 and (end := line.find("]", start + 1)) >= 0:
            found += 1
            start = line.find("[", end + 1)
    return found >= num_placeholders


@IFEVAL.verifier("detectable_content:postscript", "Adds a postscript.", postscript_marker=Kind.TEXT)
def postscript(response: str, *, postscript_marker: str) -> bool:
    """The marker occurs, in any case; P.S. and P.P.S may hold spaces."""
    marker = postscript_marker.strip()
    if marker in _POSTSCRIPTS:
        return _POSTSCRIPTS[marker].search(response.lower()) is not None
    return occurrences(marker.lower())(response.lower()) > 0


@IFEVAL.verifier(
    "detectable_format:number_bullet_lists",
    "Has exactly a number of bullet points.",
    num_bullets=Kind.NUMBER,
)
def number_bullet_lists(response: str, *, num_bullets: float) -> bool:
    """A bullet is a line that starts with - or with a single *."""
    lines = [line.lstrip() for line in response.split("\n")]
    dashes = sum(line.startswith("-") for line in lines)
    return dashes + _star_bullets(lines) == num_bullets


def _star_bullets(lines: list[str]) -> int:
    """Count lines that start with one *; a bare * takes the next line as its text."""
    stars, skip = 0, False
    for line, following in pairwise([*lines, None]):
        if skip or line is None or not line.startswith("*"):
            skip = False
        elif line == "*":
            skip = following is not None
            stars += skip
        else:
            stars += line[1] != "*"
    return stars


@IFEVAL.verifier(
    "detectable_format:number_highlighted_sections",
    "Has at least a number of *highlighted* sections.",
    num_highlights=Kind.NUMBER,
)
def number_highlighted(response: str, *, num_highlights: float) -> bool:
    """*one* counts once; **two** is found by both patterns but is empty for the first."""
    single = sum(bool(h.strip("*").strip()) for h in _HIGHLIGHT.findall(response))
    double = sum(
        bool(h.removeprefix("**").removesuffix("**").strip())
        for h in _DOUBLE_HIGHLIGHT.findall(response)
    )
    return single + double >= num_highlights


@IFEVAL.verifier(
    "detectable_format:multiple_sections",
    "Has at least a number of numbered sections.",
    section_spliter=Kind.TEXT,
    num_sections=Kind.NUMBER,
)
def multiple_sections(response: str, *, section_spliter: str, num_sections: float) -> bool:
    """A section starts with the splitter and a number; the splitter's case matters."""
    section = occurrences(section_spliter.strip(), after=r"\s?\d+", match_case=True)
    return section(response) >= num_sections


@IFEVAL.verifier("detectable_format:title", "Has a <<title>>.")
def title(response: str) -> bool:
    """Some line holds << ... >> with something inside."""
    for line in response.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        inside = line[start : end + 2].lstrip("<").rstrip(">").strip()
        if 0 <= start <= end - 3 and inside:
            return True
    return False


@IFEVAL.verifier("detectable_format:json_format", "Is one JSON value.")
def json_format(response: str) -> bool:
    """The response without its code fence parses as JSON (Python's dialect: NaN is allowed)."""
    text = response.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


@IFEVAL.verifier(
    "length_constraints:number_paragraphs",
    "Has exactly a number of paragraphs separated by ***.",
    num_paragraphs=Kind.NUMBER,
)
def number_paragraphs(response: str, *, num_paragraphs: float) -> bool:
    """Paragraphs stand between *** marks; only the first and last may be empty."""
    paragraphs = [p.strip() for p in _PARAGRAPH_MARK.split(response)]
    if not all(paragraphs[1:-1]):
        return False
    return sum(map(bool, paragraphs)) == num_paragraphs


@IFEVAL.verifier(
    "length_constraints:nth_paragraph_first_word",
    "Has a number of paragraphs, and the n-th starts with a given word.",
    num_paragraphs=Kind.NUMBER,
    nth_paragraph=Kind.NUMBER,
    first_word=Kind.TEXT,
)
def nth_paragraph_first_word(
    response: str, *, num_paragraphs: float, nth_paragraph: float, first_word: str
) -> bool:
    """Empty paragraphs do not count towards the number, but they do towards the position."""
    paragraphs = response.split("\n\n")
    filled = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    if filled != num_paragraphs or not 1 <= nth_paragraph <= filled:
        return False
    words = paragraphs[int(nth_paragraph) - 1].split(maxsplit=1)
    if not words:
        return False
    start = words[0].lstrip("'").lstrip('"')
    return _ENDS_FIRST_WORD.split(start, maxsplit=1)[0].lower() == first_word.lower()


@IFEVAL.verifier(
    "length_constraints:number_sentences",
    "Has less than or at least a number of sentences.",
    num_sentences=Kind.NUMBER,
    relation=Kind.TEXT,
)
def number_sentences(response: str, *, num_sentences: float, relation: str) -> bool:
    """Sentences are Punkt's."""
    return compare(len(sentences(response)), relation, num_sentences)


@IFEVAL.verifier(
    "length_constraints:number_words",
    "Has less than or at least a number of words.",
    num_words=Kind.NUMBER,
    relation=Kind.TEXT,
)
def number_words(response: str, *, num_words: float, relation: str) -> bool:
    r"""Words are runs of `\w`."""
    return compare(count_words(response), relation, num_words)


@IFEVAL.verifier("startend:quotation", "Is wrapped in double quotation marks.")
def quotation(response: str) -> bool:
    """The first and the last character are ASCII double quotes."""
    text = response.strip()
    return len(text) > 1 and text[0] == '"' == text[-1]
