"""The rows a scan writes: one for each piece of a document in which an exam instance was found."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, get_type_hints

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

VERBATIM, NEAR, TEMPLATE, PARAPHRASE, ANSWER = (
    "verbatim",
    "near",
    "template",
    "paraphrase",
    "answer",
)
LIKELY, UNLIKELY = "likely", "unlikely"
PENDING = (LIKELY, UNLIKELY)  # in `judge` until one has been asked (`decontam.opinions`)
KINDS = (VERBATIM, NEAR, TEMPLATE, PARAPHRASE, ANSWER)


class Match(NamedTuple):
    """Evidence that an exam instance is in a document.

    `document` is the 0-based line of the source (of its files one after another), `turn` the place
    among the document's turns; `start` and `end` are characters of that turn's text, and
    `instance_start` and `instance_end` of the instance's text (or answer, for kind "answer").
    `coverage` is the share of the instance's tokens found, `score` the same with each token
    weighted by its rarity, both over the whole document. `judge` is what a chat model said of a
    paraphrase (`decontam.opinions`), None where none was asked.
    """

    source: str
    document: int
    turn: int
    role: str
    start: int
    end: int
    task: str
    instance: int
    instance_id: str
    instance_start: int
    instance_end: int
    kind: str
    part: str
    rule: str
    coverage: float
    score: float
    text: str
    instance_text: str
    judge: str | None


def match_schema() -> pa.Schema:
    """Return the Arrow schema of matches, a field for each of `Match`."""
    import pyarrow as pa

    kinds = get_type_hints(Match)
    types = {int: pa.int64(), float: pa.float64()}
    return pa.schema(
        [
            (name, pa.int32() if name == "turn" else types.get(kinds[name], pa.string()))
            for name in Match._fields
        ]
    )


def match_table(matches: Iterable[Sequence[object]]) -> pa.Table:
    """Return matches as an Arrow table, one column a field of `Match`."""
    from pyarrow import json

    schema = match_schema()
    rows = [dict(zip(Match._fields, match, strict=True)) for match in matches]
    if not rows:
        return schema.empty_table()
    # By way of JSON: `pyarrow.array` would load pandas, to ask whether the values are of it.
    data = b"\n".join(map(orjson.dumps, rows))
    return json.read_json(
        io.BytesIO(data),
        json.ReadOptions(use_threads=False, block_size=len(data) + 1),
        json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
    )
