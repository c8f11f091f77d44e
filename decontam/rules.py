"""The named rules: what counts as a match, as data with the source of every number.

Every rule measures an instance against one training document at a time, because a document is what
can be shown and taken out; llama3 and palm were published for a whole corpus at once, so a source
scores no higher here than there. An instance with fewer tokens than n is found when all of it
stands in the document without a break; the published rules leave it open. Nothing here scans
anything; `decontam.scanner` reads these fields.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from proctor.errors import UsageError

Measure = Literal["coverage", "grams", "any"]


@dataclass(frozen=True)
class Rule:
    """One definition of "this exam instance is in the training data".

    Attributes:
        name: what `--rule` calls it.
        source: where the definition was published.
        n: length of the n-grams, in tokens of `decontam.normalise`.
        measure: what is compared with `threshold`: "coverage", the share of the instance's tokens
            that lie in a shared n-gram; "grams", the share of its n-grams that are shared;
            "any", 1 when one n-gram is shared, else 0.
        threshold: an instance is matched above it, or at it where `inclusive`.
        inclusive: whether reaching the threshold is enough.
        prompts_only: read only what a user writes, never assistant, system or tool turns.
        span_turns: whether an n-gram may run from one turn into the next.
        common: n-grams found in at least so many instances of a task are evidence for none of
            them (0: every n-gram counts).
        second_stage: whether edited, reordered, re-numbered and truncated copies are looked for.
        soft: whether paraphrases are looked for by rare words and number sets.
        encodings: whether base64, rot13, reversed and similar text is decoded and scanned.
        answers: whether the answers of instances are looked for on their own.
        share: a source is contaminated when more than this share of a task's instances is found.
    """

    name: str
    source: str
    n: int
    measure: Measure
    threshold: float
    inclusive: bool = False
    prompts_only: bool = False
    span_turns: bool = False
    common: int = 0
    second_stage: bool = False
    soft: bool = False
    encodings: bool = False
    answers: bool = False
    share: float = 0.02

    def as_dict(self) -> dict[str, Any]:
        """Return all fields, for a manifest."""
        return asdict(self)


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            name="tulu3",
            source="Lambert et al. 2024, Tulu 3, arXiv:2411.15124, section 3.2",
            n=8,
            measure="coverage",
            threshold=0.5,
            prompts_only=True,
        ),
        Rule(
            name="gpt3",
            source="Brown et al. 2020, Language Models are Few-Shot Learners, "
            "arXiv:2005.14165, appendix C",
            n=13,
            measure="any",
            threshold=0.0,
        ),
        Rule(
            name="llama3",
            source="Llama Team 2024, The Llama 3 Herd of Models, arXiv:2407.21783, section 5.1.4; "
            "the paper picks the share per benchmark, one half is taken here for all",
            n=8,
            measure="coverage",
            threshold=0.5,
            inclusive=True,
        ),
        Rule(
            name="palm",
            source="Chowdhery et al. 2022, PaLM, arXiv:2204.02311, section 8",
            n=8,
            measure="grams",
            threshold=0.7,
            inclusive=True,
        ),
        Rule(
            name="proctor",
            source="Proctor, docs/decontamination.md",
            n=5,
            measure="coverage",
            threshold=0.5,
            inclusive=True,
            span_turns=True,
            common=5,
            second_stage=True,
            soft=True,
            encodings=True,
            answers=True,
        ),
    )
}


def rule_named(name: str) -> Rule:
    """Return the rule of that name.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    if name not in RULES:
        raise UsageError(f"there is no rule {name!r}: use one of {', '.join(RULES)}")
    return RULES[name]
