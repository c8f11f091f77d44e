"""Recall, kind and attribution by class, and false positives, of a scan of the labelled corpus.

    python benchmarks/decontam/measure.py CORPUS_DIR OUT_DIR [--show CLASS]

`found`: a document of the class is flagged; `right`: for the instance hidden in it; `kind`: of
those, how many are called what the label calls them ("-" where it does not say).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


@dataclass
class Tally:
    """What became of the documents of one class."""

    seen: int = 0
    found: int = 0
    right: int = 0
    labelled: int = 0
    kind: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[int] = field(default_factory=list)

    def add(self, number: int, label: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        hidden = "task" in label
        own = [
            row
            for row in rows
            if hidden and (row["task"], row["instance"]) == (label["task"], label["instance"])
        ]
        self.seen += 1
        self.found += bool(rows)
        self.right += bool(own)
        self.labelled += bool(own and label["kind"])
        self.kind += any(row["kind"] == label["kind"] for row in own)
        self.kinds.update(row["kind"] for row in (own or rows)[:1])
        if bool(own) != hidden or (rows and not hidden):
            self.wrong.append(number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--show", help="print documents of this class that went wrong")
    parser.add_argument("--limit", type=int, default=10)
    options = parser.parse_args()
    labels = [json.loads(line) for line in (options.corpus / "labels.jsonl").open()]
    rows = defaultdict(list)
    for row in pq.read_table(options.out / "matches.parquet").to_pylist():
        rows[row["document"]].append(row)
    tallies: dict[str, Tally] = defaultdict(Tally)
    for number, label in enumerate(labels):
        tallies[label["class"]].add(number, label, rows.get(number, []))
    hidden = {name: t for name, t in sorted(tallies.items()) if not name.startswith("neg_")}
    for name, t in hidden.items():
        kind = f"{t.kind / t.labelled:.3f}" if t.labelled else "  -  "
        shares = f"found {t.found / t.seen:.3f} right {t.right / t.seen:.3f} kind {kind}"
        print(f"{name:24} n={t.seen:5} {shares} {dict(t.kinds)}")
    counted = [t.right / t.seen for name, t in hidden.items() if "base64" not in name]
    print(f"MEAN recall over {len(counted)} classes: {sum(counted) / len(counted):.4f}")
    for name, t in sorted(tallies.items()):
        if name not in hidden:
            print(
                f"{name:24} n={t.seen:5} flagged {t.found} ({t.found / t.seen:.3%}) {dict(t.kinds)}"
            )
    if options.show:
        lines = (options.corpus / "source.jsonl").read_text().split("\n")
        for number in tallies[options.show].wrong[: options.limit]:
            print("\n--", number, labels[number])
            for row in rows.get(number, []):
                print("  ", row["task"], row["instance"], row["kind"], row["instance_text"][:400])
            print("  ", json.loads(lines[number])["messages"][0]["content"][:700])


if __name__ == "__main__":
    main()
