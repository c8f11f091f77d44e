"""Exams to look for: instances with an id, a text and perhaps an answer, from files or lists.

Nothing here tokenises; the index does.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decontam.choices import question_without_options
from proctor.digest import digest_json
from proctor.errors import ProctorError, UsageError

TEXT_FIELDS = """
question problem prompt instruction input query Behavior behavior Question Problem Prompt text
content goal sentence task_description
""".split()
ANSWER_FIELDS = """
answer solution canonical_solution Answer Solution target output completion response reference
best_answer ground_truth
""".split()
CHOICE_FIELDS = ("choices", "options", "endings")
ID_FIELDS = ("id", "task_id", "key", "instance_id", "question_id", "BehaviorID", "unique_id")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class ExamInstance:
    """One item of a task.

    Attributes:
        id: what the task calls it.
        text: everything a model under examination is shown of it.
        answer: the reference answer or solution, if there is one.
        cluster: what it shares with other instances (a passage, a template), if anything.
        stem: the question without its choices, where it has choices (a field of their own, or
            options marked with letters in the text).
    """

    id: str
    text: str
    answer: str | None = None
    cluster: str | None = None
    stem: str | None = None


@dataclass(frozen=True)
class Exam:
    """The instances of one task, in order; `instance` in a match is the place in this order."""

    task: str
    instances: Sequence[ExamInstance]

    def digest(self) -> str:
        """Return the digest of everything a scan reads of this exam."""
        rows = [[i.id, i.text, i.answer, i.cluster, i.stem] for i in self.instances]
        return digest_json([self.task, rows])


def exam_of(task: str, rows: Iterable[str | Mapping[str, Any]]) -> Exam:
    """Return an exam from texts or rows with guessed fields.

    Raises:
        ProctorError: a row has no field that looks like the question.
    """
    mappings = [{"text": row} if isinstance(row, str) else row for row in rows]
    return Exam(task, _instances(mappings, task, None, None))


def load_exam(
    path: Path, field: str | None = None, answer_field: str | None = None, task: str | None = None
) -> Exam:
    """Return the exam in a JSONL, JSON, CSV or Parquet file (plain, .gz or .zst).

    Args:
        path: the file.
        field: the field with the question; guessed from its name when None.
        answer_field: the field with the answer; guessed when None.
        task: the task's name; the file's name without endings when None.

    Raises:
        ProctorError: the file is missing or unreadable, a row is bad, or nothing is in it.
        UsageError: the field named, or any that could be the question, is not there.
    """
    name = task or path.name.split(".")[0]
    rows = list(_rows(path))
    if not rows:
        raise ProctorError(f"{path} holds no instances: an exam needs at least one")
    return Exam(name, _instances(rows, str(path), field, answer_field))


def _instances(
    rows: Sequence[Mapping[str, Any]], where: str, field: str | None, answer_field: str | None
) -> list[ExamInstance]:
    question = field or _guess(rows, TEXT_FIELDS)
    if question is None:
        raise UsageError(
            f"{where} has none of the fields {', '.join(TEXT_FIELDS)}: name the one that holds "
            f"the question with --against-field (there are: {', '.join(map(str, rows[0]))})"
        )
    answer = answer_field or _guess(rows, [f for f in ANSWER_FIELDS if f != question])
    return [_instance(row, n, where, question, answer) for n, row in enumerate(rows)]


def _guess(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str | None:
    head = rows[:100]
    for name in names:
        if sum(_readable(row.get(name)) is not None for row in head) * 2 > len(head):
            return name
    return None


def _readable(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and value:
        if all(isinstance(v, Mapping) and isinstance(v.get("content"), str) for v in value):
            return "\n".join(v["content"] for v in value if v.get("role") != "assistant") or None
        if all(isinstance(v, str) for v in value):
            return "\n".join(value)
    return None


def _instance(
    row: Mapping[str, Any], number: int, where: str, question: str, answer: str | None
) -> ExamInstance:
    text = _readable(row.get(question))
    if text is None:
        if question not in row:
            raise UsageError(
                f"{where}, instance {number} (from 0): there is no field {question!r}; name the "
                "one that holds the question with --against-field"
            )
        text = ""
    label = next((str(row[f]) for f in ID_FIELDS if row.get(f) not in (None, "")), str(number))
    choices = next((row[f] for f in CHOICE_FIELDS if row.get(f)), None)
    stem = question_without_options(text)
    if isinstance(choices, Mapping):
        choices = choices.get("text")
    reply = _readable(row.get(answer)) if answer else None
    if stem is None and isinstance(choices, list) and all(isinstance(c, str) for c in choices):
        stem = text
        text = "\n".join([text, *(f"{_LETTERS[i % 26]}. {c}" for i, c in enumerate(choices))])
    cluster = row.get("cluster") or row.get("passage_id")
    return ExamInstance(label, text, reply, None if cluster is None else str(cluster), stem)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    try:
        if name.endswith((".parquet", ".pq")):
            import pyarrow.parquet

            yield from pyarrow.parquet.read_table(path).to_pylist()
            return
        text = _decompressed(path).decode("utf-8")
    except FileNotFoundError:
        raise ProctorError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        raise ProctorError(f"{path} is not UTF-8 ({error}): convert it first") from None
    except (OSError, ValueError) as error:
        raise ProctorError(f"{path} cannot be read ({error})") from error
    if name.endswith((".csv", ".tsv")):
        csv.field_size_limit(1 << 30)
        delimiter = "\t" if name.endswith(".tsv") else ","
        yield from csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    elif name.endswith(".json"):
        yield from _json_rows(path, text)
    elif name.endswith(".txt"):
        yield from ({"text": line} for line in text.split("\n") if line.strip())
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield _json_row(line, f"{path}, line {number}")


def _decompressed(path: Path) -> bytes:
    data = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        return gzip.decompress(data)
    if path.name.lower().endswith(".zst"):
        import zstandard

        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            return reader.read()
    return data


def _json_row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProctorError(f"{where}: not valid JSON ({error}); mend or remove it") from error
    if isinstance(row, str):
        return {"text": row}
    if not isinstance(row, dict):
        raise ProctorError(f"{where}: expected an object like {{...}}")
    return row


def _json_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProctorError(f"{path}: not valid JSON ({error}); mend it") from error
    if isinstance(rows, dict):
        rows = next((v for v in rows.values() if isinstance(v, list)), [rows])
    for number, row in enumerate(rows):
        yield _json_row(json.dumps(row), f"{path}, row {number}")
