"""Mixtures: weighted sources become one file of training rows, the same for everybody.

A source's rows are ordered by a hash of seed, source name and content, so its first n rows are
a prefix of its first 2n whatever the other sources do, and a row removed by decontamination
leaves the order of the rest alone. Nothing is tokenised here, and no shuffling for training
happens here either: the trainers shuffle by their own seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from proctor.digest import canonical_json, digest_file
from proctor.errors import ProctorError, UsageError
from proctor.files import write_atomically
from train.rows import Kind, read_rows

_EXACT = 1e-6


class Weight(BaseModel):
    """How much of one source goes in: at most one of `rows`, `fraction` and `epochs`.

    `rows` is a count, `epochs` a multiple of the source, `fraction` a share of the finished
    mixture. More rows than the source has are reached by whole passes over it and a prefix of
    one more. Without any of the three the source goes in once. `cap` bounds the result.
    `columns` maps the file's own column names to ours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Annotated[int, Field(ge=1)] | None = None
    fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    epochs: Annotated[float, Field(gt=0, le=1000)] | None = None
    cap: Annotated[int, Field(ge=1)] | None = None
    columns: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_measure(self) -> Weight:
        if sum(value is not None for value in (self.rows, self.fraction, self.epochs)) > 1:
            raise ValueError("give one of 'rows', 'fraction' and 'epochs', not several")
        return self


class Mixture(BaseModel):
    """Named sources with their weights, and the seed that orders their rows.

    `total` is the size of the finished mixture; it is needed only with `fraction` weights, and
    without it the largest size is taken that repeats no row of a `fraction` source.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: Annotated[dict[str, Weight], Field(min_length=1)]
    total: Annotated[int, Field(ge=1)] | None = None
    seed: int = 0


class SourceCount(NamedTuple):
    """What one source gave: rows it holds, rows taken (repeats counted), passes, file digest."""

    available: int
    taken: int
    epochs: float
    digest: str


class MixtureResult(NamedTuple):
    """A finished mixture: its file, the file's SHA-256, its rows, their kind, per-source counts."""

    path: Path
    digest: str
    rows: int
    kind: Kind
    counts: dict[str, SourceCount]


def build_mixture(
    mixture: Mixture, sources: Mapping[str, Path], out: Path, kind: Kind | None = None
) -> MixtureResult:
    """Write the mixture to `out` as JSONL, each row with its `source` and `line` there.

    The same mixture, sources and seed give the same bytes on every machine.

    Args:
        mixture: the weights.
        sources: the JSONL file of every source named in the mixture.
        out: the file to write, replaced as a whole.
        kind: what the rows must be; None takes it from the first row.

    Raises:
        UsageError: a source without a file, or weights that cannot be met.
        ProctorError: an empty source, a bad line or a missing field, with file and line.
    """
    missing = sorted(set(mixture.sources) - set(sources))
    if missing:
        raise UsageError(f"the mixture names the source {missing[0]!r}, but no file was given")
    orders: dict[str, list[int]] = {}
    for name, weight in mixture.sources.items():
        orders[name], kind = _order(mixture.seed, name, weight, sources[name], kind)
    if kind is None:
        raise UsageError("the mixture names no source")
    taken = _counts(mixture, {name: len(order) for name, order in orders.items()})
    lines: list[bytes] = []
    counts: dict[str, SourceCount] = {}
    for name, weight in mixture.sources.items():
        available = len(orders[name])
        lines.extend(
            _take(name, weight, sources[name], kind=kind, order=orders[name], count=taken[name])
        )
        counts[name] = SourceCount(
            available, taken[name], taken[name] / available, digest_file(sources[name])
        )
    write_atomically(out, b"".join(lines))
    return MixtureResult(out, digest_file(out), len(lines), kind, counts)


def _order(
    seed: int, name: str, weight: Weight, path: Path, kind: Kind | None
) -> tuple[list[int], Kind]:
    """Return the row indices of a source in sampling order, and the kind of its rows."""
    keys: list[tuple[bytes, int]] = []
    prefix = canonical_json([seed, name])
    for index, (_, found, row) in enumerate(read_rows(path, kind, weight.columns)):
        kind = found
        digest = hashlib.blake2b(prefix + canonical_json(row), digest_size=16).digest()
        keys.append((digest, index))
    if not keys or kind is None:
        raise ProctorError(f"{path} holds no rows: the source {name!r} is empty")
    return [index for _, index in sorted(keys)], kind


def _counts(mixture: Mixture, available: Mapping[str, int]) -> dict[str, int]:
    """Resolve every weight to a number of rows."""
    fixed: dict[str, int] = {}
    shares: dict[str, float] = {}
    for name, weight in mixture.sources.items():
        if weight.fraction is not None:
            shares[name] = weight.fraction
        elif weight.rows is not None:
            fixed[name] = weight.rows
        else:
            fixed[name] = max(1, round(available[name] * (weight.epochs or 1.0)))
    counts = {**fixed, **_share_out(shares, fixed, mixture.total, available)}
    if mixture.total is not None and not shares and sum(counts.values()) != mixture.total:
        raise UsageError(
            f"'total' is {mixture.total} but the sources' weights add up to "
            f"{sum(counts.values())} rows: drop 'total' or give the sources a 'fraction'"
        )
    caps = {name: weight.cap for name, weight in mixture.sources.items()}
    return {name: min(counts[name], caps[name] or counts[name]) for name in mixture.sources}


def _share_out(
    shares: Mapping[str, float],
    fixed: Mapping[str, int],
    total: int | None,
    available: Mapping[str, int],
) -> dict[str, int]:
    """Turn fractions of the finished mixture into rows, rounded so that they add up."""
    if not shares:
        return {}
    whole, given = sum(shares.values()), sum(fixed.values())
    if whole > 1 + _EXACT or (not fixed and whole < 1 - _EXACT):
        raise UsageError(f"the sources' fractions add up to {whole:g}; they must add up to 1")
    if total is None:
        total = (
            round(given / (1 - whole))
            if fixed and whole < 1 - _EXACT
            else int(min(available[name] / share for name, share in shares.items()) + _EXACT)
        )
    room = total - given
    if abs(total * whole - room) > max(1.0, _EXACT * total):
        raise UsageError(
            f"'total' of {total} rows leaves {room} for the sources with a fraction, which ask "
            f"for {whole:g} of it: make the two agree or drop 'total'"
        )
    exact = {name: room * share / whole for name, share in shares.items()}
    rows = {name: int(value + _EXACT) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (rows[name] - exact[name], name))
    for name in by_remainder[: max(0, room - sum(rows.values()))]:
        rows[name] += 1
    nothing = [name for name, count in rows.items() if count < 1]
    if nothing:
        raise UsageError(f"the source {nothing[0]!r} comes to 0 of {total} rows: raise its share")
    return rows


def _take(
    name: str, weight: Weight, path: Path, *, kind: Kind, order: list[int], count: int
) -> list[bytes]:
    passes, rest = divmod(count, len(order))
    once_more = set(order[:rest])
    lines: list[bytes] = []
    for index, (number, _, row) in enumerate(read_rows(path, kind, weight.columns)):
        copies = passes + (index in once_more)
        if copies:
            record: dict[str, Any] = {**row, "source": name, "line": number}
            lines.extend([canonical_json(record) + b"\n"] * copies)
    return lines
