"""The sentences of a verdict: what was measured, against what, and what would decide it."""

from __future__ import annotations

import math
from typing import NamedTuple

from harness.gate.statistics import Interval
from harness.gate.verdict import Outcome


class Unit(NamedTuple):
    """How an estimate is written: its scale and its word."""

    scale: float
    word: str


POINTS = Unit(100.0, "points")
PERCENT = Unit(100.0, "%")


def number(value: float, unit: Unit = POINTS) -> str:
    """Return a value with one decimal in the unit's scale, without a negative zero."""
    if not math.isfinite(value):
        return "unbounded"
    return f"{value * unit.scale + 0.0:.1f}".replace("-0.0", "0.0")


def movement(what: str, estimate: float, interval: Interval, alpha: float, verb: bool) -> str:
    """Return e.g. "safety fell by 12.4 points (95 % interval 9.1 to 15.7 below)"."""
    confidence = f"{100 * (1 - alpha):g} % interval"
    low, high = interval
    if not verb:
        span = f"{number(low)} to {number(high)}"
        return f"{what} {number(estimate)} points ({confidence} {span})"
    if high < 0:
        span = f"{number(-high)} to {number(-low)} below"
    elif low > 0:
        span = f"{number(low)} to {number(high)} above"
    else:
        span = f"{number(-low)} below to {number(high)} above"
    if number(estimate) == "0.0":
        return f"{what} did not move ({confidence} {span})"
    way = "fell" if estimate < 0 else "rose"
    return f"{what} {way} by {number(abs(estimate))} points ({confidence} {span})"


def wanting(needed: int | None, samples: int | None, n: int, outcome: Outcome) -> str:
    """Return the clause that says what would decide: instances, answers an instance, or nothing."""
    if outcome != "undecided":
        return ""
    if needed is None:
        return "; no number of instances would decide a difference this close to the threshold"
    more = f", or {samples:,} answers to each" if samples is not None else ""
    return f"; about {needed:,} instances would decide it, there are {n:,}{more}"


def sides(outcome: Outcome, passed: str, failed: str, open_: str) -> str:
    """Return the words that fit the outcome."""
    return {"pass": passed, "fail": failed, "undecided": open_}[outcome]
