"""`proctor compare`: two checkpoints held against each other, instance by instance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.console import json_option, print_json, workspace_option
from proctor.errors import ProctorError

if TYPE_CHECKING:
    from reports.model import Changed, Comparison

_CHANGES = ["lost", "gained", "both wrong"]


@click.command("compare")
@click.argument("before")
@click.argument("after")
@click.option("--suite", help="Only this suite (default: every open suite both were examined on).")
@click.option(
    "--show",
    type=click.Choice(_CHANGES),
    multiple=True,
    help="Print the instances that changed so, with both responses; repeatable.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Instances of a task and change to print.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the comparison as an HTML page that stands alone.",
)
@workspace_option
@json_option
def command(
    before: str,
    after: str,
    suite: str | None,
    show: tuple[str, ...],
    limit: int,
    out: Path | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """Compare AFTER with BEFORE: paired differences, and what was gained and lost.

    Checkpoints are named by alias, name, digest or its beginning.
    """
    from harness.reporting.archive import open_workspace
    from harness.reporting.pairs import compare_named

    found = compare_named(open_workspace(workspace), before, after, suite, shown=max(limit, 40))
    if out is not None:
        _write(found, out)
    if as_json:
        from dataclasses import asdict

        print_json({"comparisons": [asdict(one) for one in found]})
        return
    for one in found:
        _print(one, show, limit)


def _write(found: list[Comparison], out: Path) -> None:
    from proctor.files import write_atomically
    from reports.site import comparison_page

    if len(found) > 1:
        names = ", ".join(one.suite for one in found)
        raise ProctorError(f"--out holds one suite: choose with --suite ({names})")
    write_atomically(out, comparison_page(found[0]))


def _print(one: Comparison, show: tuple[str, ...], limit: int) -> None:
    from rich.console import Console

    from reports.terminal import changed_text, comparison_table
    from reports.text import one_line

    console = Console(highlight=False)
    console.print(comparison_table(one))
    counts = ", ".join(f"{count:,} {change}" for change, count in one.counts)
    console.print(f"{counts} (--show prints them)", markup=False)
    for problem in one.problems:
        console.print(f"not compared: {one_line(problem, 400)}", markup=False)
    seen: dict[tuple[str, str], int] = {}
    for row in one.changed:
        if row.change in show and _count(seen, row) <= limit:
            console.print(changed_text(one, row))


def _count(seen: dict[tuple[str, str], int], row: Changed) -> int:
    seen[row.task, row.change] = seen.get((row.task, row.change), 0) + 1
    return seen[row.task, row.change]
