"""Hostile text made harmless and visible, one way for each place it is shown in.

Nothing is dropped: what can't be shown as it is, is shown as its code point.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

LONGEST = 4_000
NAME = 160
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
# Controls, soft hyphen, bidi and zero-width characters, tags, lone surrogates, non-characters:
# everything that acts instead of being seen. Line feed and tab act too, but as expected.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe"
    "\uffff\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# More than this many marks on one letter climb out of their line.
_STACKED = re.compile("([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{4,})")
_SPELT = re.compile("(‹U\\+[0-9A-F]{4,6}›)")
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$^=])")
_BARE = re.compile(r"(?i)\b(?:https?|ftp|www)(?=[:.])")


def cut(text: str, longest: int = LONGEST) -> str:
    """Return at most `longest` characters, saying how many more there were."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… ({len(text) - longest:,} more characters)"


def _code(match: re.Match[str]) -> str:
    return "".join(f"‹U+{ord(c):04X}›" for c in match[0])


def visible(text: str, longest: int = LONGEST) -> str:
    """Return plain text in which every control, bidi or invisible character is spelt out."""
    shown = cut(str(text), longest)
    if shown.isascii() and shown.isprintable():
        return shown
    return _UNSEEN.sub(_code, _STACKED.sub(_code, shown))


def one_line(text: str, longest: int = NAME) -> str:
    """Return `visible` text on a single line."""
    return " ".join(visible(text, longest).split()) or "‹empty›"


def html(text: str, longest: int = LONGEST) -> Markup:
    """Return text for an HTML element, spelt-out characters set apart by their own element."""
    shown = visible(text, longest)
    if "‹" not in shown:
        return escape(shown)
    parts = _SPELT.split(shown)
    return Markup("").join(
        Markup("<i class=u>{}</i>").format(part[1:-1]) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def csv_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: such cells begin with an apostrophe."""
    shown = one_line(text)
    return f"'{shown}" if shown.lstrip(" '").startswith(_FORMULA) else shown


def markdown(text: str, longest: int = NAME) -> str:
    """Return one line that Markdown shows as it is: no markup, HTML, links or mentions."""
    shown = _SPECIAL.sub(r"\\\1", one_line(text, longest))
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _BARE.sub(lambda m: m[0][0] + "\u2060" + m[0][1:], shown.replace("@", "@\u2060"))


def terminal(text: str, longest: int = NAME) -> str:
    """Return one line that is safe on a terminal."""
    return one_line(text, longest)


def seen(text: str) -> str:
    """Return text without the characters that nobody sees."""
    return _UNSEEN.sub("", text)
