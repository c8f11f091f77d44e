"""A report as files: pages, leaderboards, and the digests of them all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.reporting.build import build_report
from harness.store import Workspace
from proctor.digest import digest_bytes
from proctor.errors import ProctorError
from proctor.files import explain_os_errors, read_json, write_atomically
from reports.model import Report

INVENTORY = "report.json"
_OURS = re.compile(r"[a-z0-9][a-z0-9.-]{0,120}\.(html|md|csv|json|parquet)")


@dataclass(frozen=True)
class ReportFiles:
    """Where a report lies; `index` is the page to open, `files` all of it."""

    folder: Path
    index: Path
    files: tuple[Path, ...]


def write_report(workspace: Workspace, out: Path, run_id: str | None = None) -> ReportFiles:
    """Write the report of a workspace into a folder; `run_id` names the run to show first.

    The same store gives the same bytes. Pages of an earlier report that are no longer part of it
    are deleted; nothing else in the folder is touched.

    Raises:
        ProctorError: there is no record to report on, or the disk refuses.
    """
    content = dict(render(build_report(workspace, run_id)))
    earlier = _earlier(out)
    with explain_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        for name, data in content.items():
            write_atomically(out / name, data)
        for name in sorted(earlier - set(content)):
            (out / name).unlink(missing_ok=True)
    return ReportFiles(out, out / "index.html", tuple(out / name for name in content))


def render(report: Report) -> Iterator[tuple[str, bytes]]:
    """Yield every file of a report as (name, bytes), the inventory last."""
    from reports.comment import comment
    from reports.site import pages
    from reports.tables import to_csv, to_json, to_markdown

    digests: dict[str, str] = {}
    for name, data in (
        *((name, text.encode("utf-8")) for name, text in pages(report)),
        ("leaderboard.md", to_markdown(report).encode("utf-8")),
        ("comment.md", comment(report).encode("utf-8")),
        ("leaderboard.csv", to_csv(report).encode("utf-8")),
        ("leaderboard.json", to_json(report).encode("ascii")),
        ("leaderboard.parquet", _parquet(report)),
    ):
        digests[name] = digest_bytes(data)
        yield name, data
    inventory = {"run": report.run, "head": report.head, "version": report.version}
    whole = json.dumps({**inventory, "files": digests}, indent=1, sort_keys=True)
    yield INVENTORY, whole.encode("ascii") + b"\n"


def _parquet(report: Report) -> bytes:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    from reports.tables import FLAT, flat_rows

    numbers = {"value": pa.float64(), "low": pa.float64(), "high": pa.float64()}
    numbers |= {"rank_best": pa.int32(), "rank_worst": pa.int32(), "n": pa.int64()}
    schema = pa.schema([(name, numbers.get(name, pa.string())) for name in FLAT])
    out = io.BytesIO()
    table = pa.Table.from_pylist([*flat_rows(report)], schema=schema)
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _earlier(out: Path) -> set[str]:
    """Return the files of the report that lies in a folder, by its inventory."""
    try:
        names = read_json(out / INVENTORY)["files"]
    except (ProctorError, LookupError, TypeError):
        return set()
    return {name for name in names if isinstance(name, str) and _OURS.fullmatch(name)}
