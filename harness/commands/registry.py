"""`proctor registry`: aliases, their history, and whether what they point at still holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.console import json_option, print_json, printable, workspace_option

if TYPE_CHECKING:
    from harness.registry import Registry


@click.group()
def command() -> None:
    """Aliases and their history."""


def _registry(workspace: Path) -> Registry:
    from harness.ledger import Ledger
    from harness.registry import Registry

    return Registry(workspace, Ledger(workspace / "ledger.jsonl"))


@command.command("show")
@workspace_option
@json_option
def show_command(workspace: Path, as_json: bool) -> None:
    """Print every alias, what it points at, and how it came there."""
    registry = _registry(workspace)
    pointers = registry.aliases()
    history = {name: registry.history(name) for name in pointers}
    if as_json:
        print_json(
            {
                name: pointer._asdict()
                | {"history": [record._asdict() for record in history[name]]}
                for name, pointer in pointers.items()
            }
        )
        return
    for name, pointer in pointers.items():
        click.echo(printable(f"{name}: {pointer.checkpoint}"))
        for record in history[name]:
            to, reason = record.body["checkpoint"][:16], record.body.get("reason", "")
            click.echo(printable(f"  {record.time[:19]}  {record.kind:<11} {to}  {reason}"))


@command.command("verify")
@workspace_option
@json_option
@click.pass_context
def verify_command(ctx: click.Context, workspace: Path, as_json: bool) -> None:
    """Check the ledger, the pointers and every byte of the checkpoints; exit 1 if any is bad."""
    problems = _registry(workspace).verify()
    if as_json:
        print_json({"sound": not problems, "problems": problems})
    else:
        for problem in problems:
            click.echo(printable(f"  {problem}"))
        click.echo("damaged" if problems else "sound")
    ctx.exit(1 if problems else 0)


@command.command("rollback")
@click.argument("alias")
@click.option("--to", help="Digest (or its beginning) of an earlier holder; the last by default.")
@click.option("--reason", required=True, help="Why; goes into the ledger.")
@workspace_option
@json_option
def rollback_command(
    alias: str, to: str | None, reason: str, workspace: Path, as_json: bool
) -> None:
    """Point ALIAS back at a checkpoint it held before; itself a ledger record."""
    from harness.checkpoints import find_checkpoint

    target = find_checkpoint(workspace, to) if to else None
    record = _registry(workspace).rollback(alias, to=target, reason=reason)
    if as_json:
        print_json(record._asdict())
    else:
        click.echo(printable(f"{alias} points at {record.body['checkpoint']} again"))
