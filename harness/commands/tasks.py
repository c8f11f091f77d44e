"""`proctor tasks`: the tasks that can be named in a suite."""

from __future__ import annotations

from pathlib import Path

import click

from harness.console import json_option, print_json, printable


@click.command("tasks")
@click.option(
    "--include",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with further task files; may be given several times.",
)
@json_option
def command(include: tuple[Path, ...], as_json: bool) -> None:
    """List Proctor's tasks and those of included folders.

    Any stock lm-eval task, group or tag may be named as well: see `lm_eval ls tasks`.
    """
    from evals.tasks.meta import task_files

    files = sorted(task_files(include).values(), key=lambda file: (file.meta.family, file.name))
    rows = [
        {
            "task": file.name,
            "family": file.meta.family,
            "few_shot": int(file.config.get("num_fewshot") or 0),
            "scorer": file.meta.scorer or ("judge" if file.meta.judge else "lm-eval"),
            "judge": file.meta.judge.kind if file.meta.judge else "",
            "version": str(file.meta.version),
            "description": file.meta.description,
            "source": file.meta.source,
            "requires": file.meta.requires,
        }
        for file in files
    ]
    if as_json:
        print_json({"tasks": rows})
        return
    width = max((len(str(row["task"])) for row in rows), default=0)
    for row in rows:
        click.echo(printable(f"{row['task']:<{width}}  {row['family']:<14}{row['description']}"))
