"""Two examinations become paired evidence, or the list of reasons why they can't.

Works on Arrow tables of samples; looks at every row once, whatever the size. Knows no folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.gate.eligibility import setting_problems, suite_problems
from harness.gate.evidence import Role, TaskEvidence
from harness.gate.verdict import Problem


@dataclass(frozen=True)
class Pairing:
    """Evidence for the tasks that could be paired, problems for those that could not."""

    evidence: tuple[TaskEvidence, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __add__(self, other: Pairing) -> Pairing:
        return Pairing(self.evidence + other.evidence, self.problems + other.problems)


@dataclass
class _Side:
    """One task's rows of one examination, laid out as [n, k] by instance and sample."""

    instances: pa.Array
    order: NDArray[np.int64]
    shape: tuple[int, int]
    table: pa.Table
    errors: int = 0
    problems: list[str] = field(default_factory=list)

    def column(self, name: str) -> pa.Array:
        return _flat(self.table, name).take(pa.array(self.order))

    def numbers(self, name: str) -> NDArray[np.float64]:
        values = pc.cast(_flat(self.table, name), pa.float64()).to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)[self.order].reshape(self.shape)


def pair_samples(
    candidate: pa.Table,
    incumbent: pa.Table,
    *,
    candidate_manifest: Mapping[str, Any] | None = None,
    incumbent_manifest: Mapping[str, Any] | None = None,
    errors: Literal["block", "wrong"] = "block",
) -> Pairing:
    """Pair two samples tables task by task, and check that they may be held against each other.

    Every task of either table yields evidence or a problem: instances, prompts and numbers of
    answers must agree row by row, versions, sampling and data digests by the manifests (where
    given), and an examination cut short by a limit is never evidence. With `errors="wrong"` an
    answer that errored scores 0 on its side; with "block" it is a problem.
    """
    manifests = (candidate_manifest or {}, incumbent_manifest or {})
    role: Role = "dev"
    if candidate_manifest is not None:
        role = candidate_manifest["suite"]["role"]
    tables = (_by_task(candidate), _by_task(incumbent))
    evidence, problems = [], suite_problems(*manifests)
    for task in dict.fromkeys([*tables[0], *tables[1]]):
        settings = [m.get("tasks", {}).get(task, {}) for m in manifests]
        found = _pair_task(task, role, tables, settings, errors)
        if isinstance(found, TaskEvidence):
            evidence.append(found)
        else:
            problems += found
    return Pairing(tuple(evidence), tuple(problems))


def _by_task(table: pa.Table) -> dict[str, pa.Table]:
    encoded = pc.dictionary_encode(_flat(table, "task"))
    names = encoded.dictionary.to_pylist()
    if len(names) == 1:
        return {names[0]: table}
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return {name: table.take(pa.array(np.flatnonzero(codes == i))) for i, name in enumerate(names)}


def _flat(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _pair_task(
    task: str,
    role: Role,
    tables: tuple[dict[str, pa.Table], dict[str, pa.Table]],
    settings: list[Mapping[str, Any]],
    errors: str,
) -> TaskEvidence | list[Problem]:
    for name, side in zip(("candidate", "incumbent"), tables, strict=True):
        if task not in side:
            return [Problem(task, f"{task}: the {name} has no samples of it", "proctor eval")]
    messages = setting_problems(task, *settings)
    first = _lay_out(tables[0][task], None)
    second = _lay_out(tables[1][task], first.instances)
    for name, laid in (("candidate", first), ("incumbent", second)):
        messages += [f"{task}: {text} ({name})" for text in laid.problems]
        if laid.errors and errors == "block":
            messages.append(
                f"{task}: {laid.errors} answers of the {name} errored; examine again, or declare "
                "`errors: wrong` in the gate beforehand"
            )
    if not (first.problems or second.problems) and _prompts_differ(first, second):
        messages.append(f"{task}: the two were given different prompts")
    if messages:
        return [Problem(task, message, "proctor eval") for message in messages]
    return _evidence(task, role, first, second, settings[0].get("family"))


def _lay_out(table: pa.Table, known: pa.Array | None) -> _Side:
    """Order rows by instance (as in `known`, where given) and sample."""
    names = _flat(table, "instance")
    if known is None:
        encoded = pc.dictionary_encode(names)
        known, codes = encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False)
    else:
        found = pc.index_in(names, value_set=known)
        if found.null_count:
            extra = names.filter(pc.is_null(found))[0].as_py()
            return _broken(table, known, f"instance {extra!r} is missing on the other side")
        codes = found.to_numpy(zero_copy_only=False)
    samples = _flat(table, "sample").to_numpy(zero_copy_only=False)
    n, rows = len(known), table.num_rows
    counts = np.bincount(codes, minlength=n)
    if (counts == 0).any():
        absent = known[int(counts.argmin())].as_py()
        return _broken(table, known, f"instance {absent!r} is missing")
    if rows % n or (counts != rows // n).any():
        return _broken(table, known, "instances have unequal numbers of answers")
    k = rows // n
    order = _order(np.asarray(codes, np.int64), np.asarray(samples, np.int64), n)
    laid = _Side(known, order, (n, k), table)
    return _checked(laid, np.asarray(samples)[order].reshape(n, k))


def _order(codes: NDArray[np.int64], samples: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    width = int(samples.max()) + 1 if len(samples) else 1
    key = codes * width + samples
    if len(key) == n and width == 1:
        order = np.empty(n, np.int64)
        order[codes] = np.arange(n)
        return order
    if (key[1:] > key[:-1]).all():
        return np.arange(len(key))
    return np.argsort(key, kind="stable")


def _checked(side: _Side, samples: NDArray[np.int64]) -> _Side:
    if side.shape[1] > 1 and (np.diff(samples, axis=1) <= 0).any():
        side.problems.append("an instance holds the same answer number twice")
    if "error" in side.table.column_names:
        side.errors = side.table.num_rows - side.table.column("error").null_count
    scores = side.numbers("score")
    if side.errors:
        scores = scores[~_errored(side)]
    if not bool(((scores >= 0) & (scores <= 1)).all()):
        side.problems.append("a score is missing or outside 0..1")
    return side


def _errored(side: _Side) -> NDArray[np.bool_]:
    mask = pc.is_valid(side.column("error")).to_numpy(zero_copy_only=False)
    return np.asarray(mask, bool).reshape(side.shape)


def _broken(table: pa.Table, known: pa.Array, problem: str) -> _Side:
    return _Side(known, np.arange(0), (0, 0), table, problems=[problem])


def _prompts_differ(first: _Side, second: _Side) -> bool:
    name = "prompt_digest"
    if name not in first.table.column_names or name not in second.table.column_names:
        return False
    ours, theirs = first.column(name), second.column(name)
    if first.shape[1] != second.shape[1]:
        ours, theirs = (
            c.take(pa.array(np.arange(s.shape[0]) * s.shape[1]))
            for c, s in ((ours, first), (theirs, second))
        )
    same = pc.all(pc.equal(ours, theirs)).as_py()
    return same is False


def _evidence(
    task: str, role: Role, first: _Side, second: _Side, family: str | None
) -> TaskEvidence:
    scores = []
    for side in (first, second):
        values = side.numbers("score")
        if side.errors:
            values = np.where(_errored(side), 0.0, values)
        scores.append(values)
    return TaskEvidence(
        task=task,
        role=role,
        instances=tuple(first.instances.to_pylist()),
        candidate=scores[0],
        incumbent=scores[1],
        clusters=_clusters(first),
        family=family,
        candidate_tokens=_length(first, "tokens_out"),
        incumbent_tokens=_length(second, "tokens_out"),
        candidate_characters=_characters(first),
        incumbent_characters=_characters(second),
        errors=first.errors + second.errors,
    )


def _clusters(side: _Side) -> NDArray[np.int64] | None:
    """Return cluster codes by instance, or None where no two instances share a cluster."""
    if "cluster" not in side.table.column_names:
        return None
    column = _flat(side.table, "cluster")
    if column.null_count == len(column):
        return None
    encoded = pc.dictionary_encode(column.take(pa.array(side.order[:: side.shape[1]])))
    codes = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    alone = np.flatnonzero(codes < 0)
    codes[alone] = len(encoded.dictionary) + np.arange(len(alone))
    return codes if len(np.unique(codes)) < len(codes) else None


def _length(side: _Side, name: str) -> NDArray[np.float64] | None:
    if name not in side.table.column_names or side.table.column(name).null_count:
        return None
    return np.asarray(side.numbers(name).mean(axis=1))


def _characters(side: _Side) -> NDArray[np.float64] | None:
    if "response" not in side.table.column_names or side.table.column("response").null_count:
        return None
    lengths = pc.utf8_length(side.table.column("response")).to_numpy()
    laid = np.asarray(lengths, np.float64)[side.order].reshape(side.shape)
    return np.asarray(laid.mean(axis=1))
