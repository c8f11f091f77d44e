"""`proctor demo`: the whole loop on the embedded small world."""

from __future__ import annotations

from pathlib import Path

import click

from harness.console import json_option

EXPERIMENT = Path(__file__).parent.parent / "world" / "experiment.yaml"


@click.command("demo")
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".proctor-demo"),
    show_default=True,
    help="Where the record of the demo lives.",
)
@json_option
def command(workspace: Path, as_json: bool) -> None:
    """Run the small world's experiment: a few minutes on 2 cores, no network, no GPU.

    One source leaks the exam, one mixture forgets what it should not, one candidate is too close
    to call, and what is left is trained on and promoted if it is better.
    """
    from harness.commands.run import run_experiment

    run_experiment(EXPERIMENT, workspace, None, dry_run=False, as_json=as_json)
