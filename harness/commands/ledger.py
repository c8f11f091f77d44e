"""`proctor ledger`: verify the chain, show the records."""

from __future__ import annotations

from pathlib import Path

import click

from harness.console import json_option, print_json, printable, workspace_option


@click.group()
def command() -> None:
    """The hash-chained record of looks, verdicts and promotions."""


@command.command("verify")
@click.option("--head", help="A head published elsewhere (NUMBER:HASH, as reports print it).")
@workspace_option
@json_option
@click.pass_context
def verify_command(ctx: click.Context, head: str | None, workspace: Path, as_json: bool) -> None:
    """Check every record; name the first that was changed, removed, moved or rewritten.

    Exits 1 if anything is wrong. A ledger whose every record was rewritten is found only against
    a head published elsewhere, or with the signing key (PROCTOR_LEDGER_KEY).
    """
    from harness.ledger import Head, Ledger

    published = Head.parse(head) if head else None
    check = Ledger(workspace / "ledger.jsonl").verify(published)
    if as_json:
        print_json(
            {
                "sound": not check.problems,
                "records": check.records,
                "head": str(check.head),
                "problems": list(check.problems),
                "unfinished_last_line": check.torn,
            }
        )
    else:
        for problem in check.problems:
            click.echo(printable(f"  {problem}"))
        state = "damaged" if check.problems else "sound"
        click.echo(f"{state}: {check.records:,} records, head {check.head}")
        if check.torn:
            click.echo("  the last line is unfinished; it was never acknowledged, and goes away")
    ctx.exit(1 if check.problems else 0)


@command.command("show")
@click.option("--kind", help="Only records of this kind (look, verdict, promotion...).")
@click.option("--last", type=click.IntRange(1), help="Only the last so many.")
@workspace_option
@json_option
def show_command(kind: str | None, last: int | None, workspace: Path, as_json: bool) -> None:
    """Print the records, oldest first."""
    from harness.ledger import Ledger

    records = list(Ledger(workspace / "ledger.jsonl").records(kind))
    records = records[-last:] if last else records
    if as_json:
        print_json([record._asdict() for record in records])
        return
    for record in records:
        what = ", ".join(f"{k} {_short(v)}" for k, v in record.body.items() if _plain(v))
        click.echo(printable(f"{record.seq:>6}  {record.time[:19]}  {record.kind:<14} {what}"))


def _plain(value: object) -> bool:
    return isinstance(value, (str, int, float)) and value != ""


def _short(value: object) -> str:
    text = str(value)
    return text[:16] if len(text) == 64 else text
