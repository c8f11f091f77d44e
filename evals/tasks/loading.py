"""Loads a task by name: one of ours, one of an included folder, or a stock lm-eval task."""

from __future__ import annotations

import difflib
import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from evals.tasks.exam import Exam, digest_instances, instances_of, sampling_from
from evals.tasks.meta import TaskFile, TaskMeta, task_files
from evals.tasks.sources import splits_of
from evals.tasks.stock import stock_names, stock_task
from evals.tasks.templates import compile_templates
from proctor.errors import ProctorError, UsageError


def load_exams(
    name: str,
    *,
    data_dir: Path | None = None,
    include: Sequence[Path] = (),
    few_shot: int | None = None,
    known: dict[str, TaskFile] | None = None,
) -> list[Exam]:
    """Load a task; a stock group or tag of lm-eval gives several exams.

    Args:
        name: a task of ours or of `include`, else of lm-eval (looked up only then).
        data_dir: where data files are looked for.
        include: folders with further task files.
        few_shot: overrides the task's own number of examples.
        known: the index of task files, where the caller has it already.

    Raises:
        UsageError: there is no such task; the nearest name is suggested.
        ProctorError: its data is missing or its file is broken.
    """
    files = task_files(include) if known is None else known
    overrides = {} if few_shot is None else {"num_fewshot": few_shot}
    if name in files:
        return [_load_own(files[name], data_dir, overrides)]
    with quiet_lm_eval():
        tasks = stock_task(name, overrides)
    if not tasks:
        near = difflib.get_close_matches(name, [*files, *stock_names(name)], n=1)
        hint = f"did you mean {near[0]!r}?" if near else "see `proctor tasks`"
        raise UsageError(f"there is no task {name!r}: {hint}")
    return [_exam(task, _stock_meta(task)) for task in tasks]


def _load_own(file: TaskFile, data_dir: Path | None, overrides: dict[str, Any]) -> Exam:
    meta = file.meta
    if meta.requires:
        raise ProctorError(f"task {file.name} cannot run here: it needs {meta.requires}")
    splits = {} if "custom_dataset" in file.config else splits_of(file, data_dir)
    with quiet_lm_eval():
        from lm_eval.tasks import TaskManager
        from lm_eval.tasks._yaml_loader import load_yaml

        try:
            config = load_yaml(file.path) | overrides
            config.setdefault("custom_dataset", lambda **_: splits)
            task = TaskManager(include_defaults=False).load([config])["tasks"][file.name]
        except ProctorError:
            raise
        except Exception as error:
            raise ProctorError(f"{file.path} does not load as an lm-eval task ({error})") from error
    return _exam(task, meta)


def _exam(task: Any, meta: TaskMeta) -> Exam:
    try:
        compile_templates(task)
        instances = instances_of(task.eval_docs, meta)
    except Exception as error:
        raise ProctorError(f"task {task.task_name}: its documents do not load ({error})") from error
    repeats = int(task.config.repeats or 1)
    return Exam(
        name=task.task_name,
        meta=meta,
        task=task,
        instances=instances,
        data_digest=digest_instances(instances),
        sampling=sampling_from(task.config.generation_kwargs or {}),
        repeats=repeats,
        few_shot=int(task.config.num_fewshot or 0),
        family=meta.family,
    )


def _stock_meta(task: Any) -> TaskMeta:
    version = (task.config.metadata or {}).get("version", 0)
    return TaskMeta(version=version if isinstance(version, (int, float, str)) else str(version))


def limited(exam: Exam, limit: int | None) -> Exam:
    """Return the exam with only its first `limit` instances, marked so.

    Raises:
        UsageError: the limit is below 1.
    """
    if limit is None or limit >= len(exam.instances):
        return exam
    if limit < 1:
        raise UsageError(f"task {exam.name}: a limit of {limit} leaves no instance, give 1 or more")
    return replace(exam, instances=exam.instances[:limit], limit=limit)


def sampled(exam: Exam, fraction: float | None) -> Exam:
    """Return the exam with about `fraction` of its instances, marked like a limit.

    An instance is in or out by the digest of its id, so that two checkpoints, and two versions of
    a task that share instances, are asked the same ones.

    Raises:
        UsageError: the fraction is not within (0, 1], or leaves nothing.
    """
    if fraction is None or fraction == 1:
        return exam
    if not 0 < fraction < 1:
        raise UsageError(f"--sample-fraction {fraction} is not above 0 and at most 1")
    most = int(fraction * 2**64)
    kept = tuple(
        instance
        for instance in exam.instances
        if int.from_bytes(
            hashlib.sha256(instance.id.encode("utf-8", "surrogatepass")).digest()[:8], "big"
        )
        < most
    )
    if not kept:
        raise UsageError(f"task {exam.name}: --sample-fraction {fraction} leaves no instance")
    return replace(exam, instances=kept, limit=len(kept))


@contextmanager
def quiet_lm_eval() -> Iterator[None]:
    """Silence lm-eval's notes on defaults; its errors still come through as exceptions."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
