"""Is a report what the store gives? Everything is computed again and compared.

First file by file, by bytes; of a file that differs, figure by figure, so that the answer names
the number that was changed and the record it claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from harness.reporting.build import build_report
from harness.reporting.writing import INVENTORY, render
from harness.store import Workspace
from proctor.errors import ProctorError
from proctor.files import read_json

_SHOWN = 40


class Difference(NamedTuple):
    """A file of a report, and what about it is not as the store has it."""

    file: str
    what: str


def verify_report(workspace: Workspace, folder: Path) -> list[Difference]:
    """Return what differs between a report on disk and the one its store gives now.

    Raises:
        ProctorError: the folder holds no report, or the workspace no record.
    """
    inventory = _inventory(folder)
    run = inventory.get("run")
    report = build_report(workspace, run if isinstance(run, str) else None)
    content = dict(render(report))
    found: list[Difference] = []
    if inventory.get("head") != report.head:
        made = f"it was made at ledger head {inventory.get('head') or 'none'}"
        found.append(Difference(INVENTORY, f"{made}, the ledger is at {report.head or 'none'}"))
    for name, data in content.items():
        path = folder / name
        if not path.is_file():
            found.append(Difference(name, "is missing"))
        elif (there := path.read_bytes()) != data and name != INVENTORY:
            found += [Difference(name, what) for what in _differences(name, there, data)]
    known = inventory.get("files")
    for name in sorted(set(known if isinstance(known, dict) else ()) - set(content)):
        found.append(Difference(str(name), "is not part of the report the store gives"))
    return found


def _inventory(folder: Path) -> dict[str, Any]:
    path = folder / INVENTORY
    if not path.is_file():
        raise ProctorError(
            f"{folder} holds no report ({INVENTORY} is missing): write one with `proctor report`"
        )
    found = read_json(path)
    return found if isinstance(found, dict) else {}


def _differences(name: str, there: bytes, wanted: bytes) -> list[str]:
    """Say what differs, by figure where figures do."""
    if not name.endswith(".html"):
        return [_first_line(there, wanted)]
    ours, theirs = _figures(wanted), _figures(there)
    shown = [
        f"{record}: the report says {_say(theirs.get(record))}, the store {_say(ours.get(record))}"
        for record in sorted({*ours, *theirs})
        if ours.get(record) != theirs.get(record)
    ]
    if len(shown) > _SHOWN:
        shown[_SHOWN:] = [f"and {len(shown) - _SHOWN} figures more"]
    return shown or [f"text that is no figure, {_first_line(there, wanted)}"]


def _say(values: list[tuple[str, str]] | None) -> str:
    return ", ".join(text for _, text in values) if values else "nothing"


def _first_line(there: bytes, wanted: bytes) -> str:
    for number, (one, other) in enumerate(_lines(there, wanted), 1):
        if one != other:
            return f"line {number} differs"
    return "it ends elsewhere"


def _lines(there: bytes, wanted: bytes) -> Iterator[tuple[bytes, bytes]]:
    return zip(there.split(b"\n"), wanted.split(b"\n"), strict=False)


class _Figures(HTMLParser):
    """Collects the value and the text of every element that names its record."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[tuple[str, str]]] = {}
        self._open: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if (record := values.get("data-record")) and tag in ("data", "code", "td"):
            self._open.append((tag, record, values.get("value") or ""))
            self.found.setdefault(record, []).append((values.get("value") or "", ""))

    def handle_data(self, data: str) -> None:
        if self._open:
            _, record, value = self._open[-1]
            self.found[record][-1] = (value, self.found[record][-1][1] + data.strip())

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()


def _figures(page: bytes) -> dict[str, list[tuple[str, str]]]:
    parser = _Figures()
    parser.feed(page.decode("utf-8", "replace"))
    return parser.found
