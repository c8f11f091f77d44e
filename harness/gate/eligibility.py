"""May two examinations be held against each other at all? What their manifests say.

Rows are compared in `pairing`; this file compares the settings under which they came about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.gate.verdict import Problem

# What must agree between the two examinations of a task, and how it is called in a message.
SAME_TASK = {
    "version": "task version",
    "scorer": "scorer",
    "metric": "metric",
    "data_digest": "data",
    "sampling": "sampling settings",
    "few_shot": "number of few-shot examples",
}
SAME_ENGINE = {"name": "engine", "dtype": "engine precision"}


def suite_problems(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Problem]:
    """Return what keeps two examinations as wholes apart; empty manifests are not compared."""
    if not ours or not theirs:
        return []
    problems = []
    mine, other = _suite(ours), _suite(theirs)
    name = theirs.get("checkpoint", {}).get("name", "INCUMBENT")
    again = f"proctor eval {name} --suite {mine[0]}"
    if mine != other:
        pair = [f"{name} {digest[:12]}" for name, digest in (mine, other)]
        text = f"the two examinations are of different suites ({pair[0]} and {pair[1]})"
        problems.append(Problem(None, text, again))
    engines = ours.get("engine", {}), theirs.get("engine", {})
    for key, words in SAME_ENGINE.items():
        first, second = engines[0].get(key), engines[1].get(key)
        if first != second:
            text = f"the two examinations differ in {words} ({first} and {second})"
            problems.append(Problem(None, text, again))
    for name, side in (("candidate", ours), ("incumbent", theirs)):
        if side.get("stopped"):
            text = f"the examination of the {name} was stopped before its end"
            problems.append(Problem(None, text, again))
        for task, why in side.get("missing", {}).items():
            text = f"{task}: the {name} could not be asked ({why})"
            problems.append(Problem(task, text, again))
    return problems


def _suite(manifest: Mapping[str, Any]) -> tuple[str, str]:
    suite = manifest.get("suite", {})
    return str(suite.get("name")), str(suite.get("digest"))


def setting_problems(task: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return what keeps two examinations of one task apart; what is not recorded is not compared.

    An examination of the first instances only, or of data other than the suite pins, is never
    evidence, even where both sides agree on it.
    """
    messages = [
        f"{task}: the two differ in {words} ({ours[key]} and {theirs[key]})"
        for key, words in SAME_TASK.items()
        if key in ours and key in theirs and ours[key] != theirs[key]
    ]
    for name, side in (("candidate", ours), ("incumbent", theirs)):
        if side.get("limit") is not None:
            messages.append(
                f"{task}: the {name} was examined on the first {side['limit']} instances only"
            )
        if side.get("drifted"):
            messages.append(f"{task}: the {name} was examined on data the suite does not pin")
    return messages
