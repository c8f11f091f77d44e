"""`proctor run`: one experiment file from sources to verdict; run again, it continues."""

from __future__ import annotations

from pathlib import Path

import click

from harness.console import json_option, print_json, workspace_option


@click.command("run")
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PROCTOR_DATA",
    help="Where exam data lies; by default $PROCTOR_DATA, else the hub.",
)
@workspace_option
@json_option
def command(experiment: Path, data_dir: Path | None, workspace: Path, as_json: bool) -> None:
    """Decontaminate, train, examine, judge and promote what EXPERIMENT describes."""
    from harness.loop.progress import Progress
    from harness.loop.run import start
    from harness.store import Workspace

    loop = start(experiment, Workspace.open(workspace), data_dir, Progress())
    outcome = loop.run()
    print(outcome.promoted)
    raise SystemExit(int(outcome.exit_code))
