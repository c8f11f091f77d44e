"""Decontamination scans as matrices and evidence; what belongs to a sealed exam is kept back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.reporting.archive import Archive, attempt
from reports.model import Figure, Match, Overlap, Scan

if TYPE_CHECKING:
    import pyarrow as pa

# Per source, task and kind; the whole of it is in the scan's matches.parquet.
SHOWN_A_CELL = 6
_HEAD = ("source", "document", "turn", "task", "instance_id", "kind", "part", "coverage")
_SHOWN = (*_HEAD, "text", "instance_text")


def make_scans(archive: Archive, notes: list[str]) -> list[Scan]:
    """Return all scans, those that a run used first."""
    used = [str(run.get("scan")) for run in archive.runs]
    scans = []
    for folder, manifest in archive.scans:
        scan = attempt(
            f"scan {folder.name}",
            notes,
            lambda f=folder, m=manifest: _scan(f, m, archive),  # type: ignore[misc]
        )
        if scan is not None:
            scans.append(scan)
    return sorted(scans, key=lambda scan: (scan.id not in used, scan.id))


def sealed_tasks(archive: Archive, manifest: Mapping[str, Any]) -> frozenset[str]:
    """Return the exams of a scan whose instances must not be shown.

    An exam is open where an open suite has it. One that no examination knows is sealed if a run
    used the scan, since it may be of an unseen suite nobody has looked at yet.
    """
    tasks = frozenset(str(row["task"]) for row in manifest["table"])
    closed = {
        task
        for one in archive.examinations
        if archive.sealed(one.suite)
        for task in one.manifest["tasks"]
    }
    if any(run.get("scan") == manifest.get("id") for run in archive.runs):
        closed |= tasks - archive.shown_tasks()
    return tasks & closed


def _scan(folder: Path, manifest: Mapping[str, Any], archive: Archive) -> Scan:
    table = manifest["table"]
    sealed = sealed_tasks(archive, manifest)
    rule = manifest["rule"]
    overlaps = tuple(
        Overlap(
            str(row["source"]),
            str(row["task"]),
            int(row["matched"]),
            Figure(
                float(row["share"]),
                f"scans/{folder.name}#{row['source']}/{row['task']}",
                n=int(row["instances"]),
            ),
        )
        for row in table
    )
    matches = _matches(folder)
    return Scan(
        folder.name,
        str(rule.get("name", "")),
        str(rule.get("source", "")),
        float(rule.get("share", 0.0)),
        tuple(dict.fromkeys(overlap.source for overlap in overlaps)),
        tuple(dict.fromkeys(overlap.task for overlap in overlaps)),
        overlaps,
        tuple(_evidence(matches, sealed)),
        matches.num_rows,
        tuple(
            (str(name), int(source.get("quarantined_count", len(source.get("quarantined", [])))))
            for name, source in manifest["sources"].items()
        ),
        tuple(sorted(sealed)),
    )


def _matches(folder: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from proctor.errors import ProctorError

    try:
        return pq.read_table(folder / "matches.parquet", columns=list(_SHOWN))
    except (OSError, pa.ArrowException) as error:
        raise ProctorError(
            f"scans/{folder.name}/matches.parquet is unreadable ({error}): scan again"
        ) from error


def _evidence(matches: pa.Table, sealed: frozenset[str]) -> list[Match]:
    """Return the first matches of every source, task and kind, strongest first."""
    order = [("source", "ascending"), ("task", "ascending"), ("kind", "descending")]
    order += [("coverage", "descending"), ("document", "ascending"), ("instance_id", "ascending")]
    seen: dict[tuple[str, str, str], int] = {}
    shown: list[Match] = []
    ordered = matches.sort_by(order)
    heads = zip(*(ordered[name].to_pylist() for name in ("source", "task", "kind")), strict=True)
    for number, head in enumerate(heads):
        seen[head] = seen.get(head, 0) + 1
        if seen[head] <= SHOWN_A_CELL and head[1] not in sealed:
            row = {name: ordered[name][number].as_py() for name in _SHOWN}
            row["instance"] = row.pop("instance_id")
            shown.append(Match(**row))
    return shown
