"""An examination's rows reduced to one score an instance, and estimates of their means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.gate.evidence import mean_of
from harness.gate.statistics import Estimate, SingleRate
from harness.reporting.archive import Sat
from proctor.errors import ProctorError

if TYPE_CHECKING:
    import pyarrow as pa

ALPHA = 0.05
_COLUMNS = ("task", "instance", "score", "cluster", "error")


@dataclass(frozen=True)
class TaskScores:
    """One task: `instances` (Arrow strings) and `scores` [n], means over an instance's answers.

    `clusters` are codes [n] or None where no two instances share one. An answer that errored, or
    has no score in 0..1, counts as 0 and in `errors`. `binary` says one 0/1 answer each.
    """

    instances: pa.Array
    scores: NDArray[np.float64]
    clusters: NDArray[np.int64] | None
    binary: bool
    errors: int

    @property
    def n(self) -> int:
        """Instances."""
        return len(self.scores)

    def estimate(self) -> Estimate:
        """Return the estimate of the mean that fits the scores, as the gate would choose it."""
        if self.binary and self.clusters is None:
            return SingleRate(round(float(self.scores.sum())), self.n)
        return mean_of(self.scores, self.clusters, 0.0, 1.0)


def read_scores(sat: Sat) -> dict[str, TaskScores]:
    """Return the scores of an examination by task.

    Raises:
        ProctorError: its Parquet is missing or unreadable.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(sat.folder.glob("samples-*.parquet"))
    try:
        tables = [
            pq.read_table(f, columns=[c for c in _COLUMNS if c in pq.read_schema(f).names])
            for f in files
        ]
        table = pa.concat_tables(tables)
    except (OSError, pa.ArrowException) as error:
        raise ProctorError(
            f"examinations/{sat.id} has no readable samples ({error}): examine again"
        ) from error
    return {name: _reduce(rows) for name, rows in _by_task(table)}


def _by_task(table: pa.Table) -> list[tuple[str, pa.Table]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(_flat(table, "task"))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    names = encoded.dictionary.to_pylist()
    return sorted(
        (str(name), table.take(pa.array(np.flatnonzero(codes == number))))
        for number, name in enumerate(names)
    )


def _flat(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _reduce(table: pa.Table) -> TaskScores:
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(_flat(table, "instance"))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    n = len(encoded.dictionary)
    raw = pc.cast(_flat(table, "score"), pa.float64()).to_numpy(zero_copy_only=False)
    wrong = ~((raw >= 0) & (raw <= 1))
    if "error" in table.column_names:
        wrong |= pc.is_valid(_flat(table, "error")).to_numpy(zero_copy_only=False)
    scored = np.where(wrong, 0.0, raw)
    counts = np.bincount(codes, minlength=n)
    scores = np.bincount(codes, scored, minlength=n) / counts
    binary = bool((counts == 1).all() and ((scored == 0) | (scored == 1)).all())
    return TaskScores(
        encoded.dictionary, scores, _clusters(table, codes, n), binary, int(wrong.sum())
    )


def _clusters(table: pa.Table, codes: NDArray[np.int64], n: int) -> NDArray[np.int64] | None:
    import pyarrow.compute as pc

    if "cluster" not in table.column_names:
        return None
    column = _flat(table, "cluster")
    if column.null_count == len(column):
        return None
    encoded = pc.dictionary_encode(column)
    rows = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    found = np.full(n, -1, np.int64)
    found[codes] = rows
    alone = np.flatnonzero(found < 0)
    found[alone] = len(encoded.dictionary) + np.arange(len(alone))
    return found if len(np.unique(found)) < n else None
