"""`proctor decontam`: is the exam in the training data?

Runs a scan, writes its record and prints the table; what counts as a match is decided in
`decontam`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.console import Exit, json_option, log, print_json, printable

if TYPE_CHECKING:
    from decontam.scan import Scan


class _Scan(click.Group):
    """Takes a first argument that is no sub-command as a source to scan."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next((a for a in args if not a.startswith("-")), None)
        if args and not (first in self.commands and args[0] == first):
            args = ["scan", *args] if args[0] not in ("--help", "-h") else args
        return super().parse_args(ctx, args)


@click.group(cls=_Scan)
def command() -> None:
    """Is the exam in the training data?

    \b
    proctor decontam SOURCE... --against SUITE|TASK|FILE [--rule tulu3] [--out DIR]
    proctor decontam scan --help      every option of a scan
    proctor decontam audit SUITE...   overlap between and inside exams
    """


@command.command("scan")
@click.argument("sources", nargs=-1, required=True)
@click.option("--against", multiple=True, required=True, help="A file, a task or a suite; repeat.")
@click.option("--rule", "rule_name", default="proctor", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write the record.")
@click.option("--field", multiple=True, help="Field of the source to read; guessed if not given.")
@click.option("--against-field", help="Field of the exam with the question.")
@click.option("--answer-field", help="Field of the exam with the answer.")
@click.option("--fail-above", type=click.FloatRange(0, 1), help="Exit 5 above this share.")
@click.option("--workers", type=click.IntRange(1), help="Processes; all cores by default.")
@click.option(
    "--data-dir",
    envvar="PROCTOR_DATA",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the data of tasks lies.",
)
@json_option
def scan_command(
    sources: tuple[str, ...],
    against: tuple[str, ...],
    rule_name: str,
    out: Path | None,
    field: tuple[str, ...],
    against_field: str | None,
    answer_field: str | None,
    fail_above: float | None,
    workers: int | None,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Look for exam instances in training data."""
    from decontam.rules import rule_named
    from decontam.scan import scan
    from harness.exams import resolve_exams
    from harness.scans import ShardFolder, write_scan

    rule = rule_named(rule_name)
    exams = resolve_exams(list(against), data_dir, against_field, answer_field)
    found = scan(
        {name: path for name, path in _named(sources)},
        exams,
        rule,
        workers=workers,
        fields=list(field) or None,
        sink=ShardFolder(out / "shards") if out else None,
        index_cache=out,
    )
    if out:
        write_scan(found, out)
    if as_json:
        print_json({**found.manifest, "contaminated": [list(c) for c in found.contaminated]})
    else:
        _show(found, out)
    over = fail_above is not None and any(c.share > fail_above for c in found.table)
    return Exit.CONTAMINATED if over else Exit.DONE


def _named(sources: tuple[str, ...]) -> list[tuple[str, str]]:
    """Name each source by its path as given; a path given twice is one source."""
    return [(source, source) for source in dict.fromkeys(sources)]


def _show(found: Scan, out: Path | None) -> None:
    for name, record in found.manifest["sources"].items():
        click.echo(
            f"{printable(name)}: {record['documents']:,} documents, "
            f"{record['matched_documents']:,} with exam instances, "
            f"{record['quarantined_count']:,} lines put aside"
        )
    click.echo("")
    width = max(len(c.task) for c in found.table)
    for c in found.table:
        click.echo(
            f"{c.task:<{width}}  {c.matched:>7,} of {c.instances:>7,}  {c.share:8.2%}  "
            f"[{c.low:.2%}, {c.high:.2%}]  {printable(c.source)}"
        )
    shown: set[Any] = set()
    for row in found.matches.slice(0, 1000).to_pylist():
        key = (row["task"], row["kind"])
        if key in shown or len(shown) >= 6:
            continue
        shown.add(key)
        click.echo(
            f"\n{row['kind']}, {row['part']}, score {row['score']:.2f}: line "
            f"{row['document'] + 1} of {printable(row['source'])} has {row['task']} "
            f"{printable(row['instance_id'])}\n  data  {_one_line(row['text'])}\n"
            f"  exam  {_one_line(row['instance_text'])}"
        )
    if out:
        log(f"written to {out}")


def _one_line(text: str) -> str:
    flat = " ".join(text.split())
    return printable(flat if len(flat) <= 160 else f"{flat[:157]}...")
