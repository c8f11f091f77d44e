"""Instruction following (IFEval, IFBench): the prompt counts if every instruction is followed.

Source: Zhou et al. 2023 (arXiv 2311.07911) and Pyatkin et al. 2025 (arXiv 2507.02833); the score
is prompt-level loose accuracy, which Tulu 3 and IFBench report. `details["fraction"]` is the share
of instructions followed (loose), for rewards that give partial credit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.scoring.result import Score
from evals.verifiers import follow
from proctor.errors import ProctorError


def score_instructions(instance: Mapping[str, Any], response: str) -> Score:
    """Judge a response against `instruction_id_list` and `kwargs` of its instance."""
    ids, kwargs = _instructions(instance)
    verdict = follow(ids, kwargs, response)
    failed = [name for name, ok in zip(ids, verdict.loose, strict=True) if not ok]
    reason = "not followed: " + ", ".join(failed) if failed else "every instruction is followed"
    if not response.strip():
        reason = "the response is empty"
    return Score(0.0 if failed else 1.0, None, reason, _details(verdict.strict, verdict.loose))


def none_followed(instance: Mapping[str, Any], _response: str) -> dict[str, Any]:
    """Return the details of a response that was turned away: nothing is followed."""
    failed = (False,) * len(_instructions(instance)[0])
    return _details(failed, failed)


def _details(strict: tuple[bool, ...], loose: tuple[bool, ...]) -> dict[str, Any]:
    return {
        "instructions_strict": list(strict),
        "instructions_loose": list(loose),
        "prompt_strict": all(strict),
        "prompt_loose": all(loose),
        "fraction": sum(loose) / len(loose),
    }


def _instructions(instance: Mapping[str, Any]) -> tuple[list[str], list[Mapping[str, Any]]]:
    ids = instance.get("instruction_id_list")
    if not isinstance(ids, list) or not ids or not all(isinstance(i, str) for i in ids):
        raise ProctorError("the instance needs 'instruction_id_list', a list of constraint ids")
    kwargs = instance.get("kwargs")
    if kwargs is None:
        kwargs = [{}] * len(ids)
    if not isinstance(kwargs, list) or not all(k is None or isinstance(k, dict) for k in kwargs):
        raise ProctorError("the instance's 'kwargs' must be a list of objects, one an instruction")
    return ids, [k or {} for k in kwargs]
