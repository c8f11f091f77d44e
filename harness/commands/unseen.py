"""`proctor unseen`: looks taken at unseen suites, and releasing their rows."""

from __future__ import annotations

from pathlib import Path

import click

from harness.console import json_option, log, print_json, printable, workspace_option


@click.group()
def command() -> None:
    """Looks taken at unseen suites; releasing their rows."""


@command.command("looks")
@click.option("--alpha", type=click.FloatRange(0.0001, 0.5), default=0.05, show_default=True)
@workspace_option
@json_option
def looks_command(alpha: float, workspace: Path, as_json: bool) -> None:
    """Print, per unseen suite, the looks used, the alpha left, and whether it is sealed."""
    from harness.gate.looks import LOOK, released
    from harness.gate.statistics.multiplicity import alpha_left
    from harness.ledger import Ledger

    ledger = Ledger(workspace / "ledger.jsonl")
    suites: dict[str, tuple[str, int]] = {}
    for record in ledger.records(LOOK):
        if record.body["role"] == "unseen":
            digest = record.body["suite_digest"]
            suites[digest] = (record.body["suite"], suites.get(digest, ("", 0))[1] + 1)
    rows = [
        {
            "suite": name,
            "suite_digest": digest,
            "looks": count,
            "alpha_left": alpha_left(alpha, count),
            "sealed": released(ledger, digest) is None,
        }
        for digest, (name, count) in suites.items()
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = "sealed" if row["sealed"] else "released"
        click.echo(
            printable(
                f"{row['suite']} {str(row['suite_digest'])[:16]}: {row['looks']} looks, "
                f"{row['alpha_left']:.4f} of alpha {alpha:g} left, {state}"
            )
        )


@command.command("release")
@click.argument("suite")
@click.option("--digest", required=True, help="The suite's digest, as its looks record it.")
@click.option("--reason", required=True, help="Why; goes into the ledger.")
@workspace_option
@json_option
def release_command(suite: str, digest: str, reason: str, workspace: Path, as_json: bool) -> None:
    """Open the single rows of an unseen SUITE; it can gate nothing afterwards."""
    from harness.gate.looks import release
    from harness.ledger import Ledger

    ledger = Ledger(workspace / "ledger.jsonl")
    record = release(ledger, suite=suite, suite_digest=digest, reason=reason)
    log(f"{suite} is released; use another suite as unseen from now on")
    if as_json:
        print_json(record._asdict())
