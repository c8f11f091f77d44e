"""`proctor score`: matching, order, bad lines, one document on stdout."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evals.scoring import SCORERS
from harness.commands.score import TASKS, command
from proctor.errors import ProctorError


@pytest.fixture
def lines(tmp_path: Path) -> Any:
    def write(*rows: Any) -> Path:
        path = tmp_path / "responses.jsonl"
        texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        return path

    return write


def run(path: Path, task: str, *options: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    out = path.with_name("scores.jsonl")
    arguments = [str(path), "--task", task, "--out", str(out), "--json", *options]
    result = CliRunner().invoke(
        command, arguments, catch_exceptions=False, env={"PROCTOR_DATA": ""}
    )
    if result.exit_code:
        raise AssertionError(result.output)
    return json.loads(result.stdout), [json.loads(line) for line in out.read_text().splitlines()]


def error(path: Path, task: str, *options: str) -> str:
    with pytest.raises(ProctorError) as caught:
        run(path, task, *options)
    return str(caught.value)


def test_the_tasks_are_the_scorers() -> None:
    assert set(TASKS) == set(SCORERS)


def test_lines_with_their_own_answers_need_no_data(lines: Any) -> None:
    path = lines({"id": "b", "answer": "5", "response": "5"}, {"answer": "6", "response": "5"})
    summary, rows = run(path, "gsm8k")
    assert [(row["id"], row["score"], row["extracted"]) for row in rows] == [
        ("b", 1.0, "5"),
        ("line-2", 0.0, "5"),
    ]
    assert summary["n"] == 2
    assert summary["score"] == 0.5


def test_lines_are_matched_by_id_or_by_text(lines: Any, data_dir: Path) -> None:
    with (data_dir / "ifeval_input.jsonl").open(encoding="utf-8", newline="\n") as handle:
        prompts = [json.loads(line) for line in handle][:3]
    path = lines(
        {"id": prompts[2]["key"], "response": "a"},
        {"prompt": f" {prompts[0]['prompt']}\n", "response": "a, b"},
    )
    summary, rows = run(path, "ifeval", "--data-dir", str(data_dir))
    assert [row["id"] for row in rows] == [str(prompts[2]["key"]), str(prompts[0]["key"])]
    assert len(rows[1]["instructions_strict"]) == len(prompts[0]["instruction_id_list"])
    assert {"prompt_level_strict_acc", "inst_level_loose_acc"} <= summary.keys()


def test_gsm8k_goes_by_place_and_by_question(lines: Any, data_dir: Path) -> None:
    with (data_dir / "gsm8k_test.jsonl").open(encoding="utf-8", newline="\n") as handle:
        rows = [json.loads(line) for line in handle]
    path = lines(
        *({"id": n, "response": rows[n]["answer"]} for n in (3, 0)),
        {"question": rows[7]["question"], "response": rows[7]["answer"]},
    )
    summary, scored = run(path, "gsm8k", "--data", str(data_dir / "gsm8k_test.jsonl"))
    assert summary["score"] == 1.0
    assert [row["id"] for row in scored][:2] == ["3", "0"]


def test_xstest_lines_carry_prompt_and_response(lines: Any, data_dir: Path) -> None:
    with (data_dir / "xstest_completions_llama2orig.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        rows = list(csv.DictReader(file))[:40]
    path = lines(*({"prompt": r["prompt"], "response": r["completion"]} for r in rows))
    for options in ([], ["--data-dir", str(data_dir)]):
        summary, scored = run(path, "xstest", *options)
        assert sum(summary["refusals"].values()) == 40
        assert {row["refusal"] for row in scored} <= {
            "full_compliance",
            "partial_refusal",
            "full_refusal",
        }


@pytest.mark.parametrize(
    ("task", "row", "message"),
    [
        ("gsm8k", "no json", "line 1: not valid JSON"),
        ("gsm8k", "[1]", "line 1: expected an object"),
        ("gsm8k", {"id": 1}, "line 1: 'response' is missing"),
        ("gsm8k", {"id": 1, "response": 5}, "line 1: 'response' is missing or no text"),
        ("gsm8k", {"id": 1, "response": "5"}, "--data-dir or PROCTOR_DATA"),
        ("exact", {"id": 1, "response": "5"}, "line 1: exact needs the line's own 'answer'"),
        ("gsm8k", {"answer": "x", "response": "5"}, "line 1: the answer 'x' holds no number"),
        (
            "ifeval",
            {"instruction_id_list": ["a:b"], "kwargs": [{}], "response": "5"},
            "line 1: there is no verifier 'a:b'",
        ),
    ],
)
def test_a_bad_line_is_one_sentence_that_names_it(
    task: str, row: Any, message: str, lines: Any
) -> None:
    assert message in error(lines(row), task)


def test_a_line_that_matches_nothing_is_an_error_unless_skipped(lines: Any, data_dir: Path) -> None:
    data = ("--data-dir", str(data_dir))
    unknown = {"id": "none", "response": "5"}
    assert "'none' matches no instance of gsm8k" in error(lines(unknown), "gsm8k", *data)
    path = lines(unknown, {"id": 0, "response": "5"})
    summary, rows = run(path, "gsm8k", *data, "--skip-unknown")
    assert (summary["n"], summary["skipped"], [row["id"] for row in rows]) == (1, 1, ["0"])
    assert "none of its 1 lines" in error(lines(unknown), "gsm8k", *data, "--skip-unknown")


def test_two_passes_are_identical_to_the_last_byte(lines: Any, data_dir: Path) -> None:
    rows = []
    with (data_dir / "ifeval_input.jsonl").open(encoding="utf-8", newline="\n") as handle:
        rows = [json.loads(line) for line in handle]
    responses = [rows[-n]["prompt"].upper() if n % 2 else rows[-n]["prompt"] for n in range(541)]
    path = lines(*({"id": r["key"], "response": x} for r, x in zip(rows, responses, strict=True)))
    outputs = []
    for number in range(2):
        out = path.with_name(f"{number}.jsonl")
        code = "import sys; from harness.cli import main; sys.argv[0] = 'proctor'; main()"
        options = ["score", "--task", "ifeval", str(path), "--out", str(out)]
        subprocess.run(
            [sys.executable, "-c", code, *options, "--data-dir", str(data_dir)], check=True
        )
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1]


def test_a_warning_says_when_strict_and_flexible_extraction_disagree(lines: Any) -> None:
    path = lines(*({"answer": "5", "response": "It is 5"} for _ in range(3)))
    summary, _ = run(path, "gsm8k")
    assert "strict extraction gives 0.000, flexible 1.000" in summary["warnings"][0]


def test_help_loads_no_scorer() -> None:
    code = "import sys, harness.commands.score; print('evals.scoring' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
