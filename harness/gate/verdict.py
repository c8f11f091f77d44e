"""The verdict: three-way, with the evidence for every rule, as plain records."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

from proctor.digest import digest_json, finite_or_none

Outcome = Literal["pass", "fail", "undecided"]
Decision = Literal["promote", "reject", "inconclusive"]
CONTAMINATED = "contaminated"
# The rules that look at the unseen suite, once all others have passed.
LATER = ("unseen", "overfit")


class Problem(NamedTuple):
    """Evidence that is missing or does not fit, and the command that supplies it."""

    task: str | None
    message: str
    command: str | None = None


@dataclass(frozen=True)
class Looks:
    """The number of this look, from 1: at dev since the incumbent took charge, and at unseen."""

    dev: int = 1
    unseen: int = 1


@dataclass(frozen=True)
class RuleResult:
    """One rule on one task.

    `estimate`, `low`, `high` (two-sided, 1 - alpha) and `threshold` are in the rule's units:
    differences or rates in 0..1, growth as a share. `p` is one-sided, for passing, corrected
    over the rule's targets; `level` what it had to stay below. `needed` is the number of
    instances that would decide, None where decided or where no number would; `needed_samples` the
    answers per instance that would decide on the same instances. `hopeless` is said of
    a growing examination that has no fair chance left to pass.
    """

    rule: str
    task: str | None
    outcome: Outcome
    message: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    n: int | None = None
    p: float | None = None
    level: float | None = None
    wins: int | None = None
    losses: int | None = None
    needed: int | None = None
    needed_samples: int | None = None
    hopeless: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON; infinities become null."""
        return {
            key: finite_or_none(value) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


class Clause(NamedTuple):
    """The outcome of one rule of the gate over all its tasks, and the p of its passing."""

    rule: str
    outcome: Outcome
    p: float


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one candidate held against one incumbent."""

    verdict: Decision
    reason: str
    candidate: str
    against: str
    alpha: float
    rules: tuple[RuleResult, ...]
    clauses: tuple[Clause, ...]
    problems: tuple[Problem, ...]
    looks: Looks
    levels: dict[str, float]
    alpha_left: dict[str, float]
    awaits_unseen: bool = False

    @property
    def exit_code(self) -> int:
        """0 promoted, 3 rejected, 4 inconclusive, 5 contaminated."""
        if self.reason == CONTAMINATED:
            return 5
        return {"promote": 0, "reject": 3, "inconclusive": 4}[self.verdict]

    @property
    def dev_p(self) -> float:
        """The p of passing all dev rules: the largest of theirs (intersection-union)."""
        return max((c.p for c in self.clauses if c.rule not in LATER), default=1.0)

    @property
    def passed_dev(self) -> bool:
        """Whether every rule that needs no look at unseen has passed."""
        return all(c.outcome == "pass" for c in self.clauses if c.rule not in LATER)

    @property
    def gain(self) -> float:
        """The largest lower bound among the `better` results, for ranking promoted candidates."""
        lows = [r.low for r in self.rules if r.rule == "better" and r.low is not None]
        return max(lows, default=0.0)

    @property
    def digest(self) -> str:
        """The digest of the verdict's JSON: what a promotion spends."""
        return digest_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain JSON."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "candidate": self.candidate,
            "against": self.against,
            "alpha": self.alpha,
            "rules": [rule.to_dict() for rule in self.rules],
            "clauses": [clause._asdict() for clause in self.clauses],
            "problems": [problem._asdict() for problem in self.problems],
            "looks": asdict(self.looks),
            "levels": dict(self.levels),
            "alpha_left": dict(self.alpha_left),
            "awaits_unseen": self.awaits_unseen,
        }

    def coarse(self, step: float = 0.01) -> Verdict:
        """Return the verdict with its unseen results reduced to pass or fail and a rounded value.

        What is fed back from an exam that may be looked at again must be little: Blum & Hardt
        (ICML 2015, arXiv 1502.04585) round to a grid for the same reason.
        """
        return replace(self, rules=tuple(_coarse(r, step) for r in self.rules))


def _coarse(result: RuleResult, step: float) -> RuleResult:
    if result.rule not in LATER or result.estimate is None:
        return result
    value = round(round(result.estimate / step) * step, 10)
    words = {"pass": "passed", "fail": "failed", "undecided": "could not be decided"}
    return RuleResult(
        rule=result.rule,
        task=result.task,
        outcome=result.outcome,
        message=f"{result.task or result.rule}: {words[result.outcome]}, about "
        f"{100 * value:+.0f} points (rounded; the rest is sealed until the alias moves)",
        estimate=value,
        threshold=result.threshold,
        n=result.n,
        needed=result.needed,
    )
