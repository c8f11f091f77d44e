"""Questions to the record in SQL: DuckDB over views of the store, nothing of it writable.

The text of a query is a stranger's: it runs in memory, sees the files of open examinations and
no others, and can change neither settings nor disk. What belongs to a sealed unseen suite is not
there at all, or blank where a row says more than the exam (`harness.gate.looks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.reporting.archive import Archive, read_archive
from harness.reporting.judged import make_runs
from harness.reporting.people import People
from harness.reporting.scans import sealed_tasks
from harness.store import Workspace
from proctor.digest import canonical_json
from proctor.errors import ProctorError, UsageError
from reports.model import VerdictPage

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MEMORY = "2GB"
_TEXT, _WHOLE, _REAL = "string", "int64", "float64"
_EXAMINATIONS = {
    "examination": _TEXT, "checkpoint": _TEXT, "name": _TEXT, "suite": _TEXT, "role": _TEXT,
    "task": _TEXT, "n": _WHOLE, "limit_": _WHOLE, "score": _REAL, "errors": _WHOLE,
    "metric": _TEXT, "scorer": _TEXT, "data_digest": _TEXT, "seed": _WHOLE, "created": _TEXT,
    "sealed": "bool",
}  # fmt: skip
_STAGES = {
    "training": _TEXT, "name": _TEXT, "stage": _TEXT, "checkpoint": _TEXT, "base": _TEXT,
    "seed": _WHOLE, "seconds": _REAL, "tokens": _WHOLE,
}  # fmt: skip
_STEPS = {"training": _TEXT, "step": _WHOLE, "metric": _TEXT, "value": _REAL}
_VERDICTS = {
    "record": _TEXT, "ledger": _WHOLE, "occasion": _TEXT, "candidate": _TEXT, "name": _TEXT,
    "against": _TEXT, "verdict": _TEXT, "passed": "bool", "reason": _TEXT, "rule": _TEXT,
    "task": _TEXT, "outcome": _TEXT, "estimate": _REAL, "low": _REAL, "high": _REAL,
    "threshold": _REAL, "n": _WHOLE, "p": _REAL, "wins": _WHOLE, "losses": _WHOLE,
    "needed": _WHOLE, "message": _TEXT,
}  # fmt: skip
_LEDGER = {"seq": _WHOLE, "time": _TEXT, "kind": _TEXT, "body": _TEXT, "hash": _TEXT}
_CHECKPOINTS = {"checkpoint": _TEXT, "name": _TEXT, "base": _TEXT, "aliases": _TEXT}


class Answer(NamedTuple):
    """The rows of a query; `cut` says that there were more than asked for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool


def ask(workspace: Workspace, sql: str, values: Sequence[str] = (), most: int = 1000) -> Answer:
    """Run one SELECT over the views of a workspace; `values` are bound to its `?`.

    Raises:
        UsageError: the text is not one SELECT, or DuckDB refuses it.
        ProctorError: there is no record to ask.
    """
    import duckdb

    with open_views(workspace) as connection:
        try:
            statements = connection.extract_statements(sql)
            kinds = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
            if len(statements) != 1 or statements[0].type not in kinds:
                raise UsageError("give exactly one SELECT; the record is only read here")
            found = connection.execute(statements[0], list(values))
            rows = found.fetchmany(most + 1)
            names = tuple(str(column[0]) for column in found.description or ())
        except duckdb.Error as error:
            raise UsageError(_first_line(error)) from error
    return Answer(names, tuple(rows[:most]), len(rows) > most)


def open_views(workspace: Workspace) -> duckdb.DuckDBPyConnection:
    """Return a connection with the views of a workspace, locked.

    Raises:
        ProctorError: there is no record to ask.
    """
    import duckdb

    archive = read_archive(workspace)
    people = People.of(archive)
    connection = duckdb.connect(
        config={
            "threads": 2,
            "memory_limit": MEMORY,
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    tables = {
        "examinations": _table(_EXAMINATIONS, _examinations(archive)),
        "stages": _table(_STAGES, _stages(archive)),
        "steps": _table(_STEPS, _steps(archive)),
        "verdicts": _table(_VERDICTS, _verdicts(archive, people)),
        "matches": _matches(archive),
        "ledger": _table(_LEDGER, _records(archive)),
        "checkpoints": _table(_CHECKPOINTS, _checkpoints(people)),
    }
    for name, table in tables.items():
        connection.register("arriving", table)
        connection.execute(f"create table {name} as select * from arriving")
        connection.unregister("arriving")
    _samples(connection, archive)
    return connection


def _samples(connection: duckdb.DuckDBPyConnection, archive: Archive) -> None:
    """Make the view of all open rows, then close every door but the files behind it."""
    open_ = [one for one in archive.examinations if not archive.sealed(one.suite)]
    files = {str(p): one.id for one in open_ for p in sorted(one.folder.glob("samples-*.parquet"))}
    known = _table({"file": _TEXT, "examination": _TEXT}, files.items())
    connection.register("arriving", known)
    connection.execute("create table _files as select * from arriving")
    connection.unregister("arriving")
    folders = sorted({str(Path(file).parent) for file in files})
    connection.execute("set allowed_directories = ?", [folders])
    connection.execute("set python_enable_replacements = false")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    if files:
        rows = connection.read_parquet(list(files), filename=True, union_by_name=True)
        rows.create_view("_rows")
        connection.execute(
            "create view samples as select f.examination, e.checkpoint, e.name, e.suite, "
            "r.* exclude (filename) from _rows r join _files f on f.file = r.filename join "
            "(select distinct examination, checkpoint, name, suite from examinations) e "
            "using (examination)"
        )


def _table(columns: Mapping[str, str], rows: Iterator[tuple[Any, ...]] | Any) -> pa.Table:
    import pyarrow as pa

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])
    listed = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]
    try:
        return pa.Table.from_pylist(listed, schema=schema)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ProctorError(
            f"a record holds a value of the wrong kind ({error}): `proctor report` names it"
        ) from error


def _plain(value: Any) -> Any:
    """Return text that Arrow can hold: lone surrogates as escapes."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _examinations(archive: Archive) -> Iterator[tuple[Any, ...]]:
    for one in archive.examinations:
        sealed, m = archive.sealed(one.suite), one.manifest
        who = (one.id, one.checkpoint, str(m["checkpoint"].get("name", "")))
        suite = (str(one.suite["name"]), str(one.suite["role"]))
        for task, about in m["tasks"].items():
            score = None if sealed else about.get("score")
            settings = (about.get("metric"), about.get("scorer"), about.get("data_digest"))
            counts = (about.get("n"), about.get("limit"), score, about.get("errors"))
            yield *who, *suite, task, *counts, *settings, m.get("seed"), m.get("created"), sealed


def _stages(archive: Archive) -> Iterator[tuple[Any, ...]]:
    names = ("name", "stage", "checkpoint", "base", "seed", "seconds", "tokens")
    for identity, note in archive.trainings.items():
        yield identity, *(note.get(name) for name in names)


def _steps(archive: Archive) -> Iterator[tuple[Any, ...]]:
    for identity, note in archive.trainings.items():
        for number, row in enumerate(note["log"], 1):
            step = row.get("step", number)
            for metric, value in row.items():
                if metric != "step" and isinstance(value, (int, float)):
                    yield identity, int(step), metric, float(value)


def _verdicts(archive: Archive, people: People) -> Iterator[tuple[Any, ...]]:
    pages: list[VerdictPage] = []
    for run in make_runs(archive, people, None, []):
        pages += [one.verdict for stage in run.stages for one in stage.candidates]
        pages += [run.final.verdict] if run.final else []
    for page in pages:
        head = (page.record, page.ledger, page.occasion, page.candidate.digest)
        said = (page.candidate.name, page.against.digest, page.verdict, page.passed, page.reason)
        for r in page.rules:
            bounds = (r.estimate, r.low, r.high, r.threshold, r.n, r.p)
            counts = (r.wins, r.losses, r.needed, r.message)
            yield *head, *said, r.rule, r.task, r.outcome, *bounds, *counts


def _records(archive: Archive) -> Iterator[tuple[Any, ...]]:
    for r in archive.ledger:
        yield r.seq, r.time, r.kind, canonical_json(r.body).decode(), r.hash


def _checkpoints(people: People) -> Iterator[tuple[Any, ...]]:
    for digest in sorted({*people.names, *people.aliases}):
        one = people.checkpoint(digest)
        yield digest, one.name, one.base, " ".join(one.aliases)


def _matches(archive: Archive) -> pa.Table:
    """Return all matches with their scan; the texts of sealed exams blank."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    tables = []
    for folder, manifest in archive.scans:
        table = pq.read_table(folder / "matches.parquet")
        hidden = pc.is_in(
            table["task"], value_set=pa.array(sorted(sealed_tasks(archive, manifest)), pa.string())
        )
        for name in ("text", "instance_text"):
            place = table.column_names.index(name)
            blank = pc.if_else(hidden, pa.scalar(None, pa.string()), table[name])
            table = table.set_column(place, name, blank)
        scan = pa.array([folder.name] * table.num_rows, pa.string())
        tables.append(table.add_column(0, "scan", scan))
    if tables:
        return pa.concat_tables(tables, promote_options="default")
    return pa.table({"scan": pa.array([], pa.string())})


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
