"""What every Unicode code point becomes before text is compared, as arrays for the kernels.

NFKD, casefold, marks and invisible characters dropped, letters that only look Latin folded to
Latin. Code points from `LIMIT` up are ideographs or private and stand alone. No text is read here.
"""

from __future__ import annotations

import html.entities
import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LIMIT = 0x20000

SEPARATOR, DROP, LETTER, DIGIT, ALONE, EXPAND = 0, 1, 2, 3, 4, 5
APOSTROPHE, HYPHEN, POINT, COMMA = 6, 7, 8, 9
AMPERSAND, BACKSLASH, PERCENT, ANGLE = 10, 11, 12, 13
KIND_BITS = 4

_APOSTROPHES = "'\u2018\u2019\u201b\u02bc\u02b9\u00b4`\u2032\uff07"
_HYPHENS = "-\u2010\u2011\ufe63\uff0d\u2212"
_SPECIAL = {"&": AMPERSAND, "\\": BACKSLASH, "%": PERCENT, "<": ANGLE, ".": POINT, ",": COMMA}

_WIDE = {"\uff0e": POINT, "\uff0c": COMMA, "\uff3c": BACKSLASH, "\ufe68": BACKSLASH}

# Letters of other scripts that readers take for Latin ones (Unicode TR 39 calls them confusable).
_LOOKALIKES = dict(
    zip(
        "аеорсухіѕјԁԛԝһӏкмнтвгзьАЕОРСУХІЅЈԚԜҺӀКМНТВ"
        "αεικνορτυχγωηΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"
        "օսոցհքզɑɡıǀøłđħŧꓐꓑꓓꓖꓗꓙꓚꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓮꓰꓲꓳꓴ",
        "aeopcyxisjdqwhlkmhtbrzbaeopcyxisjqwhlkmhtb"
        "aeiknoptuxywnabezhikmnoptyx"
        "ounghpqagiloldhtbpdgkjcfmnlsrvhwxaeiou",
        strict=True,
    )
)

# Scripts written without spaces: each character is a token of its own.
_SPACELESS = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
)
_SPACELESS_CODES = frozenset(code for low, high in _SPACELESS for code in range(low, high + 1))
_IGNORABLE = (0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800)

# LaTeX commands that set type, not meaning, or that stand for a symbol; all become a space.
_COMMANDS = (
    "text textbf textit textrm texttt textsf textsc textnormal emph underline mathrm mathbf "
    "mathit mathsf mathtt mathbb mathcal mathfrak operatorname displaystyle textstyle left right "
    "big Big bigg Bigg bigl bigr Bigl Bigr quad qquad hspace vspace frac dfrac tfrac cfrac cdot "
    "times div pm mp le leq ge geq ne neq lt gt approx equiv to rightarrow Rightarrow leftarrow "
    "implies ldots dots cdots vdots begin end item label boxed fbox mbox hbox displaylines "
    "noindent par newline linebreak section subsection paragraph centering"
)


class Alphabet(NamedTuple):
    """The arrays a kernel reads; see `alphabet`.

    `fold[c]` is `value << KIND_BITS | kind`: for letters and digits the folded code point, for
    EXPAND an index into `expansion_starts`. `expansions` holds entries of the same form.
    `plain[b]` is `fold[b]` of an ASCII byte, and AMPERSAND, a sign to look closer, of any other.
    `names` has a row (hash, value) for `&` and the name of each HTML entity, with its code point,
    and for a backslash and each LaTeX command that becomes a space, in small letters, with 32: at
    the row that the hash's lowest bits tell, or at the next that was free, which holds zeros.
    """

    fold: npt.NDArray[np.int32]
    plain: npt.NDArray[np.int32]
    expansion_starts: npt.NDArray[np.int32]
    expansions: npt.NDArray[np.int32]
    names: npt.NDArray[np.uint64]


def name_hash(name: str) -> int:
    """Return the FNV-1a hash (64 bit) of an ASCII name, as the kernels compute it."""
    value = 0xCBF29CE484222325
    for byte in name.encode("ascii"):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def _plain(character: str) -> tuple[int, int]:
    """Return (kind, folded code point) of one already decomposed character."""
    code = ord(character)
    if character in _LOOKALIKES:
        return LETTER, ord(_LOOKALIKES[character])
    category = unicodedata.category(character)
    if code in _IGNORABLE or category in ("Mn", "Me", "Cf"):
        return DROP, 0
    if code in _SPACELESS_CODES and category[0] in "LMN":
        return ALONE, code
    if category == "Nd":
        return DIGIT, ord("0") + unicodedata.digit(character)
    if category[0] in "LN" or category == "Mc":
        return LETTER, code
    return SEPARATOR, 0


def _entries(code: int) -> list[tuple[int, int]]:
    character = chr(code)
    if character in _LOOKALIKES:
        return [(LETTER, ord(_LOOKALIKES[character]))]
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    found = [_plain(c) for c in folded]
    return [entry for entry in found if entry[0] != DROP] or [(DROP, 0)]


@cache
def alphabet() -> Alphabet:
    """Return the arrays, built once for a process (some 0.1 s)."""
    fold = np.zeros(LIMIT, np.int32)
    starts, expansions = [0], []
    for code in range(LIMIT):
        if 0xAC00 <= code <= 0xD7A3 or 0xD800 <= code <= 0xF8FF or 0x17000 <= code <= 0x1B16F:
            continue
        if 0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF:
            fold[code] = code << KIND_BITS | ALONE
            continue
        if unicodedata.category(chr(code)) == "Cn":
            continue  # unassigned: a separator, which is 0
        entries = _entries(code)
        if len(entries) == 1:
            fold[code] = entries[0][1] << KIND_BITS | entries[0][0]
            continue
        fold[code] = (len(starts) - 1) << KIND_BITS | EXPAND
        expansions += [value << KIND_BITS | kind for kind, value in entries]
        starts.append(len(expansions))
    # A Hangul syllable and its letters decompose alike: NFKD of the block is a formula (Unicode
    # 3.12), so a syllable is an expansion of its two or three letters.
    for code in range(0xAC00, 0xD7A4):
        fold[code] = (len(starts) - 1) << KIND_BITS | EXPAND
        index = code - 0xAC00
        letters = [0x1100 + index // 588, 0x1161 + index % 588 // 28]
        letters += [0x11A7 + index % 28] if index % 28 else []
        expansions += [letter << KIND_BITS | LETTER for letter in letters]
        starts.append(len(expansions))
    _mark_special(fold)
    return Alphabet(
        fold,
        np.where(np.arange(256) < 128, fold[:256], AMPERSAND).astype(np.int32),
        np.array(starts, np.int32),
        np.array(expansions, np.int32),
        _names(),
    )


def _names() -> npt.NDArray[np.uint64]:
    held = {"\\" + command.lower(): 32 for command in _COMMANDS.split()}
    for name, value in html.entities.html5.items():
        if name[-1] == ";" and len(value) == 1:
            held["&" + name[:-1]] = ord(value)
    table = np.zeros((8192, 2), np.uint64)  # few rows, and most looks end at the first
    for name, code in held.items():
        place = name_hash(name) % len(table)
        while table[place, 0]:
            place = (place + 1) % len(table)
        table[place] = name_hash(name), code
    return table


def _mark_special(fold: npt.NDArray[np.int32]) -> None:
    for character in _APOSTROPHES:
        fold[ord(character)] = APOSTROPHE
    for character in _HYPHENS:
        fold[ord(character)] = HYPHEN
    for character, kind in _SPECIAL.items():
        fold[ord(character)] = kind
    for character, kind in _WIDE.items():
        fold[ord(character)] = kind
