"""Suites: named tasks with a role, `dev` or `unseen`, each a small YAML file.

    name: core-dev
    role: dev                     # dev: looked at freely; unseen: only with --unseen, and recorded
    description: one line
    system: You are helpful.      # optional system prompt for every task
    tasks:
      - ifeval                    # a task of ours, of an included folder, or of lm-eval
      - {name: gsm8k, limit: 200, few_shot: 4, family: math, weight: 1, data_digest: 32c5…}

`limit` takes the first instances only and is marked in every number; `data_digest` pins the
instances. A folder of the user's own suites is searched before these.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from evals.tasks.meta import explain, read_yaml
from proctor.digest import digest_json
from proctor.errors import UsageError
from proctor.ids import check_id

OWN_SUITES = Path(__file__).parent
Role = Literal["dev", "unseen"]


class SuiteTask(BaseModel):
    """A task as a suite names it, with what the suite sets for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    limit: int | None = Field(default=None, ge=1)
    few_shot: int | None = Field(default=None, ge=0)
    family: str | None = None
    metric: str | None = None
    filter: str | None = None
    chat: bool | None = None
    data_digest: str | None = None


class Suite(BaseModel):
    """Named tasks with a role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    role: Role
    description: str = ""
    source: str = ""
    system: str | None = None
    tasks: tuple[SuiteTask, ...] = Field(min_length=1)

    @field_validator("tasks", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return value
        return [{"name": item} if isinstance(item, str) else item for item in value]

    @field_validator("tasks")
    @classmethod
    def _once(cls, value: tuple[SuiteTask, ...]) -> tuple[SuiteTask, ...]:
        names = [task.name for task in value]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"{sorted(twice)[0]!r} is named twice")
        return value

    @property
    def digest(self) -> str:
        """The digest of everything the suite sets."""
        return digest_json(self.model_dump(mode="json", exclude={"description", "source"}))

    def only(self, names: Sequence[str]) -> Suite:
        """Return the suite with only the named tasks.

        Raises:
            UsageError: a name is not among the suite's tasks.
        """
        known = [task.name for task in self.tasks]
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
                raise UsageError(f"suite {self.name} has no task {name!r}: {hint}")
        kept = tuple(task for task in self.tasks if task.name in names)
        return self.model_copy(update={"tasks": kept})


def suite_files(include: Sequence[Path] = ()) -> dict[str, Path]:
    """Return the file of every suite by name: Proctor's, then those of the included folders.

    An included folder's suites are its `*.yaml` files that have `role` and `tasks`.
    """
    found = {path.stem: path for path in sorted(OWN_SUITES.glob("*.yaml"))}
    for root in include:
        for path in sorted(root.rglob("*.yaml")):
            content = read_yaml(path)
            if "role" in content and "tasks" in content:
                found[str(content.get("name", path.stem))] = path
    return found


def load_suite(name: str | Path, include: Sequence[Path] = ()) -> Suite:
    """Load a suite by name or by the path of its YAML file.

    Raises:
        UsageError: there is no such suite, or its file has a mistake (named with its key).
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        files = suite_files(include)
        if str(name) not in files:
            near = difflib.get_close_matches(str(name), files, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(files)}"
            raise UsageError(f"there is no suite {str(name)!r}: {hint}")
        path = files[str(name)]
    try:
        suite = Suite(**read_yaml(path))
    except ValidationError as error:
        raise UsageError(f"{path}: {explain(error, Suite, {'tasks': SuiteTask})}") from None
    except TypeError as error:
        raise UsageError(f"{path}: {error}") from None
    check_id(suite.name, f"{path}: suite name")
    return suite


def suite_of_tasks(names: Sequence[str]) -> Suite:
    """Return an unnamed dev suite of the given tasks.

    Raises:
        UsageError: a task is named twice, or none is given.
    """
    try:
        return Suite(name="tasks", role="dev", tasks=tuple(SuiteTask(name=n) for n in names))
    except ValidationError as error:
        raise UsageError(f"--tasks: {explain(error, Suite)}") from None
