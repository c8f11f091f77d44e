"""The tables a report is made of: frozen, plain, and each figure with the id of its record.

Text in them is as it came from models and data sets; whoever renders it escapes it. Scores and
shares count as 0..1, differences as -1..1. What an interval is of stands in the captions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["dev", "unseen"]
Outcome = Literal["pass", "fail", "undecided"]
Change = Literal["gained", "lost", "both wrong"]


@dataclass(frozen=True)
class Figure:
    """A number, its 95 % interval and instances where it has them, and the record it is from.

    `record` is a place in the store, such as `examinations/<id>#<task>` or `ledger#13`.
    """

    value: float
    record: str
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Mark:
    """What makes a figure less than it seems; `kind` is one word, `text` the whole of it."""

    kind: Literal["contaminated", "traces", "limited", "stopped", "drifted", "errors", "changed"]
    text: str


@dataclass(frozen=True)
class Share:
    """Rows taken from one source into a mixture; `epochs` is how often the source went round."""

    source: str
    rows: int
    epochs: float | None
    uncleaned: bool


@dataclass(frozen=True)
class Step:
    """One training between a checkpoint and its base."""

    name: str
    checkpoint: str
    stage: str
    training: str
    mixture: tuple[Share, ...]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as reports name it; `steps` leads back to the base, newest first."""

    digest: str
    name: str
    aliases: tuple[str, ...] = ()
    base: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def short(self) -> str:
        """The beginning of the digest, enough to tell checkpoints apart."""
        return self.digest[:12]


@dataclass(frozen=True)
class Column:
    """One task of a leaderboard with the settings all its unmarked figures share."""

    task: str
    metric: str
    n: int
    scorer: str
    few_shot: int
    version: str


@dataclass(frozen=True)
class Cell:
    """One checkpoint on one task; no figure where it was not examined."""

    figure: Figure | None
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Row:
    """A checkpoint's line of a leaderboard.

    `ranks` is the range of places the data allow it, None where it can't be ranked, and
    `unranked` then says why. `average` weighs tasks equally.
    """

    checkpoint: Checkpoint
    cells: tuple[Cell, ...]
    average: Figure | None
    ranks: tuple[int, int] | None
    examination: str
    seed: int
    unranked: str = ""


@dataclass(frozen=True)
class Board:
    """All checkpoints examined on one suite; `ranked` are those that took part in the ranking."""

    suite: str
    role: Role
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    ranked: int


@dataclass(frozen=True)
class RuleLine:
    """One rule of a verdict on one task, in the rule's units (see `harness.gate.verdict`).

    `coarse` says that the value is rounded and the rest is sealed.
    """

    rule: str
    task: str
    outcome: Outcome
    message: str
    estimate: float | None
    low: float | None
    high: float | None
    threshold: float | None
    n: int | None
    p: float | None
    wins: int | None
    losses: int | None
    needed: int | None
    coarse: bool


@dataclass(frozen=True)
class VerdictPage:
    """A verdict with the evidence for every rule; `ledger` is the number of its record.

    `problems` are (what is missing, the command that supplies it), `levels` and `alpha_left`
     (suite role, share of alpha) pairs, `looks` (role, number).
    """

    record: str
    ledger: int
    occasion: str
    candidate: Checkpoint
    against: Checkpoint
    verdict: str
    passed: bool
    reason: str
    alpha: float
    rules: tuple[RuleLine, ...]
    problems: tuple[tuple[str, str], ...]
    looks: tuple[tuple[str, int], ...]
    levels: tuple[tuple[str, float], ...]
    alpha_left: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class TaskDifference:
    """Two checkpoints on one task: before, after, and the paired difference between them."""

    task: str
    before: Figure
    after: Figure
    difference: Figure
    wins: int
    losses: int
    ties: int
    p: float
    test: str


@dataclass(frozen=True)
class Candidate:
    """A candidate of a stage: what it changed, its verdict, and why if it was refused."""

    checkpoint: Checkpoint
    winner: bool
    verdict: VerdictPage
    differences: tuple[TaskDifference, ...]
    why: tuple[RuleLine, ...]


@dataclass(frozen=True)
class Stage:
    """One stage of a run, its candidates judged against the one in charge before it."""

    name: str
    kind: str
    incumbent: Checkpoint
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Run:
    """One finished run of an experiment."""

    id: str
    experiment: str
    outcome: str
    head: str
    alias: str
    promoted: Checkpoint | None
    stages: tuple[Stage, ...]
    final: Candidate | None


@dataclass(frozen=True)
class Changed:
    """One instance as two checkpoints answered it."""

    task: str
    instance: str
    change: Change
    prompt: str
    before: str
    after: str
    before_score: float
    after_score: float
    before_reason: str
    after_reason: str


@dataclass(frozen=True)
class Comparison:
    """Two checkpoints held against each other, instance by instance.

    `counts` are all instances of each change, of which `changed` may show only the first;
    `problems` say what could not be paired.
    """

    before: Checkpoint
    after: Checkpoint
    suite: str
    tasks: tuple[TaskDifference, ...]
    changed: tuple[Changed, ...]
    counts: tuple[tuple[Change, int], ...]
    problems: tuple[str, ...]
    record: str


@dataclass(frozen=True)
class Overlap:
    """How many of a task's instances were found in one source."""

    source: str
    task: str
    matched: int
    share: Figure


@dataclass(frozen=True)
class Match:
    """Training text beside exam text; the two are whole matched spans."""

    source: str
    document: int
    turn: int
    task: str
    instance: str
    kind: str
    part: str
    coverage: float
    text: str
    instance_text: str


@dataclass(frozen=True)
class Scan:
    """One decontamination scan; evidence of tasks in `sealed` is kept back."""

    id: str
    rule: str
    rule_source: str
    threshold: float
    sources: tuple[str, ...]
    tasks: tuple[str, ...]
    overlaps: tuple[Overlap, ...]
    evidence: tuple[Match, ...]
    matches: int
    quarantined: tuple[tuple[str, int], ...]
    sealed: tuple[str, ...]


@dataclass(frozen=True)
class Curve:
    """One metric over training steps, thinned to what a picture can show."""

    metric: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """One training: its curves and the cost."""

    id: str
    name: str
    stage: str
    checkpoint: str
    seconds: float
    tokens: int
    rows: int
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Event:
    """One ledger record in words."""

    seq: int
    time: str
    kind: str
    text: str
    checkpoint: str


@dataclass(frozen=True)
class LookCount:
    """Looks taken at one suite and what they left of alpha."""

    suite: str
    role: Role
    digest: str
    looks: int
    alpha: float
    alpha_left: float
    sealed: bool


@dataclass(frozen=True)
class Report:
    """Everything a report shows. `run` is the one it was made for, among `runs`, if any.

    `head` is the ledger's last record, `head_time` its time; `notes` say what was left out.
    """

    run: str | None
    head: str
    head_time: str
    boards: tuple[Board, ...]
    runs: tuple[Run, ...]
    comparisons: tuple[Comparison, ...]
    scans: tuple[Scan, ...]
    trainings: tuple[Training, ...]
    history: tuple[Event, ...]
    looks: tuple[LookCount, ...]
    notes: tuple[str, ...]
    version: str
