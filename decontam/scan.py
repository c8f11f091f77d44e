"""The scan: sources against exams under a rule, in shards that can be taken up again.

Knows workers, shards and the record of a scan; what a match is belongs to `decontam.scanner`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from decontam.engines import Engine, Setup, Sink, local_engine
from decontam.exams import Exam
from decontam.index import ExamIndex, build_index
from decontam.opinions import Judge, Opinions
from decontam.reading import ReadAhead
from decontam.rules import Rule
from decontam.scanner import ShardResult
from decontam.sources import FileEnd, Source, expand
from decontam.spool import Spool
from decontam.table import Cell, cell
from proctor.digest import digest_json
from proctor.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from decontam.allow import AllowList

KEPT_REASONS = 1000
Paths = str | Path | Sequence[str | Path]
EngineName = Literal["local", "ray"]


@dataclass(frozen=True)
class Scan:
    """What a scan found.

    Attributes:
        matches: an Arrow table, columns as `decontam.matches.Match`.
        table: a cell for every source and task.
        manifest: the record of the scan, JSON-ready.
        contaminated: (source, task) pairs above the rule's share.
        batches: the matches once more, read a few thousand at a time, for who must not hold all.
    """

    matches: pa.Table
    table: tuple[Cell, ...]
    manifest: dict[str, Any]
    contaminated: tuple[tuple[str, str], ...]
    batches: Callable[[], Iterator[pa.RecordBatch]]


class _Source:
    """What is known of one source so far; the matches themselves are in the spool."""

    def __init__(self, name: str, exams: Sequence[Exam], allow: AllowList | None) -> None:
        self.name = name
        self._allow = allow
        self._ids = {exam.task: exam.instances for exam in exams}
        self.digest = ""
        self.lines = self.documents = self.text_bytes = self.matched = self.bad_count = (
            self.allowed
        ) = 0
        self.bad: list[tuple[int, str]] = []
        self.hit: dict[str, set[int]] = {exam.task: set() for exam in exams}
        self.unrelated: float | None = None

    def add(self, result: ShardResult) -> list[list[Any]]:
        """Count a shard in; return its matches with the source's name and lines."""
        self.documents += result.documents
        self.text_bytes += result.text_bytes
        self.bad_count += len(result.quarantined)
        room = KEPT_REASONS - len(self.bad)
        self.bad += [(self.lines + n, why) for n, why in result.quarantined[:room]]
        rows = [[self.name, self.lines + row[0], *row[1:]] for row in result.matches]
        if self._allow:
            allow = self._allow
            kept = [r for r in rows if not allow.covers(self.name, r[1], r[6], r[8])]
            self.allowed += len(rows) - len(kept)
            rows = kept
        self.matched += len({row[1] for row in rows})
        for row in rows:
            self.hit[row[6]].add(row[7])
        for task, instance in result.unshown:
            label = self._ids[task][instance].id
            if not (self._allow and self._allow.covers(self.name, None, task, label)):
                self.hit[task].add(instance)
        self.lines += result.lines
        self.unrelated = result.unrelated
        return rows

    def record(self) -> dict[str, Any]:
        """Return what the manifest says of the source."""
        return {
            "digest": self.digest,
            "documents": self.documents,
            "text_bytes": self.text_bytes,
            "matched_documents": self.matched,
            "allowed": self.allowed,
            "quarantined_count": self.bad_count,
            "quarantined": [{"line": n, "reason": why} for n, why in self.bad],
        }


def scan(
    sources: Mapping[str, Paths],
    exams: Sequence[Exam],
    rule: Rule,
    *,
    workers: int | None = None,
    fields: Sequence[str] | None = None,
    sink: Sink | None = None,
    index_cache: Path | None = None,
    allow: AllowList | None = None,
    rivals: bool = True,
    model: str | Path | None = None,
    judge: Judge | None = None,
    engine: EngineName = "local",
    ray_address: str | None = None,
    reader: ReadAhead | None = None,
) -> Scan:
    """Look for every instance of the exams in every document of the sources.

    Args:
        sources: name to files, globs, folders or `hub:` names.
        exams: what to look for; task names must differ.
        rule: what counts as found.
        workers: processes; all cores when None. The result depends neither on it nor on the engine.
        fields: the fields to read of each row; guessed when None.
        sink: where finished shards are kept.
        index_cache: folder where the exam index is kept.
        allow: reviewed matches, which are left out and counted.
        rivals: leave out an instance where another one explains the same text much better.
        model: a sentence model (folder or hub name) that confirms paraphrases; needs a rule with
            `soft`.
        judge: a chat model that is asked about each of these, and about less likely ones; asked
            here, whatever the engine, a shard at a time.
        engine: "local" for processes here, "ray" for Ray, here or at `ray_address`.
        reader: has begun to cut these sources; the engine "local" takes their blocks from it.

    Raises:
        ProctorError: a source or an exam cannot be read, or the judge cannot be reached.
        UsageError: a source names nothing, Ray is asked for and not installed, or there is a judge
            and no sentence model that finds what it is to be asked.
    """
    if judge and not (model and rule.soft):
        raise UsageError(
            "a judge is asked about what a sentence model nominates: name one with --semantic, and "
            "a rule that looks for paraphrases, such as proctor"
        )
    began = time.monotonic()
    files = {name: expand(paths) for name, paths in sources.items()}
    index = build_index(exams, rule, index_cache)
    setup = Setup(
        index, tuple(fields or ()), rivals, str(model) if model else None, judge is not None
    )
    opinions = Opinions(judge) if judge else None
    found, spool = [], Spool()
    with _engine(engine, setup, workers, ray_address, reader) as running:
        for name, held in files.items():
            source = _Source(name, exams, allow)
            _scan_source(source, held, running, sink, spool, opinions)
            found.append(source)
    return _assembled(
        found, exams, index, spool, allow, setup.model, opinions, time.monotonic() - began
    )


def _engine(
    name: str, setup: Setup, workers: int | None, address: str | None, reader: ReadAhead | None
) -> Engine:
    if name == "local":
        return local_engine(setup, workers, reader)
    from decontam.ray_engine import RayEngine

    return RayEngine(setup, workers, address)


def _scan_source(
    source: _Source,
    files: Sequence[Source],
    engine: Engine,
    sink: Sink | None,
    spool: Spool,
    opinions: Opinions | None,
) -> None:
    digests: list[str] = []
    for item in engine.results(files, sink):
        if isinstance(item, FileEnd):
            digests.append(item.digest)
        else:
            rows = opinions.settled(item.matches) if opinions else item.matches
            spool.add(source.add(replace(item, matches=rows)))
    source.digest = digests[0] if len(digests) == 1 else digest_json(digests)


def _assembled(
    found: Sequence[_Source],
    exams: Sequence[Exam],
    index: ExamIndex,
    spool: Spool,
    reviewed: AllowList | None,
    model: str | None,
    opinions: Opinions | None,
    seconds: float,
) -> Scan:
    cells = [
        cell(source.name, exam.task, len(exam.instances), len(source.hit[exam.task]))
        for source in found
        for exam in exams
    ]
    manifest: dict[str, Any] = {
        "rule": index.rule.as_dict(),
        "index": index.digest,
        "sources": {s.name: s.record() for s in found},
        "exams": {e.task: {"digest": e.digest(), "instances": len(e.instances)} for e in exams},
        "table": [c.as_dict() for c in cells],
        "matches": spool.rows,
        "allow_list": reviewed.digest if reviewed else digest_json([]),
        "model": model,
        "model_unrelated": next((s.unrelated for s in found if s.unrelated is not None), None),
        "judge": opinions.record() if opinions else None,
    }
    manifest["id"] = digest_json(manifest)
    manifest["seconds"] = round(seconds, 3)
    over = tuple((c.source, c.task) for c in cells if c.share > index.rule.share)
    return Scan(spool.table(), tuple(cells), manifest, over, spool.batches)
