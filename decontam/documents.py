"""Rows of training data to documents: turns, each with the role of who wrote it and its text.

Knows the shapes prompt sets come in; opens no file (`decontam.sources` does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Turns = list[tuple[str, str]]

_LISTS = ("messages", "conversations", "conversation", "turns", "dialog", "dialogue")
_PAIR = ("chosen", "rejected")
_FIELDS = (
    "system system_prompt passage context document text content code question problem prompt "
    "instruction Behavior input query inputs user answer solution completion response output "
    "outputs target targets canonical_solution reference ground_truth explanation rationale "
    "reasoning generation assistant answers choices options"
).split()
_ROLES = {"human": "user", "gpt": "assistant", "model": "assistant", "chatgpt": "assistant"}
PROMPTS = frozenset(
    "user prompt question problem instruction Behavior input inputs query text content context "
    "passage document code".split()
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
    for name in _LISTS:
        if name in row:
            _add(turns, row[name], "user")
    for name in _FIELDS:
        if name in row:
            _add(turns, row[name], name)
    for name in _PAIR:
        if name in row:
            _add(turns, row[name], name, name)
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
