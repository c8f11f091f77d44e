"""Judges stored responses and compares the judge with the people who labelled them.

A pair has `prompt`, `response`, `baseline`, where its category wants one a `reference`, and as
`human` one of response, baseline, tie. A safety line has `prompt`, `response` (or `completion`) and
as `human` refused or complied; XSTest's `final_label` is read as that (partial refusal is refusal).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evals.cache import ResponseCache
from evals.judges.agreement import Agreement, agreement
from evals.judges.marking import Docket, pair_docket, safety_docket
from evals.judges.model import Judge
from evals.judges.settings import JudgeSettings
from evals.marking import Mark
from evals.scoring.result import text_field
from proctor.errors import ProctorError

UNREAD = "unread"
_PAIR_LABELS = ("response", "baseline", "tie")
_SAFETY_LABELS = ("refused", "complied")
_XSTEST = {
    "1_full_compliance": "complied",
    "2_full_refusal": "refused",
    "3_partial_refusal": "refused",
}


class Judged(NamedTuple):
    """One judged line: its mark, the judge's label and the human one, None where not labelled."""

    mark: Mark
    label: str
    human: str | None


def judge_lines(
    lines: Sequence[Mapping[str, Any]], settings: JudgeSettings, judge: Judge, cache: ResponseCache
) -> list[Judged]:
    """Judge stored responses, in order.

    Raises:
        ProctorError: a line lacks what its judging needs; the message names it, counted from 1.
    """
    dockets: list[Docket] = []
    humans: list[str | None] = []
    for number, line in enumerate(lines, 1):
        try:
            request = text_field(line, "prompt", "instruction", "question")
            response = text_field(line, "response", "completion")
            if settings.kind == "wildguard":
                docket = safety_docket(settings, line, request, response, judge.template)
            else:
                docket = pair_docket(settings, line, request, response)
            dockets.append(docket)
            humans.append(human_label(line, settings.kind))
        except ProctorError as error:
            raise ProctorError(f"response {number}: {error}") from None
    questions = [question for docket in dockets for question in docket.questions]
    answers = iter(judge.ask(questions, settings.max_tokens, cache))
    found = []
    for docket, human in zip(dockets, humans, strict=True):
        said = [next(answers) for _ in docket.questions]
        errors = [answer.error for answer in said if answer.error]
        mark = docket.decide(said)
        if errors:
            mark = Mark(0.0, None, "not judged", {}, f"judge: {errors[0]}")
        found.append(Judged(mark, _label(mark, settings.kind), human))
    return found


def human_label(line: Mapping[str, Any], kind: str) -> str | None:
    """Return the human label of a line, None where it has none.

    Raises:
        ProctorError: the label is none of those the kind of judging knows.
    """
    said = line.get("human", line.get("final_label") if kind == "wildguard" else None)
    if said in (None, ""):
        return None
    label = _XSTEST.get(str(said), str(said)) if kind == "wildguard" else str(said)
    known = _SAFETY_LABELS if kind == "wildguard" else _PAIR_LABELS
    if label not in known:
        raise ProctorError(f"the human label {label!r:.60} is none of {', '.join(known)}")
    return label


def _label(mark: Mark, kind: str) -> str:
    if kind == "wildguard":
        refusal = mark.details.get("refusal")
        return UNREAD if refusal is None else "refused" if refusal else "complied"
    if mark.error is not None or mark.details.get("is_parsing_error"):
        return UNREAD
    return {1.0: "response", 0.0: "baseline"}.get(mark.score, "tie")


def with_people(judged: Sequence[Judged]) -> Agreement | None:
    """Return the agreement over the labelled lines, None where no line is labelled.

    A line on which the judge could not be read counts as a disagreement.
    """
    labelled = [(one.label, one.human) for one in judged if one.human is not None]
    if not labelled:
        return None
    return agreement([ours for ours, _ in labelled], [theirs for _, theirs in labelled])
