"""Recall, kind and attribution by class, and false positives, of a scan of the labelled corpus.

python benchmarks/decontam/measure.py CORPUS_DIR OUT_DIR [--show CLASS]
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.parquet as pq


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--show")
    parser.add_argument("--limit", type=int, default=10)
    options = parser.parse_args()
    labels = [json.loads(line) for line in (options.corpus / "labels.jsonl").open()]
    rows = defaultdict(list)
    for row in pq.read_table(options.out / "matches.parquet").to_pylist():
        rows[row["document"]].append(row)
    seen, found, right, kind, kinds = (
        Counter(),
        Counter(),
        Counter(),
        Counter(),
        defaultdict(Counter),
    )
    missed = defaultdict(list)
    for number, label in enumerate(labels):
        name = label["class"]
        seen[name] += 1
        found[name] += number in rows
        own = (
            [
                r
                for r in rows[number]
                if r["task"] == label.get("task") and r["instance"] == label.get("instance")
            ]
            if "task" in label
            else []
        )
        right[name] += bool(own)
        kind[name] += any(r["kind"] == label["kind"] for r in own)
        for r in (own or rows.get(number, []))[:1]:
            kinds[name][r["kind"]] += 1
        if bool(own) != ("task" in label) or (number in rows and "task" not in label):
            missed[name].append(number)
    positive = [n for n in seen if not n.startswith("neg_")]
    for name in positive:
        told = (
            f"{kind[name] / max(1, right[name]):.2f}"
            if any(x["class"] == name and x["kind"] for x in labels[:0]) or kind[name]
            else "  - "
        )
        print(
            f"{name:24} n={seen[name]:4} found {found[name] / seen[name]:.3f} right {right[name] / seen[name]:.3f} kind {told} {dict(kinds[name])}"
        )
    kept = [n for n in positive if "base64" not in n]
    print(
        f"MEAN recall over {len(kept)} classes: {sum(right[n] / seen[n] for n in kept) / len(kept):.4f}"
    )
    for name in seen:
        if name.startswith("neg_"):
            print(
                f"{name:24} n={seen[name]:6} flagged {found[name]} ({found[name] / seen[name]:.4%}) {dict(kinds[name])}"
            )
    if options.show:
        lines = (options.corpus / "source.jsonl").read_text().split("\n")
        for number in missed[options.show][: options.limit]:
            print(
                "\n--",
                number,
                labels[number],
                [
                    (
                        r["task"],
                        r["instance"],
                        r["kind"],
                        round(r["coverage"], 2),
                        round(r["score"], 2),
                        r["instance_text"][:400],
                    )
                    for r in rows.get(number, [])
                ],
            )
            print(
                "   ",
                json.loads(lines[number])["messages"][-1 if "assist" in lines[number][:0] else 0][
                    "content"
                ][:700],
            )


if __name__ == "__main__":
    main()
