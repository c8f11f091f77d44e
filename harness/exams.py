"""Exams by name for the decontamination scan: a file, a task, or every task of a suite.

Reads questions and answers as the data set has them, not as a prompt renders them; asks no model.
"""

from __future__ import annotations

from pathlib import Path

from decontam.exams import Exam, exam_of, load_exam
from proctor.errors import UsageError


def resolve_exams(
    against: list[str],
    data_dir: Path | None = None,
    field: str | None = None,
    answer_field: str | None = None,
) -> list[Exam]:
    """Return the exams that files, task names and suite names stand for, each task once.

    Raises:
        UsageError: a name is neither a file, nor a task, nor a suite.
        ProctorError: the data of a task is not to be had.
    """
    found: dict[str, Exam] = {}
    for name in against:
        exams = _resolved(name, data_dir, field, answer_field)
        for exam in exams:
            if exam.task in found and exam.digest() != found[exam.task].digest():
                raise UsageError(f"two exams are called {exam.task!r}: rename one of the files")
            found[exam.task] = exam
    return list(found.values())


def _resolved(
    name: str, data_dir: Path | None, field: str | None, answer_field: str | None
) -> list[Exam]:
    path = Path(name)
    if path.is_file() and path.suffix not in (".yaml", ".yml"):
        return [load_exam(path, field, answer_field)]
    from evals.suites import load_suite, suite_files
    from evals.tasks.meta import task_files

    tasks, suites = task_files(), suite_files()
    if name in tasks:
        return [_task_exam(name, data_dir)]
    if name in suites or path.is_file():
        return [_task_exam(task.name, data_dir) for task in load_suite(name).tasks]
    raise UsageError(
        f"--against {name} is neither a file nor a task nor a suite: give a path that exists or "
        "one of the names that `proctor tasks` and `proctor suites` list"
    )


def _task_exam(name: str, data_dir: Path | None) -> Exam:
    from evals.tasks.meta import read_task_yaml, task_files
    from evals.tasks.sources import splits_of

    files = task_files()
    if name not in files:
        raise UsageError(
            f"task {name!r} has no file of its own, so its instances are not known here: save "
            "them as JSONL and give that file to --against"
        )
    splits = splits_of(files[name], data_dir)
    wanted = str(read_task_yaml(files[name].path).get("test_split", "test"))
    return exam_of(name, list(splits.get(wanted) or next(iter(splits.values()))))
