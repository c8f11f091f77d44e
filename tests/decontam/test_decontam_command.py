"""`proctor decontam` from the command line: exit codes, JSON, files written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from harness.cli import cli
from proctor.errors import UsageError

Write = Callable[..., Path]


@pytest.fixture
def files(write: Write, items: tuple[str, ...]) -> tuple[str, str]:
    """A source that holds one of four instances, and the exam."""
    source = write([{"text": "Nothing at all."}, {"text": f"Try: {items[2]}"}])
    return str(source), str(write([{"question": text} for text in items], "exam.jsonl"))


def test_a_scan_writes_its_record_and_fails_above_the_share(
    files: tuple[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ["--against", files[1], "--out", str(out), "--workers", "1", "--clean", "mask"]
    options += ["--fail-above", "0.02"]
    done = CliRunner().invoke(
        cli, ["decontam", files[0], *options, "--json"], standalone_mode=False
    )
    assert done.return_value == 5
    document = json.loads(done.stdout)
    assert document["contaminated"] == [[files[0], "exam"]]
    assert document["table"][0]["matched"] == 1
    (row,) = pq.read_table(out / "matches.parquet").to_pylist()
    assert (row["document"], row["instance"], row["kind"]) == (1, 2, "verbatim")
    assert json.loads((out / "manifest.json").read_text())["id"] == document["id"]
    assert "<mark>" in (out / "evidence.html").read_text()
    assert "removed" in (out / "cleaned" / Path(document["cleaned"][0]["path"]).name).read_text()


def test_plain_output_shows_the_table_and_escapes_what_it_quotes(
    write: Write, items: tuple[str, ...]
) -> None:
    source = write([{"text": f"{items[0]} \x1b[31mred"}])
    exam = write([{"question": f"{items[0]} \x1b[31mred"}], "exam.jsonl")
    done = CliRunner().invoke(
        cli,
        ["decontam", str(source), "--against", str(exam), "--workers", "1"],
        standalone_mode=False,
    )
    assert done.return_value == 0
    assert "1 of" in done.stdout
    assert "\x1b" not in done.stdout


def test_names_that_mean_nothing_are_bad_usage(files: tuple[str, str]) -> None:
    runner = CliRunner()
    for options in (["--against", "no-such-exam"], ["--against", files[1], "--rule", "tulu"]):
        done = runner.invoke(cli, ["decontam", files[0], *options], standalone_mode=False)
        assert isinstance(done.exception, UsageError)


def test_a_source_that_is_missing_is_told_before_an_exam_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.exams.resolve_exams", lambda *_: pytest.fail("asked the hub"))
    options = ["decontam", "no-such.jsonl", "--against", "gsm8k"]
    done = CliRunner().invoke(cli, options, standalone_mode=False)
    assert isinstance(done.exception, UsageError)
    assert "no-such.jsonl names no file" in str(done.exception)


def test_an_audit_counts_what_exams_share(files: tuple[str, str], write: Write) -> None:
    rows = [json.loads(line) for line in Path(files[1]).read_text().splitlines()]
    other = write(rows[:2], "other.jsonl")
    done = CliRunner().invoke(
        cli, ["decontam", "audit", files[1], str(other), "--json"], standalone_mode=False
    )
    counts = {(o["task"], o["other"]): o["matched"] for o in json.loads(done.stdout)["overlaps"]}
    assert counts == {
        ("exam", "exam"): 0,
        ("exam", "other"): 2,
        ("other", "exam"): 2,
        ("other", "other"): 0,
    }
