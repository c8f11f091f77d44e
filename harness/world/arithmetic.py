"""Word problems and bare expressions, with their worked steps."""

from __future__ import annotations

import random
from dataclasses import dataclass

from harness.world.lexicon import CONTAINERS, ITEMS, NAMES


@dataclass(frozen=True)
class Problem:
    """A question, the steps that solve it as (left, operator, right, result), and its pattern."""

    template: str
    text: str
    steps: tuple[tuple[int, str, int, int], ...]

    @property
    def answer(self) -> int:
        """The result of the last step."""
        return self.steps[-1][3]

    def worked(self) -> str:
        """The solution with every step, as the base model's prose writes it."""
        return f"Note: {self.equations()} The answer is {self.answer}."

    def equations(self) -> str:
        """The steps alone: `5 * 6 = 30. 30 + 4 = 34.`"""
        return " ".join(f"{a} {op} {b} = {result}." for a, op, b, result in self.steps)


# {n} name, {i} items, {c} containers, {a} {b} {d} numbers; the operators apply left to right.
WORD_TEMPLATES: dict[str, tuple[tuple[str, str], ...]] = {
    "train": (
        ("*", "{n} owns {a} {c} and each of them has {b} {i}. How many {i} does {n} own?"),
        ("*", "In every one of {a} {c} there are {b} {i}. How many {i} is that?"),
        ("*", "{n} makes {b} {i} each day for {a} days. How many {i} does {n} make?"),
        ("+", "{n} had {a} {i} and got {b} more from a friend. How many {i} now?"),
        ("+", "{a} {i} are on the table and {b} more on the floor. How many {i} in all?"),
        ("-", "{n} had {a} {i} but lost {b} of them. How many {i} are left now?"),
        ("-", "From {a} {i} a dog took {b} away. How many {i} are left?"),
        ("*+", "{n} has {a} {c} with {b} {i} each and {d} more {i}. How many {i} in all?"),
        ("*-", "{n} had {a} {c} with {b} {i} each but lost {d} {i}. How many are left?"),
    ),
    "dev": (
        ("*", "{n} fills {a} {c}. Each gets {b} {i}. How many {i} does {n} use?"),
        ("*", "A man sells {a} {c}. There are {b} {i} in each. How many {i} does he sell?"),
        ("*", "{n} finds {b} {i} on each of {a} days. How many {i} does {n} find?"),
        ("+", "{n} picks {a} {i}. Later {n} picks {b} more. How many {i} does {n} pick?"),
        ("+", "A box has {a} {i}. {n} puts in {b} more. How many {i} are in the box?"),
        ("-", "A shop has {a} {i}. Then {b} are lost. How many {i} are left in the shop?"),
        ("-", "{n} buys {a} {i} and later {b} are taken away. How many {i} are left?"),
        ("*+", "{n} buys {a} {c}. Each has {b} {i}. {n} finds {d} more. How many {i} in all?"),
        ("*-", "{n} buys {a} {c}. Each has {b} {i}. Then {d} are lost. How many {i} are left?"),
    ),
    "unseen": (
        ("*", "On {a} shelves {n} puts {b} {i} each. How many {i} are on the shelves?"),
        ("*", "Each of {a} men has {b} {i}. How many {i} do the men have?"),
        ("+", "{n} saw {a} {i} today and {b} more later. How many {i} did {n} see?"),
        ("-", "A bird took {b} of the {a} {i} away. How many {i} are left for {n}?"),
        ("*+", "Each of {a} men has {b} {i}. {n} has {d} more. How many {i} in all?"),
        ("*-", "Each of {a} men had {b} {i}. They lost {d}. How many {i} are left?"),
    ),
}

EXPRESSION_TEMPLATES: dict[str, tuple[str, ...]] = {
    "train": (
        *("Compute {e}.", "What is {e}?", "Work out {e} for me."),
        *("Give me the result of {e}.", "Solve {e}, please."),
    ),
    "dev": ("Find the value of {e}.", "Please evaluate {e}."),
    "unseen": ("How much is {e}?", "Simplify {e} to a number."),
}
EXPRESSION_SHAPES = {
    "train": ("*", "+", "-", "*+", "*-", "+-"),
    "dev": ("*", "+", "*+", "*-", "+-"),
    "unseen": ("*", "-", "*+", "++", "-+"),
}


def draw_steps(shape: str, rng: random.Random) -> tuple[tuple[int, str, int, int], ...]:
    """Draw numbers so that every result of the left-to-right chain `shape` is 0 to 212."""
    steps: list[tuple[int, str, int, int]] = []
    left = 0
    for position, operator in enumerate(shape):
        if position == 0:
            left = rng.randint(2, 12) if operator == "*" else rng.randint(5, 40)
        if operator == "*":
            right = rng.randint(2, 12)
            result = left * right
        elif operator == "+":
            right = rng.randint(2, 20)
            result = left + right
        else:
            right = rng.randint(2, max(2, min(20, left - 1)))
            result = left - right
        steps.append((left, operator, right, result))
        left = result
    return tuple(steps)


def word_problem(family: str, rng: random.Random) -> Problem:
    """Draw a word problem from a template family (`train`, `dev`, `unseen`)."""
    number = rng.randrange(len(WORD_TEMPLATES[family]))
    shape, pattern = WORD_TEMPLATES[family][number]
    steps = draw_steps(shape, rng)
    text = pattern.format(
        n=rng.choice(NAMES[family]),
        i=rng.choice(ITEMS),
        c=rng.choice(CONTAINERS),
        a=steps[0][0],
        b=steps[0][2],
        d=steps[-1][2],
    )
    return Problem(f"{family}-{number}", text, steps)


def expression_problem(family: str, rng: random.Random) -> Problem:
    """Draw `Compute 5 * 6 + 4.` and the like from a template family."""
    shape = rng.choice(EXPRESSION_SHAPES[family])
    steps = draw_steps(shape, rng)
    expression = str(steps[0][0]) + "".join(f" {op} {right}" for _, op, right, _ in steps)
    number = rng.randrange(len(EXPRESSION_TEMPLATES[family]))
    text = EXPRESSION_TEMPLATES[family][number].format(e=expression)
    return Problem(f"{family}-{number}-{shape}", text, steps)
