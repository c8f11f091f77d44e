"""Leaderboards from examinations: a board a suite, cells marked where they do not compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.reporting.archive import Archive, Sat, attempt
from harness.reporting.people import People
from harness.reporting.ranks import TaskMatrix, rank
from harness.reporting.scores import ALPHA, TaskScores, read_scores
from reports.model import Board, Cell, Column, Figure, Mark, Row

# What two scores of one task must have in common to stand in one column.
SETTINGS = ("version", "scorer", "metric", "data_digest", "template_digest", "few_shot", "sampling")
_WORDS = {
    "version": "another version of the task",
    "scorer": "another scorer",
    "metric": "another metric",
    "data_digest": "other exam data",
    "template_digest": "another prompt template",
    "few_shot": "another number of examples",
    "sampling": "other sampling",
}


@dataclass
class _Entry:
    """One examination on its way into a board."""

    sat: Sat
    scores: Mapping[str, TaskScores]
    comparable: set[str]


def make_boards(archive: Archive, people: People, notes: list[str]) -> list[Board]:
    """Return a board for every suite whose rows are open, dev before unseen, then by name.

    Of several examinations of a checkpoint on a suite the newest whole one counts.
    """
    groups: dict[tuple[str, str], dict[str, Sat]] = {}
    for sat in archive.examinations:
        if archive.sealed(sat.suite):
            continue
        group = groups.setdefault((str(sat.suite["role"]), str(sat.suite["name"])), {})
        held = group.get(sat.checkpoint)
        if held is None or _standing(sat) > _standing(held):
            group[sat.checkpoint] = sat
    boards = []
    for (role, suite), chosen in sorted(groups.items()):
        board = attempt(
            f"the leaderboard of {suite}",
            notes,
            lambda r=role, s=suite, c=chosen: _board(r, s, [*c.values()], people, notes),  # type: ignore[misc]
        )
        if board is not None:
            boards.append(board)
    return boards


def _standing(sat: Sat) -> tuple[bool, str, str]:
    return sat.whole, str(sat.manifest.get("created", "")), sat.id


def _board(role: Any, suite: str, sats: list[Sat], people: People, notes: list[str]) -> Board:
    references = {task: _reference(task, sats) for task in _tasks(sats)}
    known: dict[str, TaskScores] = {}
    entries = []
    for sat in sorted(sats, key=lambda one: one.checkpoint):
        scores = attempt(f"examination {sat.id}", notes, lambda sat=sat: read_scores(sat))  # type: ignore[misc]
        if scores is None:
            continue
        entry = _Entry(sat, {}, set())
        entry.scores = {
            task: _aligned(task, one, references, known, entry) for task, one in scores.items()
        }
        entries.append(entry)
    columns = [_column(task, reference) for task, reference in references.items()]
    ranked = _ranked(entries, list(references), people)
    rows = [_row(entry, columns, ranked, references, people) for entry in entries]
    rows.sort(key=_order)
    return Board(suite, role, tuple(columns), tuple(rows), len(ranked))


def _tasks(sats: Sequence[Sat]) -> list[str]:
    return sorted({task for sat in sats for task in sat.manifest["tasks"]})


def _reference(task: str, sats: Sequence[Sat]) -> Mapping[str, Any]:
    """Return the settings that most examinations gave a task; the newest of equals."""
    having = [sat for sat in sats if task in sat.manifest["tasks"]]
    counts = Counter(_settings(sat.manifest["tasks"][task]) for sat in having)
    best = max(having, key=lambda s: (counts[_settings(s.manifest["tasks"][task])], *_standing(s)))
    found: Mapping[str, Any] = best.manifest["tasks"][task]
    return found


def _settings(task: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(repr(task.get(key)) for key in (*SETTINGS, "limit"))


def _column(task: str, reference: Mapping[str, Any]) -> Column:
    return Column(
        task,
        str(reference.get("metric", "")),
        int(reference.get("n") or 0),
        str(reference.get("scorer", "")),
        int(reference.get("few_shot") or 0),
        str(reference.get("version", "")),
    )


def _aligned(
    task: str,
    scores: TaskScores,
    references: Mapping[str, Any],
    known: dict[str, TaskScores],
    entry: _Entry,
) -> TaskScores:
    """Lay the instances out as the board's first comparable examination has them."""
    import pyarrow.compute as pc

    mine = entry.sat.manifest["tasks"].get(task, {})
    if entry.sat.manifest.get("stopped") or _settings(mine) != _settings(references.get(task, {})):
        return scores
    first = known.setdefault(task, scores)
    if scores.instances.equals(first.instances):
        entry.comparable.add(task)
        return TaskScores(first.instances, scores.scores, *_rest(scores))
    places = pc.index_in(first.instances, value_set=scores.instances)
    if scores.n != first.n or places.null_count:
        return scores
    order = places.to_numpy(zero_copy_only=False)
    entry.comparable.add(task)
    clusters = None if scores.clusters is None else scores.clusters[order]
    return TaskScores(first.instances, scores.scores[order], clusters, scores.binary, scores.errors)


def _rest(scores: TaskScores) -> tuple[Any, bool, int]:
    return scores.clusters, scores.binary, scores.errors


@dataclass(frozen=True)
class _Place:
    average: Figure
    ranks: tuple[int, int]


def _ranked(entries: Sequence[_Entry], tasks: Sequence[str], people: People) -> dict[str, _Place]:
    """Return average and ranks of every clean examination with all tasks under equal settings."""
    field = [
        one
        for one in entries
        if all(task in one.comparable for task in tasks) and not _contaminated(one, tasks, people)
    ]
    matrices = []
    for task in tasks if field else []:
        scores = [one.scores[task] for one in field]
        clusters = scores[0].clusters
        groups = scores[0].n if clusters is None else len(np.unique(clusters))
        if groups < 2:
            return {}
        matrices.append(TaskMatrix(np.stack([one.scores for one in scores]), clusters))
    if not matrices:
        return {}
    ranking = rank(matrices, ALPHA)
    n = sum(matrix.scores.shape[1] for matrix in matrices)
    half = 1.959963984540054 * ranking.errors
    return {
        one.sat.id: _Place(
            Figure(
                float(ranking.means[i]),
                f"examinations/{one.sat.id}",
                max(0.0, float(ranking.means[i] - half[i])),
                min(1.0, float(ranking.means[i] + half[i])),
                n,
            ),
            (int(ranking.ranks[i][0]), int(ranking.ranks[i][1])),
        )
        for i, one in enumerate(field)
    }


def _row(
    entry: _Entry,
    columns: Sequence[Column],
    ranked: Mapping[str, _Place],
    references: Mapping[str, Mapping[str, Any]],
    people: People,
) -> Row:
    place = ranked.get(entry.sat.id)
    tasks = [column.task for column in columns]
    missing = [task for task in tasks if task not in entry.comparable]
    why = f"no score that compares on {', '.join(missing)}" if missing else "too few instances"
    if trained_on := _contaminated(entry, tasks, people):
        why = f"not ranked: was trained on {', '.join(trained_on)}"
    return Row(
        people.checkpoint(entry.sat.checkpoint),
        tuple(_cell(entry, column, references[column.task], people) for column in columns),
        place.average if place else None,
        place.ranks if place else None,
        entry.sat.id,
        int(entry.sat.manifest.get("seed", 0)),
        "" if place else why,
    )


def _contaminated(entry: _Entry, tasks: Sequence[str], people: People) -> list[str]:
    marks = {task: people.contamination(entry.sat.checkpoint, task) for task in tasks}
    return [task for task, mark in marks.items() if mark and mark.kind == "contaminated"]


def _cell(entry: _Entry, column: Column, reference: Mapping[str, Any], people: People) -> Cell:
    scores = entry.scores.get(column.task)
    if scores is None or not scores.n:
        return Cell(None)
    estimate = scores.estimate()
    low, high = estimate.interval(ALPHA) if scores.n > 1 else (0.0, 1.0)
    figure = Figure(
        float(estimate.estimate),
        f"examinations/{entry.sat.id}#{column.task}",
        max(0.0, float(low)),
        min(1.0, float(high)),
        scores.n,
    )
    return Cell(figure, tuple(_marks(entry, column.task, scores, reference, people)))


def _marks(
    entry: _Entry, task: str, scores: TaskScores, reference: Mapping[str, Any], people: People
) -> list[Mark]:
    about = entry.sat.manifest["tasks"].get(task, {})
    found = people.contamination(entry.sat.checkpoint, task)
    marks = [found] if found else []
    if about.get("limit"):
        marks.append(Mark("limited", f"only the first {about['limit']:,} instances were asked"))
    if entry.sat.manifest.get("stopped"):
        marks.append(Mark("stopped", "the examination was stopped early"))
    drift = [_WORDS[key] for key in SETTINGS if repr(about.get(key)) != repr(reference.get(key))]
    if drift:
        text = f"asked under {', '.join(drift)} than this column's"
        marks.append(Mark("drifted", text.replace("under other exam data", "on other exam data")))
    elif task not in entry.comparable and not (about.get("limit") or entry.sat.manifest["stopped"]):
        marks.append(Mark("drifted", "other instances were asked than this column's"))
    if scores.errors:
        marks.append(Mark("errors", f"{scores.errors:,} answers errored and count as wrong"))
    stated = about.get("score")
    mean = float(scores.scores.mean())
    if isinstance(stated, (int, float)) and not scores.errors and abs(stated - mean) > 1e-6:
        text = f"its manifest says {100 * stated:.1f}, its rows give {100 * mean:.1f}"
        marks.append(Mark("changed", text))
    return marks


def _order(row: Row) -> tuple[float, float, str]:
    """Ranked rows by average, then the others by the mean of what they have."""
    if row.average is not None:
        return (0, -row.average.value, row.checkpoint.digest)
    have = [cell.figure.value for cell in row.cells if cell.figure]
    return (1, -(sum(have) / len(have)) if have else 0.0, row.checkpoint.digest)
