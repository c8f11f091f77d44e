"""Checkpoints, where they come from, and the leaderboards they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["dev", "unseen"]


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
