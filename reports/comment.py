"""The newest run as a comment on a pull request: Markdown of bounded length.

Also what belongs into a CI system's step summary. JUnit XML is the gate's (`proctor gate`).
"""

from __future__ import annotations

from collections.abc import Iterator

from reports.model import Candidate, Report, Run
from reports.tables import board_lines
from reports.text import markdown
from reports.words import interval, p_words, points, sentence, signed, verdict_word

MARKER = "<!-- proctor-report -->"
# GitHub refuses a comment of more than 65,536 characters.
LONGEST = 60_000
_ROWS = (50, 20, 10, 5, 2, 0)


def comment(report: Report) -> str:
    """Return Markdown of fewer than 60,000 characters, beginning with a marker to find it by."""
    for rows in _ROWS:
        text = "\n".join(_lines(report, rows)) + "\n"
        if len(text) < LONGEST:
            return text
    head = "\n".join(_lines(report, 0))
    # Cut at a line's end, so that no table row or escape is torn.
    return head[: LONGEST - 200].rpartition("\n")[0] + "\n\nThe rest is in the report.\n"


def _lines(report: Report, rows: int) -> Iterator[str]:
    yield MARKER
    if report.runs:
        yield from _run(report.runs[0], rows)
    for board in report.boards[: max(1, rows)] if rows else ():
        yield ""
        yield from board_lines(board, rows)
    for look in report.looks:
        state = "sealed" if look.sealed else "open"
        yield (
            f"\n<sub>{markdown(look.suite)} ({look.role}, {state}): {look.looks} looks, "
            f"{look.alpha_left:.4f} of alpha {look.alpha:g} left</sub>"
        )
    for note in report.notes[:10]:
        yield f"\n> {markdown(note, 400)}"
    if report.head:
        yield f"\n<sub>ledger head {markdown(report.head)}</sub>"


def _run(run: Run, rows: int) -> Iterator[str]:
    yield f"### {markdown(run.experiment)}: {markdown(run.outcome)}"
    yield ""
    if run.promoted:
        yield f"**{markdown(run.promoted.name)}** was promoted to {markdown(run.alias)}."
    else:
        yield f"Nothing was promoted; {markdown(run.alias)} stays where it was."
    yield ""
    yield "| candidate | verdict | why |"
    yield "|---|---|---|"
    judged = [one for stage in run.stages for one in stage.candidates]
    for one in [*judged, *([run.final] if run.final else [])][: max(30, rows)]:
        word = verdict_word(one.verdict)
        yield f"| {markdown(one.checkpoint.name)} | {word} | {markdown(sentence(one), 500)} |"
    for one in judged[:rows]:
        yield from _differences(one)


def _differences(one: Candidate) -> Iterator[str]:
    if not one.differences:
        return
    against = markdown(one.verdict.against.name)
    yield ""
    yield f"<details><summary>{markdown(one.checkpoint.name)} against {against}</summary>"
    yield ""
    yield "| task | before | after | difference | 95 % interval | won–lost | p |"
    yield "|---|---:|---:|---:|---|---:|---:|"
    for row in one.differences:
        yield (
            f"| {markdown(row.task)} | {points(row.before.value)} | {points(row.after.value)} | "
            f"{signed(row.difference.value)} | {interval(row.difference, True)} | "
            f"{row.wins}–{row.losses} | {p_words(row.p).replace('<', '&lt;')} |"
        )
    yield ""
    yield "</details>"
