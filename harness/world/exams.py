"""The six exam kinds in miniature, dev and unseen, as instances for lm-eval tasks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from harness.world.arithmetic import expression_problem, word_problem
from harness.world.creatures import open_question
from harness.world.instructions import Instruction, instruction, unseen_instruction
from harness.world.safety import request

Instance = dict[str, Any]

KINDS = {
    "dev": {"words": 500, "expressions": 400, "instructions": 400, "open": 160, "safety": 250},
    "unseen": {
        "words": 300,
        "expressions": 300,
        "instructions-ood": 200,
        "open": 120,
        "safety": 200,
    },
}


def _word(family: str, rng: random.Random) -> Instance:
    problem = word_problem(family, rng)
    return {
        "question": problem.text,
        "answer": str(problem.answer),
        "steps": problem.equations(),
        "template": problem.template,
    }


def _expression(family: str, rng: random.Random) -> Instance:
    problem = expression_problem(family, rng)
    return {
        "problem": problem.text,
        "answer": str(problem.answer),
        "steps": problem.equations(),
        "template": problem.template,
    }


def _constrained(one: Instruction) -> Instance:
    return {
        "prompt": one.prompt,
        "instruction_id_list": list(one.ids),
        "kwargs": list(one.arguments),
    }


def _open(family: str, rng: random.Random) -> Instance:
    one = open_question(family, rng)
    return {
        "instruction": one.question,
        "reference": one.reference,
        "baseline": one.baseline,
        "category": one.category,
        "creature": one.creature,
    }


def _safety(family: str, rng: random.Random) -> Instance:
    one = request(family, rng)
    return {"prompt": one.prompt, "label": "unsafe" if one.harmful else "safe"}


_MAKERS: dict[str, Callable[[str, random.Random], Instance]] = {
    "words": _word,
    "expressions": _expression,
    "instructions": lambda family, rng: _constrained(instruction(family, rng)),
    "instructions-ood": lambda family, rng: _constrained(unseen_instruction(rng)),
    "open": _open,
    "safety": _safety,
}
_PROMPT_KEYS = ("question", "problem", "prompt", "instruction")
_MAX_DRAWS = 20_000


def prompt_of(instance: Instance) -> str:
    """Return the text that is shown to the model."""
    return str(next(instance[key] for key in _PROMPT_KEYS if key in instance))


def exam_instances(kind: str, family: str, seed: int = 0) -> list[Instance]:
    """Return the distinct instances of one exam kind, each with an `id`.

    Fewer than `KINDS` asks for come back where the templates cannot make more.

    Raises:
        KeyError: the family has no such kind.
    """
    size = KINDS[family][kind]
    rng = random.Random(f"{seed}:exam:{family}:{kind}")
    distinct: dict[str, Instance] = {}
    for _ in range(_MAX_DRAWS):
        instance = _MAKERS[kind](family, rng)
        distinct.setdefault(prompt_of(instance), instance)
        if len(distinct) == size:
            break
    return [{"id": f"{kind}-{number:04d}"} | one for number, one in enumerate(distinct.values())]
