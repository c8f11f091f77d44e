"""`proctor promote`: move an alias to a checkpoint whose recorded verdict says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.console import json_option, print_json, printable, workspace_option
from proctor.errors import ProctorError

if TYPE_CHECKING:
    from harness.ledger import Ledger


@click.command()
@click.argument("checkpoint")
@click.option("--alias", default="champion", show_default=True)
@click.option("--first", is_flag=True, help="Set an alias that has no checkpoint yet.")
@workspace_option
@json_option
def command(checkpoint: str, alias: str, first: bool, workspace: Path, as_json: bool) -> None:
    """Move an alias to CHECKPOINT (a digest or its beginning).

    The verdict is taken from the ledger: the last one on this checkpoint against the one in
    charge must be `promote`. `--first` sets an alias that is empty, without a verdict.
    """
    from harness.checkpoints import find_checkpoint
    from harness.ledger import Ledger
    from harness.registry import Registry

    ledger = Ledger(workspace / "ledger.jsonl")
    registry = Registry(workspace, ledger)
    digest = find_checkpoint(workspace, checkpoint)
    if first:
        record = registry.appoint(alias, digest, "set by hand: the first of its alias")
    else:
        current = registry.get(alias)
        verdict = _verdict(ledger, digest, current)
        record = registry.promote(alias, digest, expected=current, verdict=verdict)
    if as_json:
        print_json(record._asdict())
    else:
        click.echo(printable(f"{alias} points at {digest} (ledger record {record.seq})"))


def _verdict(ledger: Ledger, digest: str, current: str | None) -> dict[str, Any]:
    if current is None:
        raise ProctorError("the alias is empty: set it with --first")
    found: dict[str, Any] | None = None
    for record in ledger.records("verdict"):
        body = record.body
        if (body.get("candidate"), body.get("against")) == (digest, current):
            found = body
    if found is None:
        raise ProctorError(
            f"the ledger holds no verdict on {digest[:16]} against {current[:16]}: run the gate "
            "in an experiment (`proctor run`) first"
        )
    return found
