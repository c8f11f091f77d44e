"""Baseline responses from a file, put into the instances that a pairwise judge compares with.

The file is JSONL: each line has `response` (or `output`) and the instance's `id`, or its text as
`prompt` or `instruction`. The data digest is taken again, since another baseline is another exam.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evals.tasks.exam import Exam, Instance, digest_instances
from proctor.errors import ProctorError
from proctor.files import read_jsonl

_TEXTS = ("prompt", "instruction")
_RESPONSES = ("response", "output")


def with_baseline(exam: Exam, folders: Sequence[Path]) -> Exam:
    """Return the exam with the baseline responses of its judge's `baseline_file`, if it names one.

    Raises:
        ProctorError: the file is in none of the folders, is broken, or lacks an instance.
    """
    settings = exam.meta.judge
    if settings is None or settings.baseline_file is None:
        return exam
    path = next(
        (f / settings.baseline_file for f in folders if _has(f, settings.baseline_file)), None
    )
    if path is None:
        raise ProctorError(
            f"task {exam.name}: put the baseline's responses into {settings.baseline_file} beside "
            "the task file or in the data folder (--data-dir or PROCTOR_DATA)"
        )
    by_id, by_text = _read(path)
    instances = []
    for instance in exam.instances:
        found = by_id.get(instance.id, by_text.get(_plain(exam.question(instance))))
        if found is None:
            raise ProctorError(
                f"{path} has no response to instance {instance.id!r} of task {exam.name}: add a "
                "line with its id or its prompt"
            )
        document = {**instance.document, settings.baseline: found}
        instances.append(Instance(instance.id, document, instance.cluster))
    whole = tuple(instances)
    return replace(exam, instances=whole, data_digest=digest_instances(whole))


def _has(folder: Path, name: str) -> bool:
    return (folder / name).is_file()


def _read(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    by_id: dict[str, str] = {}
    by_text: dict[str, str] = {}
    for number, row in read_jsonl(path):
        text = next((row[f] for f in _RESPONSES if isinstance(row.get(f), str)), None)
        if text is None:
            raise ProctorError(f"{path}, line {number}: 'response' is missing or no text")
        if row.get("id") is not None:
            by_id.setdefault(str(row["id"]), text)
        for field in _TEXTS:
            if isinstance(row.get(field), str):
                by_text.setdefault(_plain(row[field]), text)
    return by_id, by_text


def _plain(text: str) -> str:
    return " ".join(text.split())
