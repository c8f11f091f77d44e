"""`proctor sql`: questions to the record, read-only."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.console import json_option, log, print_json, workspace_option

if TYPE_CHECKING:
    from harness.query import Answer


@click.command("sql")
@click.argument("query")
@click.option("--value", "values", multiple=True, help="Bound to the next ? of the query.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="Rows at most."
)
@workspace_option
@json_option
def command(
    query: str, values: tuple[str, ...], limit: int, workspace: Path, as_json: bool
) -> None:
    """Run one SELECT over the record and print its rows.

    Views: samples, examinations, stages, steps, verdicts, matches, ledger, checkpoints. What
    belongs to a sealed unseen suite is not in them.
    """
    from harness.query import ask
    from harness.reporting.archive import open_workspace

    answer = ask(open_workspace(workspace), query, values, limit)
    if answer.cut:
        log(f"only the first {limit:,} rows are shown; give --limit for more")
    if as_json:
        rows = [[_json(value) for value in row] for row in answer.rows]
        print_json({"columns": list(answer.columns), "rows": rows, "cut": answer.cut})
    else:
        _show(answer)


def _json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, (list, tuple)):
        return [_json(one) for one in value]
    return {str(k): _json(v) for k, v in value.items()} if isinstance(value, dict) else str(value)


def _show(answer: Answer) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from reports.text import visible

    table = Table()
    for name in answer.columns:
        table.add_column(Text(visible(name)), overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text("" if value is None else visible(str(value))) for value in row))
    Console().print(table)
