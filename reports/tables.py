"""Leaderboards as Markdown, CSV, JSON and flat rows (for Parquet)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from reports.model import Board, Cell, Report, Row
from reports.text import csv_cell, markdown, one_line
from reports.words import interval, points, rank_words

_WHO = ("suite", "role", "checkpoint", "digest", "alias", "rank_best", "rank_worst", "task")
FLAT = (*_WHO, "value", "low", "high", "n", "marks", "record")


def flat_rows(report: Report) -> Iterator[dict[str, Any]]:
    """Yield one row per checkpoint and task (task `""` is the average); text made visible."""
    for board in report.boards:
        for row in board.rows:
            cells = [
                (column.task, cell) for column, cell in zip(board.columns, row.cells, strict=True)
            ]
            for task, cell in [("", Cell(row.average)), *cells]:
                if cell.figure is not None:
                    yield _flat(board, row, task, cell)


def _flat(board: Board, row: Row, task: str, cell: Cell) -> dict[str, Any]:
    figure = cell.figure
    assert figure is not None
    return {
        "suite": one_line(board.suite),
        "role": board.role,
        "checkpoint": one_line(row.checkpoint.name),
        "digest": one_line(row.checkpoint.digest),
        "alias": " ".join(one_line(alias) for alias in row.checkpoint.aliases),
        "rank_best": row.ranks[0] if row.ranks else None,
        "rank_worst": row.ranks[1] if row.ranks else None,
        "task": one_line(task) if task else "",
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "n": figure.n,
        "marks": " ".join(mark.kind for mark in cell.marks),
        "record": one_line(figure.record, 400),
    }


def to_csv(report: Report) -> str:
    """Return the flat rows as CSV; cells that a spreadsheet would compute are neutralised."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(FLAT)
    for row in flat_rows(report):
        writer.writerow([_csv(row[name]) for name in FLAT])
    return out.getvalue()


def _csv(value: Any) -> str:
    if isinstance(value, str):
        return csv_cell(value) if value else ""
    return "" if value is None else repr(value)


def to_json(report: Report) -> str:
    """Return boards, looks and head as JSON in ASCII; text is as the record has it, escaped."""
    document = {
        "version": report.version,
        "head": report.head,
        "head_time": report.head_time,
        "run": report.run,
        "boards": [asdict(board) for board in report.boards],
        "looks": [asdict(look) for look in report.looks],
        "notes": list(report.notes),
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def to_markdown(report: Report) -> str:
    """Return all leaderboards as Markdown tables, in points, with the 95 % intervals."""
    lines = ["# Leaderboard", ""]
    for board in report.boards:
        lines += [*board_lines(board), ""]
    if not report.boards:
        lines += ["No suite with open rows was examined.", ""]
    lines += [f"- {markdown(note, 400)}" for note in report.notes]
    if report.head:
        lines.append(f"Ledger head {markdown(report.head)}, {markdown(report.head_time)}.")
    return "\n".join(lines).rstrip() + "\n"


def board_lines(board: Board, most: int | None = None) -> Iterator[str]:
    """Yield a board as Markdown, its first `most` rows."""
    yield f"## {markdown(board.suite)} ({board.role})"
    yield ""
    heads = [f"{markdown(c.task)} (n={c.n:,})" for c in board.columns]
    yield "| " + " | ".join(["rank", "checkpoint", "average", *heads]) + " |"
    yield "|" + "---|" * (len(heads) + 3)
    notes: list[str] = []
    for row in board.rows[:most]:
        name = markdown(row.checkpoint.name)
        badges = "".join(f" **{markdown(alias)}**" for alias in row.checkpoint.aliases)
        cells = [_markdown_cell(cell, notes) for cell in row.cells]
        average = _markdown_cell(Cell(row.average), notes)
        shown = [rank_words(row), f"{name}{badges} {markdown(row.checkpoint.short)}", average]
        yield "| " + " | ".join([*shown, *cells]) + " |"
    if most is not None and len(board.rows) > most:
        yield f"\n{len(board.rows) - most:,} more checkpoints are in the report."
    yield ""
    yield "Points of 100 with 95 % intervals; checkpoints that can't be told apart share a rank."
    yield from (f"\n[{number}] {text}" for number, text in enumerate(notes, 1))


def _markdown_cell(cell: Cell, notes: list[str]) -> str:
    if cell.figure is None:
        return ""
    text = f"{points(cell.figure.value)} ({interval(cell.figure)})"
    for mark in cell.marks:
        note = f"{mark.kind}: {markdown(mark.text, 400)}"
        if note not in notes:
            notes.append(note)
        text += f" [{notes.index(note) + 1}]"
    return text
