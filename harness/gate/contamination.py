"""What is known of the exam in the training data: matched instances per source and task.

Read from the manifests of decontamination scans; whether an instance counts as matched is the
scan's rule, not ours. A census, not a sample, so shares carry no interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class ScanRow(NamedTuple):
    """Instances of one task found in one source."""

    source: str
    task: str
    instances: int
    matched: int


@dataclass(frozen=True)
class Contamination:
    """The scans behind one candidate.

    `unscanned` names sources that no scan covers, `union` (where known) the instances of a task
    matched in any source, `touched` the exam families that training or its rewards used.
    """

    rows: tuple[ScanRow, ...] = ()
    unscanned: tuple[str, ...] = ()
    union: Mapping[str, int] | None = None
    touched: frozenset[str] = frozenset()

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks that were searched for."""
        return frozenset(row.task for row in self.rows)

    def share(self, task: str) -> tuple[float, float, int, int]:
        """Return (least, most, matched at most, instances) found of a task over all sources.

        Two sources may hold the same instances, so without `union` the share is only bracketed.
        """
        rows = [row for row in self.rows if row.task == task]
        n = max(row.instances for row in rows)
        least = max(row.matched for row in rows)
        most = min(n, sum(row.matched for row in rows))
        if self.union is not None and task in self.union:
            least = most = self.union[task]
        return least / n, most / n, most, n


def from_scans(
    manifests: Sequence[Mapping[str, Any]],
    sources: Mapping[str, str],
    *,
    union: Mapping[str, int] | None = None,
    touched: Sequence[str] = (),
) -> Contamination:
    """Collect scans of the sources {name: digest} behind a candidate.

    A source counts as scanned only where a scan saw the same digest, or left it as the cleaned
    copy (`cleaned` in its manifest), from which every document with an instance was taken out.
    """
    names = {digest: name for name, digest in sources.items()}
    rows: list[ScanRow] = []
    seen: set[str] = set()
    for manifest in manifests:
        digests = {name: entry["digest"] for name, entry in manifest["sources"].items()}
        seen.update(digests.values())
        rows += [
            ScanRow(names[digests[r["source"]]], r["task"], r["instances"], r["matched"])
            for r in manifest["table"]
            if digests.get(r["source"]) in names
        ]
        left = set(manifest.get("cleaned", {}).values())
        seen.update(left)
        rows += [
            ScanRow(names[digest], task, exam["instances"], 0)
            for digest in sorted(left & set(names))
            for task, exam in manifest["exams"].items()
        ]
    unscanned = tuple(sorted(name for name, digest in sources.items() if digest not in seen))
    return Contamination(tuple(dict.fromkeys(rows)), unscanned, union, frozenset(touched))
