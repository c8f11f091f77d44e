"""Ways to hide an exam item in a text, each a function (text, rng) -> text.

Written against what is known to defeat decontaminators, not against Proctor's own stages.
"""

from __future__ import annotations

import base64
import codecs
import html
import json
import random
import re
import urllib.parse
from collections.abc import Callable

Change = Callable[[str, random.Random], str]

NAMES = [
    "Amara",
    "Boris",
    "Chidi",
    "Dunja",
    "Esteban",
    "Fatou",
    "Goran",
    "Hana",
    "Ivo",
    "Jolanta",
    "Kwame",
    "Lior",
    "Marisol",
    "Nikhil",
    "Oksana",
    "Priya",
    "Quentin",
    "Rosalind",
    "Svetlana",
    "Tariq",
    "Ulla",
    "Viggo",
    "Wanda",
    "Xiomara",
    "Yusuf",
    "Zelda",
]
FILLER = [
    "river",
    "window",
    "table",
    "garden",
    "music",
    "yellow",
    "quiet",
    "market",
    "bridge",
    "letter",
    "summer",
    "engine",
    "paper",
    "forest",
    "simple",
    "distant",
    "hollow",
    "winter",
    "carpet",
    "signal",
    "marble",
    "lantern",
    "copper",
    "ribbon",
    "shadow",
    "thunder",
    "velvet",
]
SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
_CONFUSE = str.maketrans("aeopcxyAEOPCTHKMB", "аеорсхуАЕОРСТНКМВ")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_NOT_NAMES = {
    "The",
    "A",
    "An",
    "If",
    "He",
    "She",
    "It",
    "They",
    "In",
    "On",
    "At",
    "How",
    "What",
    "When",
    "Each",
    "Every",
    "There",
    "This",
    "That",
    "His",
    "Her",
    "Their",
    "For",
    "After",
    "Before",
    "Then",
    "And",
    "But",
    "To",
    "Of",
    "By",
    "As",
    "Is",
    "Are",
    "Was",
    "So",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Some",
    "All",
    "One",
    "Out",
    "During",
    "While",
    "Since",
    "With",
    "From",
    "I",
    "We",
    "You",
    "My",
    "Our",
    "Your",
    "Because",
    "Once",
    "Given",
    "Suppose",
    "Find",
    "Let",
}


def words_edited(rate: float, how: str) -> Change:
    """Substitute, delete or insert words at a rate."""

    def change(text: str, rng: random.Random) -> str:
        words = text.split(" ")
        count = max(1, round(rate * len(words)))
        for place in sorted(rng.sample(range(len(words)), min(count, len(words))), reverse=True):
            if how == "sub":
                words[place] = rng.choice(FILLER)
            elif how == "del":
                del words[place]
            else:
                words.insert(place, rng.choice(FILLER))
        return " ".join(words)

    return change


def every(step: int) -> Change:
    """Replace every step-th word: the least edit that leaves no longer n-gram whole."""

    def change(text: str, rng: random.Random) -> str:
        words = text.split(" ")
        for place in range(rng.randrange(step), len(words), step):
            words[place] = rng.choice(FILLER)
        return " ".join(words)

    return change


def typos(rate: float) -> Change:
    """Change, drop, double or swap letters at a rate."""

    def change(text: str, rng: random.Random) -> str:
        out, i = [], 0
        while i < len(text):
            c = text[i]
            if c.isalpha() and rng.random() < rate:
                kind = rng.randrange(4)
                if kind == 0:
                    out.append(rng.choice("abcdefghijklmnopqrstuvwxyz"))
                elif kind == 1:
                    out.append(c + c)
                elif kind == 2 and i + 1 < len(text):
                    out.append(text[i + 1] + c)
                    i += 1
            else:
                out.append(c)
            i += 1
        return "".join(out)

    return change


def numbers(text: str, rng: random.Random) -> str:
    """Give every number another value."""

    def other(match: re.Match[str]) -> str:
        old = match.group()
        plain = old.replace(",", "")
        if "." in plain:
            return f"{float(plain.rstrip('.') or 0) + rng.randint(1, 9):.2f}"
        value = int(plain)
        new = rng.randint(2, max(12, 3 * value))
        return str(new if new != value else value + 1)

    return _NUMBER.sub(other, text)


def names(text: str, rng: random.Random) -> str:
    """Give every person and place another name, throughout the text."""
    found: dict[str, str] = {}
    pool = rng.sample(NAMES, len(NAMES))
    for sentence in _SENTENCE.split(text):
        for place, word in enumerate(_WORD.findall(sentence)):
            bare = re.sub(r"['’]s$", "", word)
            known = bare in _NOT_NAMES or (place == 0 and text.count(bare) < 2)
            if bare[:1].isupper() and not bare.isupper() and not known and pool:
                found.setdefault(bare, pool[len(found) % len(pool)])
    for old, new in found.items():
        text = re.sub(rf"\b{re.escape(old)}\b", new, text)
    return text


def both(text: str, rng: random.Random) -> str:
    """Other names and other numbers."""
    return numbers(names(text, rng), rng)


def number_words(text: str, rng: random.Random) -> str:
    """Write the small numbers as words."""
    del rng
    return re.sub(
        r"\b\d{1,2}\b",
        lambda m: SMALL[int(m.group())] if int(m.group()) < len(SMALL) else m.group(),
        text,
    )


def part(first: float, last: float) -> Change:
    """Keep only the words from one share of the text to another."""

    def change(text: str, rng: random.Random) -> str:
        del rng
        words = text.split(" ")
        return " ".join(words[round(first * len(words)) : round(last * len(words))])

    return change


def shuffled(what: str) -> Change:
    """Put words or sentences in another order."""

    def change(text: str, rng: random.Random) -> str:
        parts = text.split() if what == "words" else _SENTENCE.split(text)
        for _ in range(20):
            mixed = rng.sample(parts, len(parts))
            if mixed != parts or len(parts) < 2:
                break
        return " ".join(mixed)

    return change


def neighbours(text: str, rng: random.Random) -> str:
    """Swap about one in eight neighbouring words."""
    words = text.split(" ")
    for i in range(len(words) - 1):
        if rng.random() < 0.125:
            words[i], words[i + 1] = words[i + 1], words[i]
    return " ".join(words)


def latex(text: str, rng: random.Random) -> str:
    """Set numbers as maths and some words with type-setting commands."""
    text = _NUMBER.sub(lambda m: f"${m.group()}$", text)
    words = text.split(" ")
    for i, word in enumerate(words):
        if rng.random() < 0.1:
            command = rng.choice(["text", "textbf", "emph"])
            words[i] = f"\\{command}{{{word}}}"
        elif rng.random() < 0.1:
            words[i] += rng.choice(["\\,", "\\ ", "~", "\\quad"])
    return " ".join(words)


def markdown(text: str, rng: random.Random) -> str:
    """Bold and italic words, a bullet for each sentence."""
    lines = []
    for sentence in _SENTENCE.split(text):
        words = [f"**{w}**" if rng.random() < 0.1 else w for w in sentence.split(" ")]
        lines.append("- " + " ".join(words))
    return "\n".join(lines)


def hyphenated(text: str, rng: random.Random) -> str:
    """Break long words over line ends as a PDF does."""

    def broken(match: re.Match[str]) -> str:
        word = match.group()
        if len(word) < 6 or rng.random() < 0.5:
            return word
        place = rng.randint(2, len(word) - 3)
        return f"{word[:place]}-\n{word[place:]}"

    return re.sub(r"[A-Za-z]+", broken, text)


def spaced(text: str, rng: random.Random) -> str:
    """Tabs, CRLF and runs of spaces for spaces."""
    return re.sub(" ", lambda m: rng.choice(["  ", "\t", "\r\n", " \n ", "\u2003", "   "]), text)


def smart(text: str, rng: random.Random) -> str:
    """Curly quotes, long dashes, no-break spaces."""
    text = text.replace("'", "’").replace('"', "”").replace(" - ", " — ")
    return re.sub(" ", lambda m: "\u00a0" if rng.random() < 0.3 else " ", text)


def invisible(text: str, rng: random.Random) -> str:
    """Zero-width characters inside words."""
    marks = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
    return "".join(
        c + (rng.choice(marks) if c.isalpha() and rng.random() < 0.3 else "") for c in text
    )


def full_width(text: str, rng: random.Random) -> str:
    """The full-width forms of ASCII."""
    del rng
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def math_letters(text: str, rng: random.Random) -> str:
    """Mathematical bold letters and digits."""
    del rng
    out = []
    for c in text:
        if "A" <= c <= "Z":
            out.append(chr(0x1D400 + ord(c) - 65))
        elif "a" <= c <= "z":
            out.append(chr(0x1D41A + ord(c) - 97))
        elif "0" <= c <= "9":
            out.append(chr(0x1D7CE + ord(c) - 48))
        else:
            out.append(c)
    return "".join(out)


def homoglyph(text: str, rng: random.Random) -> str:
    """Cyrillic letters that look Latin."""
    return "".join(c.translate(_CONFUSE) if rng.random() < 0.5 else c for c in text)


def marks(text: str, rng: random.Random) -> str:
    """Combining marks on letters."""
    return "".join(
        c + (rng.choice("\u0301\u0308\u0323") if c.isalpha() and rng.random() < 0.2 else "")
        for c in text
    )


def entities(text: str, rng: random.Random) -> str:
    """HTML: named and numbered entities inside a paragraph."""
    out = []
    for c in text:
        if c == " " and rng.random() < 0.15:
            out.append("&nbsp;")
        elif c.isalpha() and rng.random() < 0.05:
            out.append(f"&#{ord(c)};")
        else:
            out.append(html.escape(c).replace("’", "&rsquo;"))
    return f"<p>{''.join(out)}</p>"


def json_escaped(text: str, rng: random.Random) -> str:
    """As a JSON string inside the text, with newlines and non-ASCII escaped."""
    return json.dumps({"id": rng.randrange(1000), "q": text.replace(". ", ".\n")})


def encoded(how: str) -> Change:
    """base64, hex, rot13, percent escapes or back to front."""

    def change(text: str, rng: random.Random) -> str:
        del rng
        if how == "base64":
            return base64.b64encode(text.encode()).decode()
        if how == "hex":
            return text.encode().hex()
        if how == "url":
            return urllib.parse.quote(text)
        return codecs.encode(text, "rot13") if how == "rot13" else text[::-1]

    return change


LEET = str.maketrans("aeiost", "431057")

CHANGES: dict[str, Change] = {
    "verbatim": lambda t, r: t,
    "upper": lambda t, r: t.upper(),
    "nopunct": lambda t, r: re.sub(r"[^\w\s]", "", t),
    "punct_to_space": lambda t, r: re.sub(r"[^\w\s]", " ", t),
    "whitespace": spaced,
    "smart_quotes": smart,
    "zero_width": invisible,
    "full_width": full_width,
    "math_letters": math_letters,
    "homoglyph": homoglyph,
    "combining": marks,
    "latex": latex,
    "markdown": markdown,
    "hyphenated": hyphenated,
    "html": entities,
    "json_escaped": json_escaped,
    "first_70": part(0, 0.7),
    "first_50": part(0, 0.5),
    "first_30": part(0, 0.3),
    "last_50": part(0.5, 1),
    "middle_50": part(0.25, 0.75),
    "sub_5": words_edited(0.05, "sub"),
    "sub_10": words_edited(0.10, "sub"),
    "sub_20": words_edited(0.20, "sub"),
    "sub_every_7": every(7),
    "sub_every_5": every(5),
    "del_10": words_edited(0.10, "del"),
    "ins_10": words_edited(0.10, "ins"),
    "swaps": neighbours,
    "typos_2": typos(0.02),
    "typos_4": typos(0.04),
    "sentence_shuffle": shuffled("sentences"),
    "word_shuffle": shuffled("words"),
    "numbers": numbers,
    "names": names,
    "names_numbers": both,
    "number_words": number_words,
    "base64": encoded("base64"),
    "hex": encoded("hex"),
    "url": encoded("url"),
    "rot13": encoded("rot13"),
    "reversed": encoded("reversed"),
    "leet": lambda t, r: t.lower().translate(LEET),
}
