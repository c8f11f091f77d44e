"""The scan of a run: cleaned copies by mode, and what of the exam was in a candidate's rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from decontam.exams import exam_of
from harness.experiment import Decontamination
from harness.loop.materials import SourceFile
from harness.loop.progress import Progress
from harness.loop.scanning import FinishedScan, Provenance, scan_sources
from harness.store import Workspace
from proctor.digest import digest_file

QUESTION = (
    "A farmer plants seven rows of apple trees with nineteen trees in every row and then a storm "
    "breaks thirty of them before the harvest begins. How many apple trees are left standing?"
)
OTHER = "Which river runs through the old town and where does it meet the sea at last?"


@pytest.fixture
def source(tmp_path: Path) -> SourceFile:
    rows = [
        [("user", OTHER), ("assistant", "The Ouse, at the northern pier.")],
        [("user", "Hello there."), ("assistant", "Hi."), ("user", QUESTION), ("assistant", "103")],
    ]
    path = tmp_path / "forum.jsonl"
    path.write_text(
        "".join(
            json.dumps({"messages": [{"role": r, "content": c} for r, c in row]}) + "\n"
            for row in rows
        )
    )
    return SourceFile("forum", path, digest_file(path))


def _scan(source: SourceFile, tmp_path: Path, mode: str) -> FinishedScan:
    exam = exam_of("farm", [{"id": "a", "question": QUESTION, "answer": "103"}])
    settings = Decontamination.model_validate({"rule": "proctor", "clean": mode})
    workspace = Workspace.open(tmp_path / "w")
    return scan_sources({"forum": source}, [exam], settings, workspace, Progress())


@pytest.mark.parametrize(
    ("mode", "left", "gone"),
    [("drop-document", 1, "Hello there."), ("drop-turn", 2, QUESTION), ("mask", 2, QUESTION)],
)
def test_cleaned_copies_follow_the_mode(source, tmp_path, mode, left, gone):
    cleaned = _scan(source, tmp_path, mode).cleaned("forum").read_text()
    assert len(cleaned.splitlines()) == left
    assert OTHER in cleaned
    assert gone not in cleaned


def test_only_lines_that_were_used_count_as_contamination(source, tmp_path):
    scan = _scan(source, tmp_path, "drop-document")
    for lines, cleaned, matched in (({0, 1}, False, 1), ({0}, False, 0), ({0, 1}, True, 0)):
        used = [Provenance("forum", frozenset(lines), cleaned)]
        found = scan.contamination(used)
        assert [(row.task, row.instances, row.matched) for row in found.rows] == [
            ("farm", 1, matched)
        ]
        assert found.union == {"farm": matched}
        assert len({row["instance"] for row in scan.evidence(used)}) == matched


def test_a_finished_scan_is_found_again(source, tmp_path):
    first = _scan(source, tmp_path, "mask")
    time = (first.folder / "manifest.json").stat().st_mtime_ns
    assert _scan(source, tmp_path, "mask").id == first.id
    assert (first.folder / "manifest.json").stat().st_mtime_ns == time
    assert first.manifest["cleaned"]["forum"] == digest_file(first.cleaned("forum"))
