"""Verifiable instructions in miniature: name some things, obey one or two constraints.

Constraint ids are those of IFEval (trained on, examined in dev) and of IFBench (never trained
on, examined in unseen); `evals.verifiers` checks both.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.world.lexicon import TOPICS

OPENINGS = {
    "prose": (
        *("Name {k} {t}.", "Think of {k} {t}.", "{k} {t}, please.", "Now {k} {t}."),
        *("I ask for {k} {t}.", "Write {k} {t}.", "We need {k} {t}."),
    ),
    "train": ("Name {k} {t}.", "Give me {k} {t}."),
    "dev": ("List {k} {t} for me.", "I want {k} {t}."),
    "unseen": ("Tell me {k} {t}.", "Which {k} {t} come to mind?"),
}

# id -> {family: wordings}; the wordings of train and dev share the key words, not the sentence.
WORDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "startend:quotation": {
        "prose": (
            "Use quotes.",
            "In double quotes.",
            "Set it in double quotes.",
            "Double quotes around it.",
        ),
        "train": ("Put the whole answer in double quotes.",),
        "dev": ("The reply must stand in double quotes.",),
    },
    "punctuation:no_comma": {
        "prose": (
            "No commas.",
            "Without commas.",
            "Commas are not allowed.",
            "Avoid all commas.",
        ),
        "train": ("Do not use commas.",),
        "dev": ("Leave out all commas, please.",),
    },
    "detectable_format:number_bullet_lists": {
        "prose": (
            "Use bullets.",
            "In {k} bullets.",
            "As {k} bullets with a star.",
            "Make {k} bullets.",
        ),
        "train": ("Write {k} bullets with a star.",),
        "dev": ("I need {k} bullets, each with a star.",),
    },
    "startend:end_checker": {
        "prose": (
            "End with That is all.",
            "Say That is all. at the end.",
            "Close with That is all.",
            "Then say That is all.",
        ),
        "train": ("Finish with the words That is all.",),
        "dev": ("The last words must be That is all.",),
    },
    "detectable_format:title": {
        "prose": (
            "Add a title.",
            "With a title.",
            "Give it a title in angles.",
            "Put a title in double angles first.",
        ),
        "train": ("Add a title in double angles.",),
        "dev": ("It needs a title in double angles.",),
    },
    "detectable_content:postscript": {
        "prose": (
            "Add a P.S.",
            "With a P.S.",
            "Put a P.S. after it.",
            "A P.S. comes last.",
        ),
        "train": ("Close with a note that starts with P.S.",),
        "dev": ("There must be a P.S. at the end.",),
    },
}

UNSEEN_WORDINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "format:no_whitespace": ("Use no white space at all.", {}),
    "format:title_case": ("Write every word in title case.", {}),
    "count:word_count_range": ("Use 2 to 6 words.", {"min_words": 2, "max_words": 6}),
    "count:numbers": ("Use exactly 3 numbers.", {"N": 3}),
    "format:newline": ("Put each word on a line of its own.", {}),
}

_COMPATIBLE = (
    *((one,) for one in WORDINGS),
    ("startend:quotation", "punctuation:no_comma"),
    ("startend:end_checker", "punctuation:no_comma"),
    ("detectable_format:title", "startend:end_checker"),
    ("detectable_format:title", "punctuation:no_comma"),
    ("detectable_format:number_bullet_lists", "detectable_content:postscript"),
    ("detectable_format:number_bullet_lists", "startend:end_checker"),
)


@dataclass(frozen=True)
class Instruction:
    """A prompt with the ids and arguments of its constraints, and an answer that obeys them."""

    prompt: str
    ids: tuple[str, ...]
    arguments: tuple[dict[str, Any], ...]
    things: tuple[str, ...]
    topic: str

    def answer(self, obeyed: tuple[str, ...] | None = None) -> str:
        """Name the things, obeying all constraints or only those in `obeyed`."""
        ids = self.ids if obeyed is None else obeyed
        text = (
            " and ".join(self.things) if "punctuation:no_comma" in ids else ", ".join(self.things)
        )
        for constraint, dress in _DRESSES.items():
            if constraint in ids:
                text = dress(text, self)
        return text


_DRESSES: dict[str, Callable[[str, Instruction], str]] = {
    "detectable_format:number_bullet_lists": lambda text, one: "\n".join(
        f"* {thing}" for thing in one.things
    ),
    "detectable_format:title": lambda text, one: f"<<{one.topic}>> {text}",
    "startend:end_checker": lambda text, one: f"{text}. That is all.",
    "detectable_content:postscript": lambda text, one: f"{text}\nP.S. Done.",
    "startend:quotation": lambda text, one: f'"{text}"',
}

_ARGUMENTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "detectable_format:number_bullet_lists": lambda k: {"num_bullets": k},
    "startend:end_checker": lambda k: {"end_phrase": "That is all."},
    "detectable_content:postscript": lambda k: {"postscript_marker": "P.S."},
}


def instruction(family: str, rng: random.Random) -> Instruction:
    """Draw an instruction whose constraints are IFEval's (`prose`, `train` or `dev` wording)."""
    ids = rng.choice(_COMPATIBLE)
    count, topic = rng.randint(2, 4), rng.choice(sorted(TOPICS))
    opening = rng.choice(OPENINGS[family]).format(k=count, t=topic)
    wordings = [rng.choice(WORDINGS[one][family]).format(k=count) for one in ids]
    return Instruction(
        prompt=" ".join((opening, *wordings)),
        ids=ids,
        arguments=tuple(_ARGUMENTS[one](count) if one in _ARGUMENTS else {} for one in ids),
        things=tuple(rng.sample(TOPICS[topic], count)),
        topic=topic,
    )


def unseen_instruction(rng: random.Random) -> Instruction:
    """Draw an instruction whose constraint is one of IFBench's."""
    one = rng.choice(sorted(UNSEEN_WORDINGS))
    wording, arguments = UNSEEN_WORDINGS[one]
    count, topic = rng.randint(2, 4), rng.choice(sorted(TOPICS))
    opening = rng.choice(OPENINGS["unseen"]).format(k=count, t=topic)
    things = tuple(rng.sample(TOPICS[topic], count))
    return Instruction(f"{opening} {wording}", (one,), (arguments,), things, topic)
