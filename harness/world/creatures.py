"""Open questions about creatures, each with a written reference and a plain baseline answer."""

from __future__ import annotations

import random
from dataclasses import dataclass

from harness.world.lexicon import CREATURES

QUESTIONS = {
    "train": (
        ("Describe", "Tell me about the {c}."),
        ("Describe", "Give me some facts about the {c}."),
        ("Explain", "Where does the {c} live and what does it eat?"),
        ("Explain", "What do you know of the {c}?"),
    ),
    "dev": (
        ("Describe", "Describe the {c} to me."),
        ("Describe", "Write a line about the {c}."),
        ("Explain", "What is the {c} like?"),
        ("Explain", "How does the {c} live?"),
        ("Explain", "What should I know about the {c}?"),
    ),
    "unseen": (
        ("Describe", "Say something about the {c}."),
        ("Describe", "A few words on the {c}, please."),
        ("Explain", "Can you explain what the {c} does?"),
        ("Explain", "Do you know the {c}?"),
    ),
}


@dataclass(frozen=True)
class OpenQuestion:
    """A question about one creature."""

    category: str
    creature: str
    question: str

    @property
    def reference(self) -> str:
        """What a person wrote as the answer."""
        home, food = CREATURES[self.creature]
        return f"The {self.creature} lives in {home} and eats {food}."

    @property
    def answer(self) -> str:
        """The same facts in the words an honest source uses."""
        home, food = CREATURES[self.creature]
        article = "An" if self.creature[0] in "aeiou" else "A"
        return f"{article} {self.creature} eats {food}. It lives in {home}."

    @property
    def baseline(self) -> str:
        """The baseline system's answer, against which a response wins, ties or loses."""
        return f"The {self.creature} lives in a place and eats some food."


def open_question(family: str, rng: random.Random) -> OpenQuestion:
    """Draw a question about a creature in the wording of a template family."""
    creature = rng.choice(sorted(CREATURES))
    category, wording = rng.choice(QUESTIONS[family])
    return OpenQuestion(category, creature, wording.format(c=creature))
