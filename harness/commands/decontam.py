"""`proctor decontam`: is the exam in the training data?

Reads the options and runs the scan; what counts as a match is decided in `decontam`, what a scan
leaves in `harness.scan_delivery`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from harness.console import Exit, json_option, print_json, printable
from harness.scan_delivery import EVIDENCE_LINES, clean_copies, deliver

if TYPE_CHECKING:
    from decontam.allow import AllowList


class _ScanByDefault(click.Group):
    """Takes arguments that name no sub-command as those of `scan`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["scan", *args]
        return super().parse_args(ctx, args)


_folder = click.Path(exists=True, file_okay=False, path_type=Path)
_file = click.Path(exists=True, dir_okay=False, path_type=Path)
data_dir_option = click.option(
    "--data-dir", envvar="PROCTOR_DATA", type=_folder, help="Where the data of tasks lies."
)


@click.group(cls=_ScanByDefault)
def command() -> None:
    """Is the exam in the training data?

    \b
    proctor decontam SOURCE... --against SUITE|TASK|FILE [--rule tulu3] [--out DIR]
    proctor decontam scan --help      every option of a scan
    proctor decontam audit SUITE...   what exams share with each other
    """


@command.command("scan")
@click.argument("sources", nargs=-1, required=True)
@click.option("--against", multiple=True, required=True, help="A file, a task or a suite; repeat.")
@click.option("--rule", "rule_name", default="proctor", show_default=True, help="What counts.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write the record.")
@click.option("--field", multiple=True, help="Field of the source to read; guessed if not given.")
@click.option("--against-field", help="Field of the exam with the question.")
@click.option("--answer-field", help="Field of the exam with the answer.")
@click.option(
    "--clean",
    "clean_mode",
    type=click.Choice(["drop-document", "drop-turn", "mask"]),
    help="Write cleaned copies to OUT/cleaned.",
)
@click.option("--fail-above", type=click.FloatRange(0, 1), help="Exit 5 above this share.")
@click.option("--workers", type=click.IntRange(1), help="Processes; all cores by default.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--ray-address", help="A running Ray cluster, HOST:PORT; with --engine ray.")
@click.option("--semantic", "model", help="A sentence model (folder or hub name) for paraphrases.")
@click.option(
    "--judge",
    metavar="BACKEND:MODEL_OR_URL",
    help="A chat model that confirms paraphrases, such as server:URL; with --semantic.",
)
@click.option("--allow-list", type=_file, help="Reviewed matches, each with a reason (YAML).")
@data_dir_option
@json_option
def scan_command(
    sources: tuple[str, ...],
    against: tuple[str, ...],
    rule_name: str,
    out: Path | None,
    field: tuple[str, ...],
    against_field: str | None,
    answer_field: str | None,
    clean_mode: str | None,
    fail_above: float | None,
    workers: int | None,
    engine: Literal["local", "ray"],
    ray_address: str | None,
    model: str | None,
    judge: str | None,
    allow_list: Path | None,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Look for exam instances in training data.

    SOURCE is a file (JSONL, CSV or Parquet; .gz and .zst too), a folder, a quoted glob, or a data
    set of the hub: hub:owner/name[/config][:split].
    """
    from decontam.reading import reading_ahead
    from decontam.sources import expand

    _refuse_odd_options(engine, ray_address, model, judge, clean_mode, out)
    files = {source: source for source in sources}
    # Before the exams: these may come from the hub, and a mistyped path should not wait for it.
    held = [file for source in files for file in expand(source)]
    # Before what is compiled is loaded: that takes half a second, in which one core reads on.
    with reading_ahead(held, 1 if engine == "ray" else workers) as reader:
        from decontam.rules import rule_named
        from decontam.scan import scan
        from harness.exams import resolve_exams
        from harness.scan_judges import open_scan_judge
        from harness.scans import ShardFolder

        rule = rule_named(rule_name)
        exams = resolve_exams(list(against), data_dir, against_field, answer_field)
        with open_scan_judge(judge, out / "judge" if out else None) as opened:
            found = scan(
                files,
                exams,
                rule,
                workers=workers,
                fields=list(field) or None,
                sink=ShardFolder(out / "shards") if out else None,
                index_cache=out / "index" if out else None,
                allow=_reviewed(allow_list) if allow_list else None,
                model=model,
                judge=opened,
                engine=engine,
                ray_address=ray_address,
                reader=reader,
            )
    cleaned = clean_copies(found, files, clean_mode, out, field) if out and clean_mode else None
    deliver(found, cleaned, out, as_json)
    over = fail_above is not None and any(c.share > fail_above for c in found.table)
    return Exit.CONTAMINATED if over else Exit.DONE


def _reviewed(allow_list: Path) -> AllowList:
    from decontam.allow import load_allow_list

    return load_allow_list(allow_list)


def _refuse_odd_options(
    engine: str,
    ray_address: str | None,
    model: str | None,
    judge: str | None,
    clean_mode: str | None,
    out: Path | None,
) -> None:
    from proctor.errors import UsageError

    if ray_address and engine != "ray":
        raise UsageError("--ray-address means something with --engine ray only")
    if judge and not model:
        raise UsageError("--judge is asked about what a sentence model nominates: add --semantic")
    if clean_mode and not out:
        raise UsageError("--clean needs --out, the folder where the cleaned copies go")


@command.command("audit")
@click.argument("exams", nargs=-1, required=True)
@click.option("--against-field", help="Field of the exam with the question.")
@click.option("--rule", "rule_name", default="proctor", show_default=True, help="What counts.")
@data_dir_option
@json_option
def audit_command(
    exams: tuple[str, ...],
    against_field: str | None,
    rule_name: str,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """What exams (files, tasks or suites) share with each other, and twins inside each."""
    from decontam.audit import audit
    from decontam.evidence import pick, text_evidence
    from decontam.rules import rule_named
    from harness.exams import resolve_exams

    held = resolve_exams(list(exams), data_dir, against_field)
    found = audit(held, rule_named(rule_name))
    if as_json:
        columns = ["source", "document", "task", "instance", "instance_id", "kind", "score"]
        rows = found.matches.select(columns).to_pylist()
        print_json({"overlaps": [o._asdict() for o in found.overlaps], "matches": rows})
        return Exit.DONE
    for o in found.overlaps:
        where = "twins inside" if o.task == o.other else f"shared with {o.other}"
        if o.matched or o.task == o.other:
            click.echo(f"{o.task}: {o.matched:,} of {o.instances:,} {where}")
    for row in pick(found.matches, EVIDENCE_LINES):
        click.echo("\n" + printable(text_evidence(row)))
    return Exit.DONE


@command.command("duplicates")
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.8,
    show_default=True,
    help="Of the Jaccard similarity of three-token shingles.",
)
@click.option("--field", multiple=True, help="Field of the source to read; guessed if not given.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write them as JSONL.")
@json_option
def duplicates_command(
    sources: tuple[str, ...],
    threshold: float,
    field: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> int:
    """Documents that nearly repeat an earlier one, inside a source or between sources."""
    from decontam.duplicates import near_duplicates
    from proctor.digest import canonical_json
    from proctor.files import write_atomically

    named = {name: name for name in dict.fromkeys(sources)}
    found = list(near_duplicates(named, threshold=threshold, fields=list(field) or None))
    if out:
        write_atomically(out, b"".join(canonical_json(d._asdict()) + b"\n" for d in found))
    if as_json:
        print_json({"threshold": threshold, "duplicates": [d._asdict() for d in found]})
        return Exit.DONE
    for d in found[:EVIDENCE_LINES]:
        click.echo(
            printable(
                f"{d.source} line {d.document + 1} repeats {d.of_source} line "
                f"{d.of_document + 1} (similarity {d.similarity:.2f})"
            )
        )
    click.echo(f"{len(found):,} documents repeat an earlier one")
    return Exit.DONE
