"""What a run knows of a checkpoint: its examinations, and the verdict on it.

Plain records; how a verdict comes about is `judging`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.examinations import StoredExamination


@dataclass(frozen=True)
class Examined:
    """A checkpoint with its examinations."""

    name: str
    checkpoint: str
    dev: StoredExamination
    unseen: StoredExamination | None = None


@dataclass(frozen=True)
class Judged:
    """A candidate's verdict as the ledger holds it; `ledger` is the number of the record.

    `early` is set where the verdict was reached on a growing examination (`EarlyStop.record`).
    """

    name: str
    checkpoint: str
    verdict: Mapping[str, Any]
    ledger: int
    early: Mapping[str, Any] | None = None

    @property
    def passed(self) -> bool:
        """Whether every rule passed that could be judged at this point."""
        return bool(self.verdict["verdict"] == "promote" or self.verdict["awaits_unseen"])

    @property
    def gain(self) -> float:
        """The largest lower bound of a gain on a target task."""
        lows = [r["low"] for r in self.verdict["rules"] if r["rule"] == "better"]
        return max((low for low in lows if low is not None), default=0.0)

    def sentence(self) -> str:
        """Say the verdict and what decided it, for a person."""
        verdict, reason = self.verdict["verdict"], self.verdict["reason"]
        if self.passed:
            return "passed" if self.verdict["awaits_unseen"] else "promote"
        return f"{verdict} ({reason}): " + "; ".join(self.deciding()[:3])

    def deciding(self) -> list[str]:
        """Return the messages that decided: what was gained, or else what stood in the way."""
        outcome = {"reject": "fail", "inconclusive": "undecided", "promote": "pass"}[
            "promote" if self.passed else self.verdict["verdict"]
        ]
        rules = {c["rule"] for c in self.verdict["clauses"] if c["outcome"] == outcome}
        rules = rules & {"better"} if self.passed else rules
        found = [
            r["message"]
            for r in self.verdict["rules"]
            if r["rule"] in rules and r["outcome"] == outcome
        ]
        return found or [p["message"] for p in self.verdict["problems"]]
