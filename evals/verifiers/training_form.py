"""Our own constraints on the form of a response, to train on: Markdown, tables, JSON, layout.

No family here is one of IFBench's, so a model that learns them has not practised the unseen exam.
"""

from __future__ import annotations

import json
import re

from evals.verifiers.base import TRAINING, Kind

_NUMBERED = re.compile(r"\s{0,3}(\d{1,6})[.)]\s")
_CHECKBOX = re.compile(r"\s*[-*+] \[[ xX]\] \S")
_RULE = re.compile(r" {0,3}(?:-{3,}|\*{3,}|_{3,})\s*")
_LINK = re.compile(r"\[[^\[\]\n]{1,500}\]\([^()\s]{1,2000}\)")
_TABLE_RULE = re.compile(r"\s*\|?(?:\s*:?-{2,}:?\s*\|)*\s*:?-{2,}:?\s*\|?\s*")
_FOOTNOTE = re.compile(r"\[\^([\w-]{1,40})\](:?)")
_TIME = re.compile(r"\[?(?:[01]?\d|2[0-3]):[0-5]\d\b")
_FENCE = re.compile(r"^```[ \t]*([\w+#-]*)[ \t]*$", re.MULTILINE)


@TRAINING.verifier("training:max_line_length", "Keeps every line short.", limit=Kind.NUMBER)
def max_line_length(response: str, *, limit: float) -> bool:
    """No line is longer than `limit` characters."""
    return all(len(line) <= limit for line in response.split("\n"))


@TRAINING.verifier("training:line_count", "Has a number of non-empty lines.", count=Kind.NUMBER)
def line_count(response: str, *, count: float) -> bool:
    """Exactly `count` lines hold text."""
    return sum(bool(line.strip()) for line in response.split("\n")) == count


@TRAINING.verifier(
    "training:characters_between",
    "Has between two numbers of characters.",
    minimum=Kind.NUMBER,
    maximum=Kind.NUMBER,
)
def characters_between(response: str, *, minimum: float, maximum: float) -> bool:
    """Outer white space does not count; both ends belong to the range."""
    return minimum <= len(response.strip()) <= maximum


@TRAINING.verifier("training:numbered_list", "Has a list numbered from 1.", count=Kind.NUMBER)
def numbered_list(response: str, *, count: float) -> bool:
    """The numbered lines are 1 to `count` in order and no others."""
    marks = [m[1] for line in response.split("\n") if (m := _NUMBERED.match(line))]
    return marks == [str(n) for n in range(1, int(count) + 1)]


@TRAINING.verifier(
    "training:heading_count", "Has Markdown headings.", level=Kind.NUMBER, count=Kind.NUMBER
)
def heading_count(response: str, *, level: float, count: float) -> bool:
    """Exactly `count` lines start with `level` number signs and a space."""
    mark = "#" * int(level) + " "
    return sum(line.startswith(mark) for line in response.split("\n")) == count


@TRAINING.verifier("training:code_block", "Has a fenced code block.", language=Kind.TEXT)
def code_block(response: str, *, language: str) -> bool:
    """A fence with the language's name opens and a later one closes."""
    fences = [name.lower() for name in _FENCE.findall(response)]
    return language.lower() in fences[:-1:2] and len(fences) % 2 == 0


@TRAINING.verifier("training:table", "Has a Markdown table.", rows=Kind.NUMBER, columns=Kind.NUMBER)
def table(response: str, *, rows: float, columns: float) -> bool:
    """A header, its rule and exactly `rows` rows, all of `columns` cells."""
    lines = response.split("\n")
    for index, line in enumerate(lines[1:], 1):
        if "|" in line and len(line) < 1_000 and _TABLE_RULE.fullmatch(line):
            body = []
            for row in lines[index + 1 :]:
                if "|" not in row:
                    break
                body.append(row)
            shape = [_cells(lines[index - 1]), _cells(line), *map(_cells, body)]
            if len(body) == rows and all(cells == columns for cells in shape):
                return True
    return False


def _cells(line: str) -> int:
    return line.strip().removeprefix("|").removesuffix("|").count("|") + 1


@TRAINING.verifier("training:link_count", "Has Markdown links.", count=Kind.NUMBER)
def link_count(response: str, *, count: float) -> bool:
    """At least `count` links of the form [text](target)."""
    return len(_LINK.findall(response)) >= count


@TRAINING.verifier("training:checkbox_list", "Has a list of check boxes.", count=Kind.NUMBER)
def checkbox_list(response: str, *, count: float) -> bool:
    """Exactly `count` lines are `- [ ]` or `- [x]` items."""
    return sum(_CHECKBOX.match(line) is not None for line in response.split("\n")) == count


@TRAINING.verifier("training:block_quote", "Has a block quote.", lines=Kind.NUMBER)
def block_quote(response: str, *, lines: float) -> bool:
    """At least `lines` lines start with > and hold text."""
    quoted = [line.lstrip() for line in response.split("\n")]
    return sum(line.startswith(">") and bool(line[1:].strip()) for line in quoted) >= lines


@TRAINING.verifier("training:horizontal_rule", "Is divided by rules.", count=Kind.NUMBER)
def horizontal_rule(response: str, *, count: float) -> bool:
    """Exactly `count` lines are a Markdown rule."""
    return sum(_RULE.fullmatch(line) is not None for line in response.split("\n")) == count


@TRAINING.verifier("training:key_value_lines", "Has a line for each key.", keys=Kind.TEXTS)
def key_value_lines(response: str, *, keys: list[str]) -> bool:
    """Each key starts a line, in the given order, followed by a colon and a value."""
    lines = iter(response.split("\n"))
    return all(any(_is_entry(line, key) for line in lines) for key in keys)


def _is_entry(line: str, key: str) -> bool:
    head, colon, value = line.partition(":")
    return bool(colon) and head.strip() == key and bool(value.strip())


@TRAINING.verifier("training:front_matter", "Opens with front matter.", keys=Kind.TEXTS)
def front_matter(response: str, *, keys: list[str]) -> bool:
    """A block between two --- lines holds exactly the keys, and text follows."""
    lines = response.strip().split("\n")
    if lines[0] != "---" or "---" not in lines[1:]:
        return False
    end = lines.index("---", 1)
    found = [line.partition(":")[0].strip() for line in lines[1:end] if ":" in line]
    return sorted(found) == sorted(keys) and any(line.strip() for line in lines[end + 1 :])


@TRAINING.verifier("training:json_keys", "Is a JSON object with given keys.", keys=Kind.TEXTS)
def json_keys(response: str, *, keys: list[str]) -> bool:
    """The whole response is one JSON object with exactly these keys."""
    try:
        document = json.loads(response)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and sorted(document) == sorted(keys)


@TRAINING.verifier("training:wrapped_in_tag", "Is wrapped in a tag.", tag=Kind.TEXT)
def wrapped_in_tag(response: str, *, tag: str) -> bool:
    """The tag opens first, closes last and stands nowhere else."""
    text = response.strip()
    opening, closing = f"<{tag}>", f"</{tag}>"
    once = text.count(opening) == 1 == text.count(closing)
    whole = text.startswith(opening) and text.endswith(closing)
    return once and whole and bool(text[len(opening) : -len(closing)].strip())


@TRAINING.verifier("training:footnotes", "Has footnotes.", count=Kind.NUMBER)
def footnotes(response: str, *, count: float) -> bool:
    """Exactly `count` marks [^name] are used, and exactly those are explained as [^name]:."""
    marks = _FOOTNOTE.findall(response)
    used = {name for name, colon in marks if not colon}
    explained = {name for name, colon in marks if colon}
    return used == explained and len(used) == count


@TRAINING.verifier("training:timestamped_lines", "Starts each line with a time.")
def timestamped_lines(response: str) -> bool:
    """Every non-empty line starts with HH:MM."""
    lines = [line.strip() for line in response.split("\n") if line.strip()]
    return bool(lines) and all(_TIME.match(line) for line in lines)


@TRAINING.verifier("training:formula_count", "Has formulas between dollars.", count=Kind.NUMBER)
def formula_count(response: str, *, count: float) -> bool:
    """At least `count` display formulas $$...$$ that are not empty."""
    parts = response.split("$$")
    return len(parts) % 2 == 1 and sum(bool(p.strip()) for p in parts[1::2]) >= count
