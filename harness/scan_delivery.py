"""What a finished scan leaves: its files, cleaned copies, and what the terminal shows of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.console import log, print_json, printable

if TYPE_CHECKING:
    from decontam.scan import Scan

EVIDENCE_LINES = 6


def deliver(
    found: Scan, cleaned: list[dict[str, Any]] | None, out: Path | None, as_json: bool
) -> None:
    """Write a scan to `out`, if there is one, and print it as JSON or in words."""
    from harness.scans import write_scan

    if out:
        write_scan(found, out)
    if as_json:
        document: dict[str, Any] = {
            **found.manifest,
            "contaminated": [list(pair) for pair in found.contaminated],
        }
        print_json(document if cleaned is None else {**document, "cleaned": cleaned})
        return
    _show(found)
    for record in cleaned or []:
        click.echo(
            f"cleaned: {printable(record['path'])}: {record['kept']:,} documents as they were, "
            f"{record['changed']:,} changed, {record['dropped']:,} dropped"
        )
    if out:
        log(f"written to {out}")


def clean_copies(
    found: Scan, files: dict[str, str], mode: str, out: Path, fields: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Write cleaned copies to `out`/cleaned; return what was done to each source."""
    from decontam.clean import clean

    records = []
    for number, (name, path) in enumerate(files.items()):
        # A folder for each source, because two sources may share a file name.
        folder = out / "cleaned" / f"{number:03d}" if len(files) > 1 else out / "cleaned"
        held = clean(name, path, found.matches, mode, folder, list(fields) or None)  # type: ignore[arg-type]
        records.append({"source": name, **held._asdict(), "path": str(held.path)})
    return records


def _show(found: Scan) -> None:
    from decontam.evidence import pick, text_evidence

    for name, record in found.manifest["sources"].items():
        allowed = f", {record['allowed']:,} matches allowed" if record["allowed"] else ""
        click.echo(
            f"{printable(name)}: {record['documents']:,} documents, "
            f"{record['matched_documents']:,} with exam instances, "
            f"{record['quarantined_count']:,} lines put aside{allowed}"
        )
        for bad in record["quarantined"][:3]:
            click.echo(f"  line {bad['line'] + 1}: {printable(bad['reason'])}")
    asked = found.manifest["judge"]
    if asked:
        click.echo(
            f"judge {printable(asked['name'])}: of {asked['pairs']:,} passages {asked['same']:,} "
            f"tell an exam question, {asked['different']:,} do not, {asked['disputed']:,} judged "
            f"both ways, {asked['unread']:,} not readably"
        )
    click.echo("")
    width = max(len(c.task) for c in found.table)
    for c in found.table:
        click.echo(
            f"{c.task:<{width}}  {c.matched:>7,} of {c.instances:>7,}  {c.share:8.2%}  "
            f"[{c.low:.2%}, {c.high:.2%}]  {printable(c.source)}"
        )
    for row in pick(found.matches, EVIDENCE_LINES):
        click.echo("\n" + printable(text_evidence(row)))
