"""What the default rule finds and what it flags wrongly, on the labelled corpus, against bars.

    python -m benchmarks.decontam.accuracy [--data DIR] [--documents 60000] [--each 100] [--seed 7]
    python -m benchmarks.decontam.accuracy --keep DIR --show neg_choices

Builds the corpus, runs `proctor decontam` on it (with --apart, once for each exam alone; with
--inside, against exams whose multiple choice has no field for its choices), and prints every way
and every family of innocent documents. Exit code 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.decontam.corpus import SEED, build, write
from benchmarks.decontam.measure import Tally, tallies, wrong_ones
from benchmarks.decontam.perturb import TYPOGRAPHY

DATA = Path(os.environ.get("PROCTOR_DATA", "../shared/data"))
# Formulas without their signs, such as `frac12`, are no longer the item.
FORMULAS_LOST = ("math500_nopunct", "math500_punct_to_space")
AS_IT_IS = (
    *TYPOGRAPHY,
    *(f"{task}_{way}" for task in ("ifeval", "math500") for way in (*TYPOGRAPHY, "wrapped")),
    "wrapped", "embedded", "few_shot", "assistant_turn",
    "system_turn", "tool_turn", "question_answer", "multi_turn", "multi_turn_far", "first_50",
    "last_50", "middle_50", "short_verbatim", "short_wrapped", "boilerplate_verbatim",
    "boilerplate_wrapped", "mmlu_verbatim", "mmlu_stem", "mc_verbatim", "mc_stem",
    "code_verbatim",
)  # fmt: skip
CHANGED = (
    "numbers", "names_numbers", "wrapped_numbers", "wrapped_names_numbers", "sub_10", "typos_2",
)  # fmt: skip
PASSED = {
    "neg_boilerplate": 1e-3, "neg_choices": 1e-3, "neg_option_lists": 1e-3,
    "neg_any_8gram": 1e-3, "neg_common_8gram": 1e-3, "neg_gsm8k_train": 3e-3,
}  # fmt: skip
CLEAN = (
    "neg_markov_prose", "neg_markov_problems", "neg_markov_solutions", "neg_markov_manual",
    "neg_code", "neg_xstest", "neg_ifbench",
)  # fmt: skip
APART = ("base64", "base64_wrapped")


class Bar(NamedTuple):
    """A figure and what it has to be."""

    what: str
    value: float
    bar: float
    least: bool

    @property
    def held(self) -> bool:
        """Whether the bar is reached."""
        return self.value >= self.bar if self.least else self.value <= self.bar


def scan(corpus: Path, tasks: list[str], out: Path) -> None:
    """Run the command on the corpus against some of its exams."""
    against = [part for task in tasks for part in ("--against", str(corpus / f"{task}.jsonl"))]
    command = [sys.executable, "-m", "harness.cli", "decontam", str(corpus / "source.jsonl")]
    command += [*against, "--rule", "proctor", "--out", str(out), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    json.loads(done.stdout)


def bars(found: dict[str, Tally]) -> Iterator[Bar]:
    """Yield every figure that has a bar."""
    ways = {name: t for name, t in found.items() if counted(name)}
    yield Bar("mean recall", sum(t.recall for t in ways.values()) / len(ways), 0.93, True)
    for way in AS_IT_IS:
        if way in found and way not in FORMULAS_LOST:
            yield Bar(f"{way}: recall", found[way].recall, 0.99, True)
    for way in CHANGED:
        if way in found:
            yield Bar(f"{way}: recall", found[way].recall, 0.95, True)
            yield Bar(f"{way}: kind right", found[way].told or 0.0, 0.90, True)
    for family, most in PASSED.items():
        if family in found:
            yield Bar(f"{family}: flagged", found[family].flagged, most, False)
    clean = [found[family] for family in CLEAN if family in found]
    if clean:
        share = sum(t.found for t in clean) / sum(t.seen for t in clean)
        yield Bar(f"clean documents ({sum(t.seen for t in clean):,}): flagged", share, 1e-4, False)


def counted(name: str) -> bool:
    """Say whether a class counts in the mean over all ways."""
    return not name.startswith("neg_") and not name.endswith("_scrap") and name not in APART


def report(found: dict[str, Tally]) -> bool:
    """Print all classes and all bars; return whether every bar is reached."""
    for name, t in found.items():
        if name.startswith("neg_"):
            print(f"{name:26} n={t.seen:6} flagged {t.found:5} {t.flagged:9.4%} {dict(t.kinds)}")
        else:
            kind = "    -" if t.told is None else f"{t.told:.3f}"
            shares = f"found {t.flagged:.3f} right {t.recall:.3f} kind {kind}"
            print(f"{name:26} n={t.seen:6} {shares} {dict(t.kinds)}")
    checked = list(bars(found))
    for bar in checked:
        sign = ">=" if bar.least else "<="
        print(f"{'ok  ' if bar.held else 'MISS'} {bar.what:52} {bar.value:8.5g} {sign} {bar.bar:g}")
    return all(bar.held for bar in checked)


def judged(corpus: Path, tasks: list[str], show: str | None) -> bool:
    """Scan for some exams and report on what concerns them."""
    with tempfile.TemporaryDirectory() as folder:
        scan(corpus, tasks, Path(folder))
        found, rows = tallies(corpus, Path(folder), tasks)
    if show:
        print("\n".join(wrong_ones(corpus, found[show], rows)))
    print(f"\nAgainst {', '.join(tasks)}:")
    return report(found)


def main() -> int:
    """Build, scan, print; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decontam.accuracy")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of real exams")
    parser.add_argument("--documents", type=int, default=60_000, help="clean chats")
    parser.add_argument("--each", type=int, default=100, help="items hidden in each way")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--keep", type=Path, help="write the corpus here, or use the one here")
    parser.add_argument("--show", help="print documents of this class that went wrong")
    parser.add_argument(
        "--inside", action="store_true", help="choices stand in the questions of the exams"
    )
    parser.add_argument("--apart", action="store_true", help="scan for each exam alone, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = options.keep or Path(folder)
        if not (corpus / "labels.jsonl").exists():
            exam, hidden = build(options.data, options.documents, options.each, options.seed)
            write(corpus, exam, hidden, options.seed, options.inside)
        tasks = sorted(p.stem for p in corpus.glob("*.jsonl") if p.stem not in ("source", "labels"))
        held = judged(corpus, tasks, options.show)
        for task in tasks if options.apart else ():
            held = judged(corpus, [task], None) and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
