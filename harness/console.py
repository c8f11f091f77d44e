"""What every command shares: `--json` on stdout, logs on stderr, `--workspace`, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])


class Exit(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    REJECTED = 3
    INCONCLUSIVE = 4
    CONTAMINATED = 5


def json_option(function: _F) -> _F:
    """Add `--json`: one document on stdout, everything else on stderr."""
    option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
    return option(function)


def workspace_option(function: _F) -> _F:
    """Add `--workspace DIR`, by default `.proctor`."""
    option = click.option(
        "--workspace",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(".proctor"),
        show_default=True,
        help="Where the record lives.",
    )
    return option(function)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout; lone surrogates and control characters as escapes."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False))


_CONTROL = {c: f"\\x{c:02x}" for c in [*range(0x20), *range(0x7F, 0xA0)] if c not in (0x0A, 0x09)}
_CONTROL |= {c: f"\\u{c:04x}" for c in [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]}


def printable(text: str) -> str:
    """Return text that is safe on a terminal: control, bidi and surrogate characters escaped."""
    return text.translate(_CONTROL).encode("utf-8", "backslashreplace").decode()


def log(message: str) -> None:
    """Print one plain line on stderr."""
    click.echo(printable(message), err=True)
