"""What a verifier is, and how one is declared: a rule on one response, with checked arguments.

Knows no particular rule; those live beside it, one file per group of constraints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from proctor.errors import ProctorError


class Kind(Enum):
    """What an argument of a verifier may be; the value is how a message calls it."""

    NUMBER = "a number"
    TEXT = "a text"
    TEXTS = "a list of texts"


class Rule(Protocol):
    """The body of a verifier: a response and keyword arguments of declared kinds."""

    __name__: str

    def __call__(self, response: str, /, **arguments: Any) -> bool: ...


@dataclass(frozen=True)
class Verifier:
    """One verifiable constraint.

    `family` is "ifeval" (the 25 constraints of Zhou et al. 2023, arXiv 2311.07911), "ifeval-ood"
    (the 58 of IFBench, Pyatkin et al. 2025, arXiv 2507.02833) or "training" (our own).
    `required` names the arguments without which the constraint means nothing.
    """

    id: str
    family: str
    description: str
    parameters: Mapping[str, Kind]
    required: frozenset[str]
    rule: Rule = field(repr=False)
    accepts_any: bool = False

    def check(self, response: str, **kwargs: Any) -> bool:
        """Return whether the response meets the constraint; arguments that are None are absent.

        Raises:
            ProctorError: an argument is missing, unknown or of the wrong kind.
        """
        return self.rule(response, **self.arguments(kwargs))

    def arguments(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are present, checked against their kinds.

        Raises:
            ProctorError: as `check`.
        """
        present = {name: value for name, value in kwargs.items() if value is not None}
        if self.accepts_any:
            return {}
        for name, value in present.items():
            kind = self.parameters.get(name)
            if kind is None:
                known = ", ".join(self.parameters) or "none"
                raise ProctorError(f"{self.id} has no argument {name!r}; it takes: {known}")
            if not _is(value, kind):
                raise ProctorError(
                    f"{self.id} needs {name!r} to be {kind.value}, not {value!r:.80}"
                )
        missing = sorted(self.required - present.keys())
        if missing:
            raise ProctorError(f"{self.id} needs the argument {missing[0]!r}; add it to its kwargs")
        return present


def _is(value: Any, kind: Kind) -> bool:
    if kind is Kind.NUMBER:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return abs(value) <= 1 << 53 and math.isfinite(value)
    if kind is Kind.TEXT:
        return isinstance(value, str)
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


class Family:
    """Collects the verifiers of one family while their modules are imported."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.verifiers: dict[str, Verifier] = {}

    def verifier(
        self,
        identifier: str,
        description: str,
        *,
        optional: tuple[str, ...] = (),
        accepts_any: bool = False,
        **parameters: Kind,
    ) -> Callable[[Callable[..., bool]], Callable[..., bool]]:
        """Declare the decorated function as the rule of `identifier`.

        Every parameter is required unless named in `optional`.

        Raises:
            ValueError: the id is declared twice (a mistake in the code).
        """

        def declare(rule: Callable[..., bool]) -> Callable[..., bool]:
            if identifier in self.verifiers:
                raise ValueError(f"{identifier} is declared twice")
            self.verifiers[identifier] = Verifier(
                id=identifier,
                family=self.name,
                description=description,
                parameters=parameters,
                required=frozenset(parameters) - frozenset(optional),
                rule=rule,
                accepts_any=accepts_any,
            )
            return rule

        return declare


IFEVAL = Family("ifeval")
OOD = Family("ifeval-ood")
TRAINING = Family("training")
