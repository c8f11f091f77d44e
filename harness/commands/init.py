"""`proctor init`: a commented experiment file to start from."""

from __future__ import annotations

from pathlib import Path

import click

from harness.console import json_option, print_json
from proctor.errors import UsageError
from proctor.files import write_atomically

STARTER = Path(__file__).parent.parent / "world" / "starter.yaml"


@click.command("init")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="experiment.yaml")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
def command(file: Path, force: bool, as_json: bool) -> None:
    """Write a commented starter experiment to FILE, by default experiment.yaml."""
    if file.exists() and not force:
        raise UsageError(f"{file} exists already: name another file, or give --force")
    write_atomically(file, STARTER.read_bytes())
    if as_json:
        print_json({"file": str(file)})
    else:
        click.echo(f"Wrote {file}. Mend base, sources and gate, then: proctor run {file} --dry-run")
