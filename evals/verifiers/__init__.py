"""Verifiable constraints: does a response do what its prompt asked, decided by a program.

Everything is deterministic and offline: no random letters, no seedless language detection, no
downloads. A training loop may use a verifier as a reward only if `is_unseen_family` says no.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from evals.verifiers import (
    ifbench_counts,
    ifbench_custom,
    ifbench_format,
    ifbench_sentences,
    ifbench_words,
    ifeval_content,
    ifeval_form,
    training_content,
    training_form,
)
from evals.verifiers.base import IFEVAL, OOD, TRAINING, Kind, Verifier
from evals.verifiers.following import Following, follow, loose_variants
from proctor.errors import ProctorError

# Importing a group declares its verifiers; naming the groups here keeps that import visible.
GROUPS = (
    ifeval_content,
    ifeval_form,
    ifbench_counts,
    ifbench_custom,
    ifbench_format,
    ifbench_sentences,
    ifbench_words,
    training_content,
    training_form,
)

REGISTRY: Mapping[str, Verifier] = MappingProxyType(
    IFEVAL.verifiers | OOD.verifiers | TRAINING.verifiers
)


def verifier(identifier: str) -> Verifier:
    """Return the verifier of an id.

    Raises:
        ProctorError: there is none; the message suggests the nearest.
    """
    if identifier in REGISTRY:
        return REGISTRY[identifier]
    import difflib

    near = difflib.get_close_matches(str(identifier), REGISTRY, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ProctorError(f"there is no verifier {identifier!r:.80}{hint}")


def families_of(ids: Iterable[str]) -> dict[str, str]:
    """Return the family of each id ("ifeval", "ifeval-ood" or "training").

    Raises:
        ProctorError: an id is unknown.
    """
    return {identifier: verifier(identifier).family for identifier in ids}


def is_unseen_family(identifier: str) -> bool:
    """Return whether a constraint belongs to the exam kept unseen: never a reward.

    Raises:
        ProctorError: the id is unknown (an unknown reward must not slip through as allowed).
    """
    return verifier(identifier).family == OOD.name


__all__ = [
    "REGISTRY",
    "Following",
    "Kind",
    "Verifier",
    "families_of",
    "follow",
    "is_unseen_family",
    "loose_variants",
    "verifier",
]
