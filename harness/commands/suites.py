"""`proctor suites`: the suites that ship with Proctor and those of included folders."""

from __future__ import annotations

from pathlib import Path

import click

from harness.console import json_option, print_json, printable


@click.command("suites")
@click.option(
    "--include",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with further suites; may be given several times.",
)
@json_option
def command(include: tuple[Path, ...], as_json: bool) -> None:
    """List the suites: name, role, tasks."""
    from evals.suites import load_suite, suite_files

    suites = [load_suite(name, include) for name in suite_files(include)]
    if as_json:
        print_json({"suites": [{**s.model_dump(mode="json"), "digest": s.digest} for s in suites]})
        return
    for suite in suites:
        click.echo(printable(f"{suite.name} ({suite.role}): {suite.description}"))
        for task in suite.tasks:
            limit = f" (first {task.limit})" if task.limit else ""
            click.echo(printable(f"  {task.name}{limit}"))
