"""One parameter of the evidence held against one threshold, at the level this look may use.

Passes when the test against the threshold is significant at that level, fails when the opposite
test is significant at the gate's alpha, and is undecided otherwise. Failing needs no correction
for looks: refusing a candidate wrongly promotes nothing. The rules themselves are in `checks`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.gate.contamination import Contamination
from harness.gate.evidence import TaskEvidence
from harness.gate.rules import Tasks
from harness.gate.statistics import Estimate, Interval, PairedBinary, design, exact_level
from harness.gate.statistics.power import normal_instances
from harness.gate.statistics.types import NORMAL, z_upper
from harness.gate.verdict import Clause, Outcome, Problem, RuleResult
from harness.gate.words import wanting

Write = Callable[[Outcome, Interval], str]


MOST_INSTANCES = 10_000_000
MOST_SAMPLES = 1_000


def instances_at(total: int, look: int, looks: int) -> int:
    """Return how many of `total` instances have been examined at a look (from 1)."""
    return max(1, round(total * look / looks))


class Progress(NamedTuple):
    """How far a growing examination is: look number `look` (from 1) of `looks`, evenly spaced.

    `totals` are the instances of each task's full examination.
    """

    look: int
    looks: int
    totals: Mapping[str, int]

    def marks(self, task: str) -> list[int]:
        """Return how many instances of a task had been examined at each look so far."""
        return [instances_at(self.totals[task], j + 1, self.looks) for j in range(self.look)]

    @property
    def fraction(self) -> float:
        """The share of the instances examined."""
        return self.look / self.looks


@dataclass
class Case:
    """The evidence of one candidate, and the levels at which it is judged."""

    dev: Mapping[str, TaskEvidence]
    unseen: Mapping[str, TaskEvidence]
    contamination: Contamination | None
    alpha: float
    dev_level: float
    unseen_level: float
    problems: list[Problem] = field(default_factory=list)
    progress: Progress | None = None

    def find(self, name: str) -> TaskEvidence | None:
        """Return a dev task's evidence, noting once where there is none."""
        if name in self.dev:
            return self.dev[name]
        self.missing(Problem(name, f"{name}: no evidence of this task", "proctor eval"))
        return None

    def choose(self, tasks: Tasks) -> list[TaskEvidence]:
        """Return the dev evidence a rule's `tasks` names."""
        if tasks == "all":
            return list(self.dev.values())
        return [found for name in tasks if (found := self.find(name)) is not None]

    def level(self, evidence: TaskEvidence, estimate: Estimate, threshold: float) -> float:
        """Return the level of a dev test at this look of a growing examination."""
        return self.level_of(self.dev_level, evidence, estimate, threshold)

    def level_of(
        self, level: float, evidence: TaskEvidence, estimate: Estimate, threshold: float
    ) -> float:
        """Return `level`, or what this look of a growing examination may use of it."""
        if self.progress is None:
            return level
        plan = design(level, self.progress.looks)
        if isinstance(estimate, PairedBinary) and threshold == 0:
            wins, losses = evidence.running_counts(self.progress.marks(evidence.task))
            # A level is compared with <; the exact one may be met.
            return math.nextafter(exact_level(wins, losses, plan, level), 1.0)
        return plan.levels[self.progress.look - 1]

    @property
    def fail_level(self) -> float:
        """What a failing test must stay below."""
        if self.progress is None:
            return self.alpha
        return design(self.alpha, self.progress.looks).levels[self.progress.look - 1]

    @property
    def shown_alpha(self) -> float:
        """The level of the two-sided intervals shown; simultaneous over a growing examination."""
        if self.progress is None:
            return self.alpha
        return 2 * design(self.alpha / 2, self.progress.looks).levels[self.progress.look - 1]

    def missing(self, problem: Problem) -> None:
        """Note a problem unless the same task already has one."""
        if not any(p.task == problem.task is not None for p in self.problems):
            self.problems.append(problem)


class Checked(NamedTuple):
    """The results of one rule and its clause."""

    results: list[RuleResult]
    clause: Clause


class OneSided(NamedTuple):
    """A rule's test on one task; `up` where passing means being above the threshold."""

    rule: str
    evidence: TaskEvidence
    estimate: Estimate
    threshold: float
    level: float
    up: bool = True

    @property
    def p_pass(self) -> float:
        """The p against being on the wrong side of the threshold."""
        test = self.estimate.p_greater if self.up else self.estimate.p_less
        return test(self.threshold)

    @property
    def p_fail(self) -> float:
        """The p against being on the right side of the threshold."""
        test = self.estimate.p_less if self.up else self.estimate.p_greater
        return test(self.threshold)

    def hopeless(self, case: Case) -> bool:
        """Whether a growing examination has no fair chance left to pass this test."""
        if case.progress is None:
            return False
        deviation = self.estimate.deviation
        if not deviation > 0:
            return False
        z = self._gap * math.sqrt(self.estimate.n) / deviation
        plan = design(case.dev_level, case.progress.looks)
        fraction = case.progress.fraction
        return z * math.sqrt(fraction) < plan.hopeless[case.progress.look - 1]

    def needed(self, alpha: float) -> int | None:
        """Return the instances that decide four times in five if the truth is as observed."""
        n = self.estimate.n
        # Where nothing differs yet, one contested instance is assumed: the spread is not zero.
        deviation = max(self.estimate.deviation, n**-0.5)
        found = normal_instances(abs(self._gap), deviation, self._level_towards(alpha))
        if found is None or found > MOST_INSTANCES:
            return None
        return max(found, n + 1)

    def needed_samples(self, alpha: float) -> int | None:
        """Return the answers per instance that decide on the same instances; None if none would.

        More answers shrink only the spread of answers about an instance's mean (Miller,
        arXiv 2411.00640), so there is a limit to what they can show.
        """
        within, n = self.evidence.within, self.estimate.n
        if within is None or self.rule == "budget":
            return None
        k = min(self.evidence.candidate.shape[1], self.evidence.incumbent.shape[1])
        between = self.estimate.deviation**2 - within / k
        z = z_upper(self._level_towards(alpha)) + NORMAL.inv_cdf(0.8)
        room = n * (self._gap / z) ** 2 - max(between, 0.0)
        if room <= 0:
            return None
        found = math.ceil(within / room)
        return max(found, k + 1) if found <= MOST_SAMPLES else None

    @property
    def _gap(self) -> float:
        """The distance from the threshold, positive on the side that passes."""
        gap = self.estimate.estimate - self.threshold
        return gap if self.up else -gap

    def _level_towards(self, alpha: float) -> float:
        """The level of the decision the estimate points to."""
        return self.level if self._gap > 0 else alpha


def decide(test: OneSided, case: Case, write: Write, p: float | None = None) -> RuleResult:
    """Decide one test; `p` stands in for the test's own where it was corrected over targets."""
    n = test.estimate.n
    p = test.p_pass if p is None else p
    interval = test.estimate.interval(case.shown_alpha)
    outcome: Outcome = "undecided"
    if n >= 2 and p < test.level:
        outcome = "pass"
    elif n >= 2 and test.p_fail < case.fail_level:
        outcome = "fail"
    undecided = outcome == "undecided"
    needed = test.needed(case.alpha) if undecided else None
    samples = test.needed_samples(case.alpha) if undecided else None
    wins, losses = test.evidence.counts
    return RuleResult(
        rule=test.rule,
        task=test.evidence.task,
        outcome=outcome,
        message=write(outcome, interval) + wanting(needed, samples, n, outcome),
        estimate=test.estimate.estimate,
        low=interval.low,
        high=interval.high,
        threshold=test.threshold,
        n=n,
        p=p,
        level=test.level,
        wins=wins,
        losses=losses,
        needed=needed,
        needed_samples=samples,
        hopeless=undecided and test.hopeless(case),
    )


def all_of(rule: str, results: Sequence[RuleResult]) -> Clause:
    """Join results that must all pass: an intersection-union test, so no correction."""
    outcomes = {r.outcome for r in results}
    outcome: Outcome = "pass"
    if not results or "undecided" in outcomes:
        outcome = "undecided"
    if "fail" in outcomes:
        outcome = "fail"
    return Clause(rule, outcome, max((r.p for r in results if r.p is not None), default=1.0))
