"""Strict and loose verdicts on all instructions of one prompt.

Source: Zhou et al. 2023, "Instruction-Following Evaluation for Large Language Models",
arXiv 2311.07911, section 2.2: strict judges the response as it is; loose passes if any of eight
variants does (with or without first line, last line, and asterisks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from proctor.errors import ProctorError


class Following(NamedTuple):
    """Which instructions a response follows, in the order of the prompt."""

    strict: tuple[bool, ...]
    loose: tuple[bool, ...]


def loose_variants(response: str) -> tuple[str, ...]:
    """Return the distinct, non-empty variants that loose judging tries, the response first."""
    lines = response.split("\n")
    trimmed = [
        response,
        "\n".join(lines[1:]).strip(),
        "\n".join(lines[:-1]).strip(),
        "\n".join(lines[1:-1]).strip(),
    ]
    variants = trimmed + [text.replace("*", "") for text in trimmed]
    return tuple(dict.fromkeys(text for text in variants if text.strip()))


def follow(ids: Sequence[str], kwargs: Sequence[Mapping[str, Any]], response: str) -> Following:
    """Judge a response against every instruction of its prompt.

    Raises:
        ProctorError: an id is unknown, its arguments do not fit, or the two lists differ in length.
    """
    from evals.verifiers import verifier

    if len(ids) != len(kwargs):
        raise ProctorError(
            f"{len(ids)} instructions but {len(kwargs)} sets of arguments: give one each"
        )
    variants = loose_variants(response)
    unchanged = bool(variants) and variants[0] == response
    strict: list[bool] = []
    loose: list[bool] = []
    for identifier, given in zip(ids, kwargs, strict=True):
        chosen = verifier(identifier)
        arguments = chosen.arguments(given)
        first = unchanged and chosen.rule(response, **arguments)
        rest = variants[1:] if unchanged else variants
        strict.append(first)
        loose.append(first or any(chosen.rule(variant, **arguments) for variant in rest))
    return Following(tuple(strict), tuple(loose))
