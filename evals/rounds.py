"""The order in which an examination asks: one random or file order, or rounds given from outside.

Between two rounds everything asked so far is scored, so that whoever watches can stop there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Literal

from evals.paper import Paper
from proctor.errors import ProctorError

Order = Literal["random", "file"]
# Question numbers (places in `Paper.questions`), round by round; or how to get them of a paper.
Rounds = Sequence[Sequence[int]] | Callable[[Paper], Sequence[Sequence[int]]]


def in_rounds(paper: Paper, rounds: Rounds | None, order: Order) -> Sequence[Sequence[int]]:
    """Return the question numbers round by round; all in one round where none are given.

    Raises:
        ProctorError: the rounds given leave a question out or name one twice.
    """
    count = len(paper.questions)
    if rounds is None:
        numbers = list(range(count))
        if order == "random":
            random.Random(str(paper.head["seed"])).shuffle(numbers)
        return [numbers]
    found = rounds(paper) if callable(rounds) else rounds
    named = [number for one in found for number in one]
    if sorted(named) != list(range(count)):
        raise ProctorError(
            f"the rounds of the examination name {len(named)} questions, {len(set(named))} of them "
            f"different; name each of the {count} questions of the paper once"
        )
    return found
