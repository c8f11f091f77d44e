"""Blocks that a process of its own cuts ahead are those that the scan would cut."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from decontam import sources
from decontam.exams import exam_of
from decontam.reading import ReadAhead, reading_ahead
from decontam.rules import RULES
from decontam.scan import scan
from decontam.sources import Blocks
from proctor.errors import ProctorError

Write = Callable[..., Path]


@pytest.fixture
def files(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two plain files of several blocks, one without its last newline, and a packed one between."""
    monkeypatch.setattr(sources, "BLOCK_BYTES", 2000)
    rows = [{"text": f"Nothing {number}."} for number in range(300)]
    plain, last = write(rows, "a.jsonl"), write(rows[:200], "c.jsonl")
    last.write_bytes(last.read_bytes().rstrip(b"\n"))
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    return [plain, packed, last]


def test_blocks_read_ahead_are_those_read_here(files: list[Path]) -> None:
    before = set(multiprocessing.active_children())
    with ReadAhead(files) as reader:
        ahead = [list(reader.blocks(path)) for path in files]
    assert ahead == [list(Blocks(path).to_end()) for path in files]
    assert all(len(items) > 3 for items in ahead)
    assert set(multiprocessing.active_children()) == before


def test_what_is_found_does_not_depend_on_who_reads(
    files: list[Path], items: tuple[str, ...]
) -> None:
    with files[2].open("a") as handle:
        handle.write("\n" + json.dumps({"text": items[1]}))
    given = {path.name: path for path in files}
    exams, rule = [exam_of("task", list(items))], RULES["proctor"]
    alone = scan(given, exams, rule, workers=1)
    with ReadAhead(files) as reader:
        ahead = scan(given, exams, rule, workers=2, reader=reader)
    assert ahead.matches.equals(alone.matches)
    assert ahead.matches["document"].to_pylist() == [200]
    assert ahead.manifest["id"] == alone.manifest["id"]


def test_a_scan_that_ends_early_leaves_no_reader(files: list[Path]) -> None:
    before = set(multiprocessing.active_children())
    with ReadAhead(files * 200) as reader:
        next(reader.blocks(files[0]))
        assert len(multiprocessing.active_children()) == len(before) + 1
    assert set(multiprocessing.active_children()) == before


def test_a_file_that_is_gone_is_one_sentence(files: list[Path], tmp_path: Path) -> None:
    gone = tmp_path / "gone.jsonl"
    with ReadAhead([files[0], gone]) as reader:
        assert len(list(reader.blocks(files[0]))) > 3
        with pytest.raises(ProctorError, match=r"gone\.jsonl cannot be read .*; mend it"):
            list(reader.blocks(gone))


def test_a_reader_that_was_killed_is_one_sentence(files: list[Path]) -> None:
    before = set(multiprocessing.active_children())
    with ReadAhead(files[:1] * 200) as reader:
        (process,) = [p for p in multiprocessing.active_children() if p not in before]
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        with pytest.raises(ProctorError, match="was ended from outside: run the same command"):
            _ = [list(reader.blocks(path)) for path in files[:1] * 200]


def test_nothing_is_read_ahead_for_one_worker_or_beside_threads(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(threading, "active_count", lambda: 1)  # whatever other tests left running
        with reading_ahead(files, 1) as reader:
            assert reader is None
        with reading_ahead(files, 2) as reader:
            assert reader is not None
            assert list(reader.blocks(files[0])) == list(Blocks(files[0]).to_end())
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with reading_ahead(files, 2) as reader:
            assert reader is None
    finally:
        done.set()
        thread.join()
