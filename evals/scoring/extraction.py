"""Where a mathematical answer stands in a response: one small function for each place.

The order in which they are tried is the "flex" cascade of Tulu 3's MATH task (Lambert et al. 2024,
arXiv 2411.15124): last box, Minerva phrase, last formula, then the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
_MINERVA = "the final answer is"
_MINERVA_END = "I hope it is correct"
_DISPLAYS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"))
_SAYS = re.compile(
    r"(?:final answer|correct answer|answer|result)\s*(?:is|:|=|\*\*:?)+\s*", re.IGNORECASE
)
_LONGEST = 2_000
LAST_BOX = "last box"


class Candidate(NamedTuple):
    """A piece of a response that may be its answer, and the rule that found it."""

    text: str
    rule: str


def candidates(response: str) -> Iterator[Candidate]:
    """Yield the distinct candidates of the cascade in order."""
    seen: set[str] = set()
    found = (
        Candidate(boxed, LAST_BOX) if (boxed := last_boxed(response)) else None,
        Candidate(said, "Minerva phrase") if (said := minerva_answer(response)) else None,
        Candidate(formula, "last formula") if (formula := last_formula(response)) else None,
    )
    for candidate in found:
        if candidate and candidate.text not in seen:
            seen.add(candidate.text)
            yield candidate
    if LAST_BOX not in {c.rule for c in found if c} and (text := plain_answer(response)):
        yield Candidate(text, "text")


def last_boxed(response: str) -> str | None:
    r"""Return what the last \boxed{...} or \fbox{...} holds, braces balanced, or None.

    `\boxed 5` holds the text up to the next $ or line end (Hendrycks et al. 2021,
    arXiv 2103.03874). A last box that never closes holds nothing; the one before it does not count.
    """
    boxes = [match.end() for match in _BOX.finditer(response)]
    if not boxes:
        return None
    if response[boxes[-1] : boxes[-1] + 1] != "{":
        return re.split(r"[$\n]", response[boxes[-1] : boxes[-1] + _LONGEST], maxsplit=1)[0].strip()
    return _balanced(response, boxes[-1])


def _balanced(text: str, opening: int) -> str | None:
    depth = 0
    for position in range(opening, min(len(text), opening + _LONGEST)):
        escaped = text[position - 1] == "\\" and text[position - 2] != "\\"
        if text[position] == "{" and not escaped:
            depth += 1
        elif text[position] == "}" and not escaped:
            depth -= 1
            if depth == 0:
                return text[opening + 1 : position].strip()
    return None


def minerva_answer(response: str) -> str | None:
    """Return X of "The final answer is X. I hope it is correct.", or None.

    Source: Lewkowycz et al. 2022, arXiv 2206.14858, appendix D.
    """
    start = response.lower().rfind(_MINERVA)
    if start < 0:
        return None
    said = response[start + len(_MINERVA) : start + len(_MINERVA) + _LONGEST]
    said = said.partition(_MINERVA_END)[0].partition("\n\n")[0]
    return said.strip().strip("*:").strip().removesuffix(".").strip() or None


def last_formula(response: str) -> str | None:
    r"""Return the last complete $...$, $$...$$, \(...\) or \[...\], out of its box, or None."""
    spans = [_last_single_dollars(response)]
    for opening, closing in _DISPLAYS:
        end = response.rfind(closing)
        start = response.rfind(opening, 0, end) if end > 0 else -1
        if start >= 0:
            spans.append((end, response[start + len(opening) : end]))
    _, text = max(spans)
    if not text.strip() or len(text) > _LONGEST:
        return None
    return last_boxed(text) or text.strip()


def _last_single_dollars(response: str) -> tuple[int, str]:
    plain = response.replace("\\$", "\0\0").replace("$$", "\0\0")
    end = plain.rfind("$")
    start = plain.rfind("$", 0, end) if end > 0 else -1
    return (end, response[start + 1 : end]) if start >= 0 else (-1, "")


def plain_answer(response: str) -> str | None:
    """Return the text after the last "answer is", or a short response as a whole, or None."""
    said = [match.end() for match in _SAYS.finditer(response)]
    if said:
        line = response[said[-1] : said[-1] + _LONGEST].partition("\n")[0]
        return line.strip().rstrip(".").strip("*").strip() or None
    text = response.strip()
    return text if text and len(text) <= 300 else None
