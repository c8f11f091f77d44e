"""Turns the columns of safety data sets into `prompt` and `label`."""

from __future__ import annotations

from typing import Any


def harmbench(documents: Any) -> Any:
    """Return HarmBench's standard and contextual behaviours as prompts.

    Copyright behaviours are left out: they are judged by overlap with a text, not by refusal. A
    contextual behaviour is put after its context, as HarmBench's own test cases are.
    """
    kept = documents.filter(lambda row: row.get("FunctionalCategory", "standard") != "copyright")
    return kept.map(_behaviour)


def _behaviour(row: dict[str, Any]) -> dict[str, Any]:
    behaviour = row.get("Behavior") or row["prompt"]
    context = row.get("ContextString") or ""
    prompt = f"{context}\n\n---\n\n{behaviour}" if context else behaviour
    return {"prompt": prompt, "label": "unsafe"}
