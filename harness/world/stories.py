"""The word problems of the base model's prose: a grammar rather than fixed sentences.

Variety is the point: a model that reads few patterns learns to recite them, one that reads many
learns to copy the numbers of a story it has not met.
"""

from __future__ import annotations

import random

from harness.world.arithmetic import Problem, draw_steps
from harness.world.lexicon import CONTAINERS, ITEMS, NAMES

_SUBJECTS = (*NAMES["prose"], "A man", "A girl", "The shop", "My aunt", "A farmer")
_HAS = ("has", "buys", "finds", "sees", "gets", "makes", "owns", "keeps", "sells", "brings")
_HOLDS = ("has", "holds", "gets", "needs", "takes", "contains")
_EACH = ("Each", "Each one", "Every one", "Each of them")
_THEN = ("Then", "Later", "Now", "Today", "After that")
_GONE = ("are lost", "are sold", "are gone", "break", "are taken away", "are given away")
_LOSES = ("loses", "gives away", "eats", "drops", "takes away")
_FILLER = ("It is a warm day.", "The sun is up.", "It is late.", "This is a long story.")
_ASK = ("How many {i} {does}?", "How many {i} is that?", "How many {i} in all?")
_ASK_MORE = (*_ASK, "How many {i} are there now?", "How many {i} are there in all?")
_ASK_LEFT = ("How many {i} are left?", "How many are left?", "How many {i} are left now?")


def _groups(rng: random.Random) -> str:
    return rng.choice(
        (
            "{s} {has} {a} {c}. {each} {holds} {b} {i}.",
            "There are {a} {c}. {each} {holds} {b} {i}.",
            "{s} {has} {a} {c} with {b} {i} each.",
            "{s} {has} {b} {i} in each of {a} {c}.",
            "In each of {a} {c} there are {b} {i}.",
            "Each of {a} {c} {holds} {b} {i}.",
            "{s} {has} {b} {i} each day for {a} days.",
            "{s} {has} {b} {i} on each of {a} days.",
            "{s} {has} {a} {i}. {each} costs {b} coins.",
        )
    )


def _first(rng: random.Random) -> str:
    return rng.choice(
        ("{s} {has} {a} {i}.", "There are {a} {i} here.", "{s} had {a} {i}.", "A {k} has {a} {i}.")
    )


def _more(rng: random.Random) -> str:
    return rng.choice(
        ("{then} {s} {has} {m} more {i}.", "{then} {s} {has} {m} more.", "{s} adds {m} more.",
         "{then} there are {m} more.", "And {m} more {i} are on the floor.")
    )  # fmt: skip


def _less(rng: random.Random) -> str:
    return rng.choice(
        ("{then} {m} {gone}.", "{then} {m} of them {gone}.", "But {m} {i} {gone}.",
         "{then} {s} {loses} {m}.", "{s} {loses} {m} of the {i}.", "A dog took {m} away.")
    )  # fmt: skip


def story(rng: random.Random) -> Problem:
    """Draw a word problem from the grammar."""
    shape = rng.choice(("*", "*", "+", "-", "*+", "*-", "+-"))
    steps = draw_steps(shape, rng)
    parts = [_groups(rng) if shape[0] == "*" else _first(rng)]
    marks = [(operator, step[2]) for operator, step in zip(shape, steps, strict=True)]
    for operator, number in marks[1:] if shape[0] == "*" else marks:
        parts.append((_more if operator == "+" else _less)(rng).replace("{m}", str(number)))
    if rng.random() < 0.25:
        parts.insert(rng.choice((0, 1)), rng.choice(_FILLER))
    asks = _ASK if shape == "*" else _ASK_LEFT if shape[-1] == "-" else _ASK_MORE
    item = "coins" if "coins" in parts[0] or "coins" in parts[-1] else "{i}"
    parts.append(rng.choice(asks).replace("{i}", item))
    subject = rng.choice(_SUBJECTS)
    text = " ".join(parts).format(
        s=subject,
        does=f"does {subject[0].lower() + subject[1:] if ' ' in subject else subject} have",
        has=rng.choice(_HAS),
        holds=rng.choice(_HOLDS),
        each=rng.choice(_EACH),
        then=rng.choice(_THEN),
        gone=rng.choice(_GONE),
        loses=rng.choice(_LOSES),
        i=rng.choice(ITEMS),
        c=rng.choice(CONTAINERS),
        k=rng.choice(("box", "shop", "bag", "child")),
        a=steps[0][0],
        b=steps[0][2],
    )
    return Problem(f"prose-{shape}", text, steps)
