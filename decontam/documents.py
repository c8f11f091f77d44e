"""Rows of training data to documents: turns, each with the role of who wrote it and its text.

Knows the shapes prompt sets come in; opens no file (`decontam.sources` does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Turns = list[tuple[str, str]]

_LISTS = frozenset(("messages", "conversations", "conversation", "turns", "dialog", "dialogue"))
_PAIR = frozenset(("chosen", "rejected"))
_FIELDS = frozenset(
    """
system system_prompt passage context document text content code question problem prompt
instruction Behavior input query inputs user answer solution completion response output outputs
target targets canonical_solution reference ground_truth explanation rationale reasoning
generation assistant answers choices options
""".split()
)
_ROLES = {"human": "user", "gpt": "assistant", "model": "assistant", "chatgpt": "assistant"}
PROMPTS = frozenset(
    """
user prompt question problem instruction Behavior input inputs query text content context
passage document code
""".split()
)
"""Roles and fields that hold what a user writes; a rule with `prompts_only` reads these alone,
and the fields the caller names."""


class NoText(ValueError):
    """A row holds no text in any field that is read; the message says what it does hold."""


def turns_of(row: Any) -> Turns:
    """Return the turns of a row, in order, with fields found by their names.

    Raises:
        NoText: there is no field to read.
    """
    if isinstance(row, str):
        return [("text", row)]
    if not isinstance(row, Mapping):
        raise NoText(f"expected an object, found {type(row).__name__}")
    turns: Turns = []
    for name, value in row.items():
        if name in _LISTS:
            for item in value if isinstance(value, list) else (value,):
                # The shape of nearly every row of a chat set, read without a further call.
                if type(item) is dict and type(item.get("content")) is str and len(item) == 2:
                    role = item.get("role")
                    if item["content"]:
                        speaker = _ROLES.get(role, role) if type(role) is str else "user"
                        turns.append((speaker, item["content"]))
                else:
                    _add(turns, [item], "user")
        elif name in _FIELDS:
            _add(turns, value, name)
        elif name in _PAIR:
            _add(turns, value, name, name)
    if not turns:
        raise NoText(f"no text in the fields {', '.join(map(str, list(row)[:12])) or '(none)'}")
    return turns


def named_turns(fields: Sequence[str]) -> Callable[[Any], Turns]:
    """Return a reader of only the fields named; `a.b` is field b inside field a."""

    def read(row: Any) -> Turns:
        turns: Turns = []
        for field in fields:
            value = row
            for step in [field] if isinstance(row, Mapping) and field in row else field.split("."):
                value = value.get(step) if isinstance(value, Mapping) else None
            _add(turns, value, field)
        if not turns:
            raise NoText(f"no text in the field {', '.join(fields)}")
        return turns

    return read


def _add(turns: Turns, value: Any, role: str, side: str = "") -> None:
    """Append the texts in a field: a string, messages, parts of a message, or a list of these."""
    if type(value) is str:
        if value:
            turns.append((role, value))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                _add_message(turns, item, role, side)
            else:
                _add(turns, item, role, side)
    elif isinstance(value, dict):
        _add_message(turns, value, role, side)


def _add_message(turns: Turns, item: dict[str, Any], role: str, side: str) -> None:
    told = item.get("role") or item.get("from")
    speaker = role
    if isinstance(told, str):
        speaker = _ROLES.get(told, told)
        if side and speaker == "assistant":
            speaker = side
    content = item.get("content")
    if type(content) is str:
        if content:
            turns.append((speaker, content))
    else:
        for name in ("content", "value", "text"):
            if item.get(name):
                _add(turns, item[name], speaker, side)
                break
    for call in item.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            _add(turns, function.get("arguments"), speaker, side)


Change = Callable[[int, str, str], "str | None"]


def rewritten(row: Any, change: Change, fields: Sequence[str] | None = None) -> Any:
    """Return a row with each turn's text replaced by change(turn, role, text).

    The turns are those of `turns_of` (or of `named_turns(fields)`), numbered alike. A turn that
    becomes None is taken out of its list; where it is a field by itself, the field is emptied.
    """
    number = iter(range(1 << 62))

    def text(value: str, role: str) -> str | None:
        return change(next(number), role, value) if value else value

    def message(item: dict[str, Any], role: str, side: str) -> dict[str, Any] | None:
        told = item.get("role") or item.get("from")
        speaker = role
        if isinstance(told, str):
            speaker = _ROLES.get(told, told)
            speaker = side if side and speaker == "assistant" else speaker
        out, gone = dict(item), False
        for name in ("content", "value", "text"):
            if item.get(name):
                new = value_of(item[name], speaker, side)
                out[name], gone = new, new is None
                break
        for place, call in enumerate(item.get("tool_calls") or ()):
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict) and function.get("arguments"):
                new = value_of(function["arguments"], speaker, side)
                calls = list(out["tool_calls"])
                calls[place] = {**call, "function": {**function, "arguments": new or ""}}
                out["tool_calls"] = calls
        return None if gone else out

    def value_of(value: Any, role: str, side: str = "") -> Any:
        if type(value) is str:
            return text(value, role)
        if isinstance(value, list):
            held = [value_of(item, role, side) for item in value]
            return [item for item in held if item is not None]
        return message(value, role, side) if isinstance(value, dict) else value

    def emptied(value: Any) -> Any:
        return "" if value is None else value

    if isinstance(row, str):
        return emptied(text(row, "text"))
    out = dict(row)
    if fields:
        for field in fields:
            if field in row:
                out[field] = emptied(value_of(row[field], field))
        return out
    for name, value in row.items():
        if value is None:
            continue
        if name in _LISTS:
            held = value_of(value if isinstance(value, list) else [value], "user")
            out[name] = held
        elif name in _FIELDS:
            out[name] = emptied(value_of(value, name))
        elif name in _PAIR:
            out[name] = emptied(value_of(value, name, name))
    return out
