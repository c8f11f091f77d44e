"""`proctor report`: the leaderboard as a static site, Markdown, CSV, JSON and Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.console import Exit, json_option, log, print_json, printable, workspace_option

if TYPE_CHECKING:
    from harness.store import Workspace
    from reports.model import Report


@click.command("report")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to (default: WORKSPACE/report).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "table", "markdown", "json"]),
    default="html",
    show_default=True,
    help="html writes all files into --out; the others print the leaderboard.",
)
@click.option("--run", "run_id", help="The run to show first (default: the newest).")
@click.option("--verify", is_flag=True, help="Recompute the report in --out and say what differs.")
@workspace_option
@json_option
def command(
    out: Path | None, form: str, run_id: str | None, verify: bool, workspace: Path, as_json: bool
) -> None:
    """Write the report of a workspace, or print its leaderboard.

    With --verify nothing is written; the exit code is 1 where a file or figure differs from what
    the store gives.
    """
    from harness.reporting import build_report, write_report
    from harness.reporting.archive import open_workspace

    opened = open_workspace(workspace)
    folder = out or opened.root / "report"
    if verify:
        raise SystemExit(_verify(opened, folder, as_json))
    if form != "html" or as_json:
        _print(build_report(opened, run_id), "json" if as_json else form)
        return
    written = write_report(opened, folder, run_id)
    log(f"{len(written.files)} files in {folder}")
    click.echo(str(written.index))


def _verify(workspace: Workspace, folder: Path, as_json: bool) -> int:
    from harness.reporting.verifying import verify_report

    found = verify_report(workspace, folder)
    if as_json:
        print_json({"folder": str(folder), "differences": [one._asdict() for one in found]})
    for one in [] if as_json else found:
        click.echo(printable(f"{one.file}: {one.what}"))
    if not found:
        log(f"{folder} is what the store gives, byte for byte")
    return int(Exit.ERROR if found else Exit.DONE)


def _print(report: Report, form: str) -> None:
    from reports.tables import to_json, to_markdown
    from reports.terminal import board_table

    if form == "table":
        from rich.console import Console

        console = Console()
        for board in report.boards:
            console.print(board_table(board))
        for note in report.notes:
            log(note)
        return
    click.echo(to_json(report) if form == "json" else to_markdown(report), nl=False)
