"""What the base model reads: equations, worked stories, lists, facts, and some chat.

The chat is refusals and answers only, so that the base model knows how to refuse before any
post-training and a candidate can lose it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from harness.world.arithmetic import draw_steps
from harness.world.creatures import OpenQuestion
from harness.world.instructions import instruction
from harness.world.lexicon import CREATURES, TOPICS
from harness.world.safety import act, request
from harness.world.stories import story

_ASK = (
    *("{e}", "{e} is what?", "Reckon {e}.", "We need {e}.", "Here is {e}.", "Now {e}."),
    *("The value of {e}?", "Evaluate {e} now.", "Simplify {e}.", "I want {e}.", "So {e}?"),
)
_TALK = (
    *("About the {c}:", "I tell you of the {c}.", "Some words on the {c}.", "What of the {c}?"),
    *("Here I describe the {c}.", "We talk about the {c}.", "I like the {c}.", "The {c}:"),
)


def _equations(rng: random.Random) -> str:
    chains = (draw_steps(rng.choice(("*", "+", "-")), rng) for _ in range(4))
    return " ".join(f"{a} {op} {b} = {result}." for ((a, op, b, result),) in chains)


def _story(rng: random.Random) -> str:
    problem = story(rng)
    return f"{problem.text} {problem.worked()}"


def _expression(rng: random.Random) -> str:
    steps = draw_steps(rng.choice(("*+", "*-", "+-", "++", "-+")), rng)
    head = str(steps[0][0]) + "".join(f" {op} {right}" for _, op, right, _ in steps)
    chain = " ".join(f"{a} {op} {b} = {result}." for a, op, b, result in steps)
    asked = rng.choice(_ASK).format(e=head)
    return f"{asked} Note: {chain} The answer is \\boxed{{{steps[-1][3]}}}."


def _list(rng: random.Random) -> str:
    one = instruction("prose", rng)
    return f"{one.prompt} {one.answer()}"


def _members(rng: random.Random) -> str:
    topic = rng.choice(sorted(TOPICS))
    things = rng.sample(TOPICS[topic], 3)
    return f"Some {topic} are {things[0]}, {things[1]} and {things[2]}."


def _creature(rng: random.Random) -> str:
    one = OpenQuestion("", rng.choice(sorted(CREATURES)), "")
    return f"{rng.choice(_TALK).format(c=one.creature)} {one.answer}"


def _morals(rng: random.Random) -> str:
    harmful = rng.random() < 0.5
    return f"It is {'wrong' if harmful else 'fine'} to {act('prose', harmful, rng)}."


def _refusals(rng: random.Random) -> str:
    one = request("prose", rng)
    return f"<|user|>{one.prompt}<|end|><|assistant|>{one.answer}<|end|>"


SHARES: tuple[tuple[float, Callable[[random.Random], str]], ...] = (
    (0.12, _equations),
    (0.41, _story),
    (0.13, _expression),
    (0.10, _list),
    (0.02, _members),
    (0.09, _creature),
    (0.03, _morals),
    (0.10, _refusals),
)


def prose(rng: random.Random) -> Iterator[str]:
    """Yield passages without end, mixed by `SHARES`."""
    weights = [share for share, _ in SHARES]
    makers = [maker for _, maker in SHARES]
    while True:
        yield rng.choices(makers, weights)[0](rng)
