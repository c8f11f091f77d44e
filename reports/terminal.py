"""Leaderboards and comparisons as rich tables; control characters are spelt out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.model import Board, Cell, Changed, Comparison
from reports.text import one_line
from reports.words import interval, p_words, points, rank_words, signed

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_MARKS = {"contaminated": "bold red", "traces": "yellow", "limited": "yellow"}


def board_table(board: Board) -> Table:
    """Return a leaderboard, a line a checkpoint."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=f"{one_line(board.suite)} ({board.role})",
        title_justify="left",
        caption_justify="left",
    )
    table.caption = "points with 95 % intervals; who can't be told apart shares a rank"
    table.add_column("rank", justify="right")
    table.add_column("checkpoint", overflow="fold", min_width=12)
    for name in ("average", *(column.task for column in board.columns)):
        table.add_column(Text(one_line(name)), justify="right", overflow="fold", min_width=9)
    for row in board.rows:
        who = Text(one_line(row.checkpoint.name))
        for alias in row.checkpoint.aliases:
            who.append(f" {one_line(alias)}", "bold cyan")
        cells = [_cell(Cell(row.average)), *(_cell(cell) for cell in row.cells)]
        table.add_row(rank_words(row), who, *cells)
    return table


def _cell(cell: Cell) -> Text:
    from rich.text import Text

    if cell.figure is None:
        return Text("–", "dim")
    shown = Text(points(cell.figure.value))
    shown.append(f"\n{interval(cell.figure)}", "dim")
    for mark in cell.marks:
        shown.append(f"\n{mark.kind}", _MARKS.get(mark.kind, "red"))
    return shown


def comparison_table(one: Comparison) -> Table:
    """Return the differences by task of two checkpoints."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    title = f"{one_line(one.after.name)} against {one_line(one.before.name)}, {one_line(one.suite)}"
    table = Table(
        title=Text(title),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.caption = "paired by instance; 95 % intervals; won, lost and tied instances; p two-sided"
    # On 80 columns rich would give the task's own column no width at all.
    widest = min(24, max((len(one_line(row.task)) for row in one.tasks), default=8))
    table.add_column("task", overflow="fold", min_width=widest)
    for name in ("before", "after", "gain", "interval", "won/lost/tied", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in one.tasks:
        sure = row.difference.low is not None and row.difference.high is not None
        style = "green" if sure and row.difference.low > 0 else ""  # type: ignore[operator]
        style = "red" if sure and row.difference.high < 0 else style  # type: ignore[operator]
        table.add_row(
            Text(one_line(row.task)),
            points(row.before.value),
            points(row.after.value),
            Text(signed(row.difference.value), style),
            interval(row.difference, True),
            f"{row.wins:,}/{row.losses:,}/{row.ties:,}",
            p_words(row.p),
        )
    return table


def changed_text(one: Comparison, row: Changed) -> Text:
    """Return an instance with both responses and the scorer's reasons."""
    from rich.text import Text

    shown = Text(f"\n{one_line(row.task)} {one_line(row.instance)}: {row.change}\n", "bold")
    shown.append("  prompt  ", "dim").append(f"{one_line(row.prompt, 600)}\n", "not bold")
    sides = (
        (one.before.name, row.before_score, row.before, row.before_reason),
        (one.after.name, row.after_score, row.after, row.after_reason),
    )
    for name, score, response, reason in sides:
        shown.append(f"  {one_line(name)} ({points(score)}) ", "cyan not bold")
        shown.append(f"{one_line(response, 1000)}\n", "not bold")
        shown.append(f"      {one_line(reason, 300)}\n", "dim not bold")
    return shown
