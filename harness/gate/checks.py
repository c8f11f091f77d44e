"""Each rule of the gate applied to the evidence: results per task, and one outcome a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from harness.gate.contamination import Contamination
from harness.gate.evidence import TaskEvidence, mean_of
from harness.gate.overfitting import OverfittingIndex
from harness.gate.rules import (
    Better,
    Budget,
    Clean,
    Floor,
    Margins,
    NotWorse,
    Overfit,
    Rule,
    Unseen,
)
from harness.gate.statistics import Interval, holm
from harness.gate.testing import Case, Checked, OneSided, all_of, decide
from harness.gate.verdict import Clause, Outcome, Problem, RuleResult
from harness.gate.words import PERCENT, movement, number, sides


def check_better(rule: Better, case: Case) -> Checked:
    """Better on at least one target by more than `by`, Holm over the targets."""
    targets = case.choose(rule.tasks)
    tests = [_superiority(e, rule.by, case, len(targets)) for e in targets]
    adjusted = [t.p_pass for t in tests]
    if case.progress is None:
        adjusted = holm(adjusted)
    more = f"more than the {number(rule.by)} asked for" if rule.by else "a gain"

    def result(evidence: TaskEvidence, test: OneSided, p: float) -> RuleResult:
        def write(outcome: Outcome, interval: Interval) -> str:
            moved = movement(
                evidence.task, test.estimate.estimate, interval, case.shown_alpha, True
            )
            shown = f"{moved}, {more} at corrected p = {p:.2g}"
            return sides(outcome, shown, f"{moved}: not {more}", f"{moved}: {more} is not shown")

        return decide(test, case, write, p)

    results = [result(e, t, p) for e, t, p in zip(targets, tests, adjusted, strict=True)]
    outcomes = {r.outcome for r in results}
    outcome: Outcome = "undecided"
    if "pass" in outcomes:
        outcome = "pass"
    elif outcomes == {"fail"}:
        outcome = "fail"
    return Checked(results, Clause("better", outcome, min(adjusted, default=1.0)))


def _superiority(evidence: TaskEvidence, by: float, case: Case, targets: int) -> OneSided:
    """Test one target; a growing examination divides the level (Bonferroni) instead of Holm."""
    estimate = evidence.difference()
    level = case.dev_level
    if case.progress is not None:
        level = case.level_of(level / targets, evidence, estimate, by)
    return OneSided("better", evidence, estimate, by, level)


def _within(
    rule: str, evidence: TaskEvidence, margin: float, case: Case, level: float
) -> RuleResult:
    estimate = evidence.difference()
    test = OneSided(
        rule, evidence, estimate, -margin, case.level_of(level, evidence, estimate, -margin)
    )

    def write(outcome: Outcome, interval: Interval) -> str:
        moved = movement(evidence.task, test.estimate.estimate, interval, case.shown_alpha, True)
        limit = f"the margin of {number(margin)}"
        return moved + sides(
            outcome,
            f", within {limit}",
            f", more than {limit}",
            f", which neither keeps nor breaks {limit}",
        )

    return decide(test, case, write)


def check_not_worse(rule: NotWorse, case: Case) -> Checked:
    """Not worse by the margin on every guard task."""
    return _guards(rule, case.choose(rule.tasks), case, case.dev_level)


def _guards(rule: Margins, guarded: Iterable[TaskEvidence], case: Case, level: float) -> Checked:
    results = []
    for evidence in guarded:
        margin = rule.margin_of(evidence.task)
        if margin is None:
            text = f"{evidence.task}: {rule.name} states no margin for it and no default"
            case.missing(Problem(evidence.task, text))
        else:
            results.append(_within(rule.name, evidence, margin, case, level))
    return Checked(results, all_of(rule.name, results))


def check_floor(rule: Floor, case: Case) -> Checked:
    """The candidate's own score is above the floor."""
    evidence = case.find(rule.task)
    if evidence is None:
        return Checked([], all_of("floor", []))
    rate = evidence.rate()
    test = OneSided("floor", evidence, rate, rule.min, case.level(evidence, rate, rule.min))

    def write(outcome: Outcome, interval: Interval) -> str:
        scored = f"{rule.task} scored"
        shown = movement(scored, test.estimate.estimate, interval, case.shown_alpha, False)
        limit = f"the floor of {number(rule.min)}"
        return shown + sides(
            outcome, f", above {limit}", f", below {limit}", f", not clearly above {limit}"
        )

    results = [decide(test, case, write)]
    return Checked(results, all_of("floor", results))


def check_unseen(rule: Unseen, case: Case) -> Checked:
    """Not worse by the margin on every task of the unseen suite."""
    return _guards(rule, case.unseen.values(), case, case.unseen_level)


def check_budget(rule: Budget, case: Case) -> Checked:
    """Answers grow by no more than the budget: a linear test of the ratio (Fieller)."""
    results = []
    for evidence in case.choose(rule.tasks):
        ours = getattr(evidence, f"candidate_{rule.unit}")
        theirs = getattr(evidence, f"incumbent_{rule.unit}")
        if ours is None or theirs is None or not theirs.mean() > 0:
            text = f"{evidence.task}: the lengths of the answers in {rule.unit} are not recorded"
            case.missing(Problem(evidence.task, text, "proctor eval"))
            continue
        results.append(_grown(rule, evidence, ours, theirs, case))
    return Checked(results, all_of("budget", results))


def _grown(rule: Budget, evidence: TaskEvidence, ours: Any, theirs: Any, case: Case) -> RuleResult:
    scale = float(theirs.mean())
    # Mean of (ours - (1 + growth) theirs) < 0 says the same of the ratio without dividing.
    excess = (ours - (1 + rule.growth) * theirs) / scale
    reach = float(np.abs(excess).max()) or 1.0
    mean = mean_of(excess, evidence.clusters, -reach, reach)
    test = OneSided("budget", evidence, mean, 0.0, case.level(evidence, mean, 0.0), up=False)

    def write(outcome: Outcome, interval: Interval) -> str:
        grown = float(ours.mean()) / scale - 1
        way = "longer" if grown >= 0 else "shorter"
        text = f"{evidence.task}: answers are {number(abs(grown), PERCENT)} % {way} in {rule.unit}"
        limit = f"the {number(rule.growth, PERCENT)} % allowed"
        return text + sides(
            outcome, f", within {limit}", f", over {limit}", f", not clearly within {limit}"
        )

    found = decide(test, case, write)
    shift = rule.growth
    return replace(
        found,
        estimate=None if found.estimate is None else found.estimate + shift,
        low=None if found.low is None else found.low + shift,
        high=None if found.high is None else found.high + shift,
        threshold=rule.growth,
        wins=None,
        losses=None,
    )


def check_clean(rule: Clean, case: Case) -> Checked:
    """No task is found in the training data beyond the share allowed."""
    scans = case.contamination
    if scans is None:
        case.missing(
            Problem(
                None,
                "clean: no decontamination scan of the training sources",
                "proctor decontam SOURCE --against SUITE",
            )
        )
        return Checked([], Clause("clean", "undecided", 1.0))
    for source in scans.unscanned:
        case.missing(
            Problem(
                None,
                f"clean: source {source} was never searched for the exam",
                f"proctor decontam {source} --against SUITE",
            )
        )
    names = sorted({*case.dev, *case.unseen, *scans.tasks})
    results = [_cleanliness(rule, scans, task) for task in names]
    clause = all_of("clean", results)
    if scans.unscanned and clause.outcome == "pass":
        return Checked(results, Clause("clean", "undecided", 1.0))
    certain = 0.0 if clause.outcome == "pass" else 1.0
    return Checked(results, Clause("clean", clause.outcome, certain))


def _cleanliness(rule: Clean, scans: Contamination, task: str) -> RuleResult:
    limit = f"{number(rule.max_contaminated)} %"
    if task not in scans.tasks:
        text = f"{task}: the training data was not searched for this task"
        if scans.rows or scans.unscanned:
            return RuleResult("clean", task, "undecided", text, threshold=rule.max_contaminated)
        text = f"{task}: there is no training data to search"
        return RuleResult("clean", task, "pass", text, threshold=rule.max_contaminated)
    least, most, matched, n = scans.share(task)
    outcome: Outcome = "pass" if most <= rule.max_contaminated else "undecided"
    if least > rule.max_contaminated:
        outcome = "fail"
    about = f"{matched:,} of {n:,} instances of {task} ({number(most)} %)"
    text = f"{about} are in the training data" + sides(
        outcome,
        f", within the {limit} allowed",
        f", more than the {limit} allowed",
        f" at most, counting each source; {limit} are allowed",
    )
    return RuleResult("clean", task, outcome, text, most, least, most, rule.max_contaminated, n)


def check_overfit(rule: Overfit, case: Case) -> Checked:
    """The mean gain on dev exceeds that on unseen by less than the limit."""
    dev = case.choose(rule.dev)
    chosen = (
        case.unseen
        if rule.unseen == "all"
        else {k: v for k, v in case.unseen.items() if k in rule.unseen}
    )
    unseen = list(chosen.values())
    if not dev or not unseen:
        return Checked([], Clause("overfit", "undecided", 1.0))
    index = OverfittingIndex.of(dev, unseen)
    outcome: Outcome = "undecided"
    p = index.p_less(rule.max)
    if p < case.unseen_level:
        outcome = "pass"
    elif index.p_greater(rule.max) < case.alpha:
        outcome = "fail"
    interval = index.interval(case.alpha)
    text = movement(
        "the gain on dev exceeds the gain on unseen by",
        index.estimate,
        interval,
        case.shown_alpha,
        False,
    ) + sides(
        outcome,
        f", less than the {number(rule.max)} allowed",
        f", more than the {number(rule.max)} allowed",
        f", not clearly less than the {number(rule.max)} allowed",
    )
    result = RuleResult(
        "overfit",
        None,
        outcome,
        text,
        index.estimate,
        interval.low,
        interval.high,
        rule.max,
        index.n,
        p,
        case.unseen_level,
    )
    return Checked([result], all_of("overfit", [result]))


CHECKS: dict[type[Rule], Callable[[Any, Case], Checked]] = {
    Better: check_better,
    NotWorse: check_not_worse,
    Floor: check_floor,
    Clean: check_clean,
    Budget: check_budget,
    Unseen: check_unseen,
    Overfit: check_overfit,
}
