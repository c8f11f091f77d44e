"""Plain tables on stdout: a bar, the measured figure beside it, and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One measured figure; `bar` in words, `met` None where there is no bar."""

    what: str
    figures: str
    bar: str = ""
    met: bool | None = None


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n\n| what | measured | bar | met |\n|---|---|---|---|")
    marks = {True: "yes", False: "NO", None: ""}
    for row in rows:
        print(f"| {row.what} | {row.figures} | {row.bar} | {marks[row.met]} |")
