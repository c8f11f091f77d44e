"""The table of a side-by-side run: recall by way, false alarms, speed, ratios."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

OURS = ("tulu3", "proctor")


class Result(NamedTuple):
    """A contender's flagged documents, and its CPU seconds on so many megabytes of text.

    `read` are the megabytes that its rule looks at: `tulu3` passes over what assistants say.
    """

    name: str
    flagged: set[int]
    seconds: float
    megabytes: float
    read: float

    @property
    def rate(self) -> float:
        """Megabytes of text per CPU second, whole process."""
        return self.megabytes / self.seconds


def flagged_by_us(corpus: Path, rule: str) -> set[int]:
    """Return the documents that our scan under a rule flagged."""
    import pyarrow.parquet as pq

    found = pq.read_table(corpus / f"ours-{rule}" / "matches.parquet", columns=["document"])
    return set(found.column("document").to_pylist())


def read_by_us(corpus: Path, rule: str) -> float:
    """Return the megabytes of text that our scan under a rule looked at."""
    manifest = json.loads((corpus / f"ours-{rule}" / "manifest.json").read_text())
    return sum(source["text_bytes"] for source in manifest["sources"].values()) / 1e6


def by_way(corpus: Path) -> dict[str, list[int]]:
    """Return the documents of each way of hiding an item, and of each kind of innocent text."""
    found = defaultdict(list)
    for number, line in enumerate((corpus / "labels.jsonl").read_text().split("\n")):
        if line:
            found[json.loads(line)["class"]].append(number)
    return dict(sorted(found.items()))


def report(corpus: Path, results: list[Result], skipped: dict[str, str]) -> str:
    """Return the whole table as text."""
    ways = by_way(corpus)
    hidden = [way for way in ways if not way.startswith("neg_")]
    counted = [way for way in hidden if "base64" not in way]
    lines = ["", "\t".join(["way", "n", *(r.name for r in results)])]

    def share(result: Result, way: str) -> float:
        return len(result.flagged.intersection(ways[way])) / len(ways[way])

    for way in hidden:
        shares = [f"{share(r, way):.2f}" for r in results]
        lines.append("\t".join([way, str(len(ways[way])), *shares]))
    means = {r.name: sum(share(r, way) for way in counted) / len(counted) for r in results}
    lines.append("\t".join(["MEAN without base64", "", *(f"{m:.3f}" for m in means.values())]))
    for way in (way for way in ways if way.startswith("neg_")):
        alarms = [str(len(r.flagged.intersection(ways[way]))) for r in results]
        lines.append("\t".join([way, str(len(ways[way])), *alarms]))
    for title, text in (
        ("MB of text", [f"{r.megabytes:.0f}" for r in results]),
        ("CPU seconds", [f"{r.seconds:.1f}" for r in results]),
        ("MB per CPU second", [f"{r.rate:.2f}" for r in results]),
        ("MB that the rule reads", [f"{r.read:.0f}" for r in results]),
    ):
        lines.append("\t".join([title, "", *text]))
    lines += _ratios(results, means)
    lines += [f"not run: {name}: {reason}" for name, reason in skipped.items()]
    return "\n".join(lines)


def _ratios(results: list[Result], means: dict[str, float]) -> list[str]:
    """Say how our rules stand beside the fastest peer, decon and the peer with the best recall."""
    peers = [r for r in results if r.name not in OURS]
    if not peers:
        return []
    fastest = max(peers, key=lambda r: r.rate)
    keenest = max(peers, key=lambda r: means[r.name])
    decons = [r for r in peers if r.name.startswith("decon")]
    lines = []
    for mine in (r for r in results if r.name in OURS):
        lines.append(f"{mine.name} over the fastest peer ({fastest.name}): "
                     f"{mine.rate / fastest.rate:.2f} times the speed")  # fmt: skip
        for decon in decons:
            lines.append(f"{mine.name} over {decon.name}: {mine.rate / decon.rate:.1f} times")
        lines.append(f"{mine.name} over the best recall ({keenest.name}): "
                     f"{means[mine.name] - means[keenest.name]:+.3f}")  # fmt: skip
    return lines
