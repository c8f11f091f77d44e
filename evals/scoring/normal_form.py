"""One spelling for answers that are written in many: a string rule and exact decimals.

Most pairs of answers are decided here, without a computer algebra system. The rule follows what
the MATH authors' grader forgives (Hendrycks et al. 2021, arXiv 2103.03874): spacing, \\left and
\\right, \\dfrac, units, degrees, dollar and percent signs, a leading "x =".
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

_REPLACEMENTS = (
    ("\\$", ""),
    ("$", ""),
    ("\\%", ""),
    ("%", ""),
    ("\\!", ""),
    ("\\,", ""),
    ("\\;", ""),
    ("\\:", ""),
    ("\\ ", " "),
    ("~", " "),
    ("\\quad", " "),
    ("\\left", ""),
    ("\\right", ""),
    ("\\displaystyle", ""),
    ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
    ("\\cfrac", "\\frac"),
    ("^{\\circ}", ""),
    ("^\\circ", ""),
    ("\\degree", ""),
    ("°", ""),
    ("\\cdot", "*"),
    ("\\times", "*"),
    ("−", "-"),
    ("{,}", ","),
    ("\\{", "{"),
    ("\\}", "}"),
    ("\\leq", "\\le"),
    ("\\geq", "\\ge"),
    ("\\neq", "\\ne"),
)
_TEXT_UNIT = re.compile(
    r"(?<=[\d})\]])\s*\\(?:text|mbox|mathrm|textrm)\s*\{[^{}]*\}(?:\^\{?\d\}?)?$"
)
_TEXT = re.compile(
    r"\\(?:text|mbox|mathrm|textrm|textbf|mathbf|textit|operatorname)\s*\{([^{}]*)\}"
)
_UNIT_WORD = re.compile(
    r"(?<=\d)\s*(?:square\s+)?(?:units?|inches|inch|feet|foot|ft|cm|mm|km|meters?|miles?|mph|hours?|"
    r"minutes?|seconds?|days?|weeks?|years?|dollars?|cents?|degrees?|percent|points?|pounds?|"
    r"square|people|students?|ways|integers|digits)\b\.?$"
)
_NAMED = re.compile(r"^[a-zA-Z](?:\([a-z]\))?=")
_SHORT_FRACTION = re.compile(r"\\frac(?:(\d)(\d)|(\d)\{([^{}]*)\}|\{([^{}]*)\}(\d))")
_SHORT_ROOT = re.compile(r"\\sqrt(\d|[a-z])(?![a-z])")
_SLASH = re.compile(r"(-?\d+)/(\d+)")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_RATIONAL = re.compile(
    r"-?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})|-?\\frac\{-?\d{1,40}\}\{\d{1,40}\}"
)
_TRAILING_ZEROS = re.compile(r"(?<=\d)\.0+(?!\d)")


@lru_cache(maxsize=1 << 14)
def normal_form(answer: str) -> str:
    """Return the one spelling of an answer; equal spellings mean equal answers."""
    text = answer.strip().rstrip(".").strip()
    for old, new in _REPLACEMENTS:
        text = text.replace(old, new)
    text = _TEXT_UNIT.sub("", text.strip())
    text = _TEXT.sub(lambda m: m[1].strip(), text)
    text = _UNIT_WORD.sub("", text.strip())
    text = re.sub(r"\s+", "", text)
    text = _NAMED.sub("", text)
    text = _SHORT_FRACTION.sub(_full_fraction, text)
    text = _SHORT_ROOT.sub(r"\\sqrt{\1}", text)
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if _SLASH.fullmatch(text):
        text = _SLASH.sub(r"\\frac{\1}{\2}", text)
    text = _TRAILING_ZEROS.sub("", text)
    if text.startswith("."):
        text = "0" + text
    return text.rstrip(".").casefold() if text.isalpha() else text.rstrip(".")


def _full_fraction(match: re.Match[str]) -> str:
    top, bottom = (part for part in match.groups() if part is not None)
    return f"\\frac{{{top}}}{{{bottom}}}"


def rational(answer: str) -> Fraction | None:
    """Return the exact value of an integer, decimal or plain fraction in normal form, or None."""
    text = answer.replace("\\frac{-", "-\\frac{")
    if not _RATIONAL.fullmatch(text):
        return None
    sign = -1 if text.startswith("-") else 1
    parts = re.findall(r"\d*\.?\d+|\d+", text)
    top = Fraction(parts[0])
    bottom = Fraction(parts[1]) if len(parts) > 1 else Fraction(1)
    return sign * top / bottom if bottom else None
