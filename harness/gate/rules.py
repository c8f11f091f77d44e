"""What a gate may ask: the YAML of an experiment's `gate:` as checked, frozen models.

Nothing is decided here. An unknown key is refused, and the nearest known one suggested.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from proctor.errors import UsageError

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Margin = Annotated[float, Field(gt=0.0, lt=1.0)]
Tasks = tuple[str, ...] | Literal["all"]
M = TypeVar("M", bound=BaseModel)


class Rule(BaseModel):
    """The base of all rules; `name` is the key in the YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: ClassVar[str]


class Better(Rule):
    """Superiority by more than `by` on at least one target task (Holm over the targets)."""

    name: ClassVar[str] = "better"
    tasks: Tasks
    by: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class Margins(Rule):
    """A rule with a margin: one number, or one a task (key `default` for the rest)."""

    margin: Margin | dict[str, Margin]

    def margin_of(self, task: str) -> float | None:
        """Return the task's margin, or None where the table has neither it nor a default."""
        if isinstance(self.margin, float):
            return self.margin
        return self.margin.get(task, self.margin.get("default"))


class NotWorse(Margins):
    """Non-inferiority on every guard task."""

    name: ClassVar[str] = "not_worse"
    tasks: Tasks = "all"


class Floor(Rule):
    """The candidate's own score on `task` is at least `min`."""

    name: ClassVar[str] = "floor"
    task: str
    min: Annotated[float, Field(gt=0.0, lt=1.0)]


class Clean(Rule):
    """No task has more than this share of its instances in the training data."""

    name: ClassVar[str] = "clean"
    max_contaminated: Share = 0.02


class Unseen(Margins):
    """Non-inferiority on every task of the unseen suite, looked at after the rest passed."""

    name: ClassVar[str] = "unseen"


class Budget(Rule):
    """Answers grow by no more than `growth` (0.1 is 10 %) in tokens or characters."""

    name: ClassVar[str] = "budget"
    tasks: Tasks = "all"
    growth: Annotated[float, Field(ge=0.0)]
    unit: Literal["tokens", "characters"] = "tokens"


class Overfit(Rule):
    """The gain on dev exceeds the gain on unseen by less than `max`."""

    name: ClassVar[str] = "overfit"
    max: Margin
    dev: Tasks = "all"
    unseen: Tasks = "all"


RULES: dict[str, type[Rule]] = {
    r.name: r for r in (Better, NotWorse, Floor, Clean, Unseen, Budget, Overfit)
}


class Gate(BaseModel):
    """A gate: what a candidate is held against and the rules it must pass, all of them.

    `spend` divides alpha over successive candidates held against the same incumbent; `errors`
    says, before any is seen, whether an answer that errored blocks the verdict or counts as 0.
    With `early` the candidates of a run's stages are examined only until their verdict is known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    against: str = "champion"
    alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    spend: bool = True
    errors: Literal["block", "wrong"] = "block"
    early: bool = False
    rules: tuple[Rule, ...]

    @field_validator("rules", mode="before")
    @classmethod
    def _rules(cls, value: Any) -> tuple[Rule, ...]:
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise ValueError("give a list of rules, each like `- not_worse: {margin: 0.03}`")
        return tuple(r if isinstance(r, Rule) else _parse_rule(r, i) for i, r in enumerate(value))

    def of(self, kind: type[Rule]) -> tuple[Rule, ...]:
        """Return the rules of one kind."""
        return tuple(r for r in self.rules if isinstance(r, kind))


def _parse_rule(item: Any, index: int) -> Rule:
    where = f"rules[{index}]"
    if not isinstance(item, Mapping) or len(item) != 1:
        raise UsageError(f"{where}: a rule is one key with its settings, like `clean: {{}}`")
    ((name, settings),) = item.items()
    if name not in RULES:
        raise UsageError(f"{where}: unknown rule {name!r}{_nearest(str(name), RULES)}")
    return _parse(RULES[name], {} if settings is None else settings, f"{where}.{name}")


def _parse(model: type[M], settings: Any, where: str) -> M:
    if not isinstance(settings, Mapping):
        raise UsageError(f"{where}: expected settings like {{key: value}}, found {settings!r}")
    for key in settings:
        if key not in model.model_fields:
            raise UsageError(
                f"{where}: unknown key {key!r}{_nearest(str(key), model.model_fields)}"
            )
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([where, *(str(p) for p in first["loc"][:1])])
        raise UsageError(f"{place}: {first['msg']}") from error


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def parse_gate(document: Any, where: str = "gate") -> Gate:
    """Return the checked gate of a parsed YAML document.

    Raises:
        UsageError: a key, rule or value is wrong; the message starts with its place.
    """
    try:
        return _parse(Gate, document, where)
    except UsageError as error:
        message = str(error)
        raise UsageError(message if message.startswith(where) else f"{where}.{message}") from error
