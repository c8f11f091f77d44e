"""What Proctor reads from the `metadata` of a task file, and the index of task files.

Light: neither lm-eval nor any data is loaded here.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from evals.judges.settings import JudgeSettings
from proctor.errors import ProctorError, UsageError

OWN_TASKS = Path(__file__).parent
_MAX_YAML_BYTES = 4 << 20


class Hub(BaseModel):
    """Where a task's data is on the Hugging Face hub."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    name: str | None = None
    splits: dict[str, str] = {}
    rename: dict[str, str] = {}


class TaskMeta(BaseModel):
    """The `metadata` of a task file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int | float | str = 0
    scorer: str | None = None
    family: str = "other"
    description: str = ""
    source: str = ""
    requires: str = ""
    id: str | None = None
    cluster: str | None = None
    chat: bool | None = None
    system: str | None = None
    metric: str | None = None
    filter: str | None = None
    hub: Hub | None = None
    judge: JudgeSettings | None = None
    category: str | None = None

    @classmethod
    def read(cls, metadata: Mapping[str, Any] | None, path: Path) -> TaskMeta:
        """Check a task file's metadata.

        Raises:
            UsageError: an unknown key (the nearest is suggested) or a value of the wrong kind.
        """
        try:
            return cls(**(metadata or {}))
        except ValidationError as error:
            inner: dict[str, type[BaseModel]] = {"hub": Hub, "judge": JudgeSettings}
            raise UsageError(f"{path}: metadata.{explain(error, cls, inner)}") from None


def explain(
    error: ValidationError,
    model: type[BaseModel],
    inner: Mapping[str, type[BaseModel]] | None = None,
) -> str:
    """Return the first problem of a pydantic error as the end of one sentence.

    `inner` has the models of the fields that hold mappings themselves, for the nearest key.
    """
    # A misspelt key is often also a missing one: the misspelling says more.
    found = error.errors()
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    nested = len(first["loc"]) > 1 and inner is not None
    known = (inner or {}).get(str(first["loc"][0]), model) if nested else model
    near = difflib.get_close_matches(str(first["loc"][-1]), known.model_fields, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known.model_fields)}"
    return f"{key} is not a known key ({hint})"


@dataclass(frozen=True)
class TaskFile:
    """A task YAML: its name, its place and its raw content (functions unresolved)."""

    name: str
    path: Path
    config: Mapping[str, Any]

    @property
    def meta(self) -> TaskMeta:
        """The checked metadata."""
        return TaskMeta.read(self.config.get("metadata"), self.path)


class _Loader(yaml.SafeLoader):
    """Safe YAML in which `!function x` is only its name."""


_Loader.add_constructor("!function", lambda loader, node: f"!function {node.value}")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping, functions unresolved.

    Raises:
        ProctorError: the file cannot be read, is too large, or is not a YAML mapping.
    """
    try:
        if path.stat().st_size > _MAX_YAML_BYTES:
            raise ProctorError(f"{path} is over {_MAX_YAML_BYTES >> 20} MiB: not a settings file")
        value = yaml.load(path.read_bytes(), Loader=_Loader)
    except OSError as error:
        raise ProctorError(f"{path} cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise UsageError(f"{path} is not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path} should hold a mapping of keys to values")
    return value


def read_task_yaml(path: Path, depth: int = 0) -> dict[str, Any]:
    """Read a task YAML with what it includes; its own keys win.

    Raises:
        ProctorError: as `read_yaml`, or includes nest deeper than 8.
    """
    if depth > 8:
        raise UsageError(f"{path}: includes nest deeper than 8 files (is there a cycle?)")
    config = read_yaml(path)
    merged: dict[str, Any] = {}
    includes = config.pop("include", [])
    for name in [includes] if isinstance(includes, str) else includes:
        merged |= read_task_yaml(path.parent / str(name), depth + 1)
    return merged | config


def task_files(include: Sequence[Path] = ()) -> dict[str, TaskFile]:
    """Return every task file of Proctor and of the included folders, by task name.

    Files whose name starts with `_` are there to be included by others.

    Raises:
        ProctorError: a file is broken, two files name the same task, a folder is missing.
    """
    found: dict[str, TaskFile] = {}
    for root in [OWN_TASKS, *include]:
        if not root.is_dir():
            raise UsageError(f"{root} is not a folder of task files: mend --include")
        for path in sorted(root.rglob("*.yaml")):
            if path.name.startswith("_") or "suites" in path.relative_to(root).parts:
                continue
            config = read_task_yaml(path)
            if "task" not in config:
                continue
            name = str(config["task"])
            if name in found and found[name].path.resolve() != path.resolve():
                raise UsageError(f"{path}: task {name!r} is already in {found[name].path}")
            found[name] = TaskFile(name, path, config)
    return found
