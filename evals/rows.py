"""The samples of an examination as an Arrow table, one row per instance and sample."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from evals.records import Sample, replace_surrogates

if TYPE_CHECKING:
    import pyarrow as pa

_NULLABLE = frozenset({"cluster", "extracted", "error"})


def samples_schema() -> pa.Schema:
    """Return the schema of `samples-*.parquet`."""
    import pyarrow as pa

    text = pa.string()
    types: dict[str, Any] = {
        "task": text,
        "instance": text,
        "sample": pa.int32(),
        "cluster": text,
        "prompt": text,
        "prompt_digest": text,
        "response": text,
        "score": pa.float64(),
        "extracted": text,
        "reason": text,
        "details": text,
        "tokens_in": pa.int32(),
        "tokens_out": pa.int32(),
        "finish": text,
        "error": text,
    }
    return pa.schema([pa.field(name, kind, name in _NULLABLE) for name, kind in types.items()])


def samples_table(samples: Iterable[Sample]) -> pa.Table:
    """Return samples as a table; text that UTF-8 cannot carry has U+FFFD in its place."""
    import pyarrow as pa

    rows = list(samples)
    schema = samples_schema()
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows] for name in schema.names
    }
    columns["details"] = [json.dumps(d, default=str) if d else "{}" for d in columns["details"]]
    for name in ("instance", "cluster", "prompt", "response", "extracted", "reason", "error"):
        columns[name] = [v if v is None else replace_surrogates(v) for v in columns[name]]
    return pa.table(columns, schema=schema)
