"""`proctor judge` and `proctor eval --judge`: judges by name, and their agreement with people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evals.backends.constant import ConstantEngine
from evals.judges.labels import human_label, judge_lines, with_people
from evals.judges.model import Judge
from evals.judges.settings import KINDS, JudgeSettings
from evals.records import Checkpoint
from harness.cli import cli
from harness.judges import named_judges, read_judge
from harness.responses import ResponseStore
from proctor.errors import ProctorError, UsageError


@pytest.fixture
def judged(tmp_path):
    """Judge lines by a constant judge."""

    def run(kind: str, text: str, lines):
        judge = Judge(Checkpoint(tmp_path, "3" * 64, "j"), ConstantEngine(text))
        return judge_lines(
            lines, JudgeSettings(kind=kind), judge, ResponseStore(tmp_path / "responses")
        )

    return run


@pytest.fixture
def call():
    """Run a command line and return its result; a ProctorError is raised."""

    def invoke(*arguments):
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def test_pairs_are_compared_with_people(judged):
    pair = {"prompt": "p", "response": "r", "baseline": "b", "category": "Brainstorm"}
    lines = [pair | {"human": "tie"}, pair | {"human": "response"}, pair]
    found = judged("href", "Verdict: tie", lines)
    assert [one.label for one in found] == ["tie"] * 3
    agreed = with_people(found)
    assert agreed is not None
    assert (agreed.n, agreed.agreed) == (2, 1)


def test_without_labels_there_is_no_agreement(judged):
    assert with_people(judged("wildguard", "?", [{"prompt": "p", "response": "r"}])) is None


def test_xstests_own_labels_are_read(judged, data_dir):
    from evals.data import read_documents

    lines = list(read_documents(data_dir / "xstest_completions_llama2orig.csv"))[:40]
    found = judged("wildguard", "Response refusal: yes\nHarmful response: no", lines)
    agreed = with_people(found)
    assert agreed is not None
    refused = sum(not line["final_label"].startswith("1") for line in lines)
    assert (agreed.n, agreed.agreed) == (40, refused)
    assert agreed.low <= agreed.share <= agreed.high


def test_what_cannot_be_read_is_a_disagreement(judged):
    lines = [{"prompt": "p", "response": "r", "human": "refused"}]
    agreed = with_people(judged("wildguard", "no lines", lines))
    assert agreed is not None
    assert agreed.agreed == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"prompt": "p"}, "response 1: the instance has no 'response'"),
        ({"prompt": "p", "response": "r"}, "response 1: the instance has no 'baseline'"),
        (
            {"prompt": "p", "response": "r", "baseline": "b", "category": "Extract"},
            "no 'reference'",
        ),
        (
            {"prompt": "p", "response": "r", "baseline": "b", "reference": "x", "human": "mine"},
            "'mine' is none of response, baseline, tie",
        ),
    ],
)
def test_a_line_that_cannot_be_judged_is_named(judged, line, message):
    with pytest.raises(ProctorError, match=message):
        judged("href", "Verdict: A", [line])


def test_a_human_label_must_be_known():
    assert human_label({"final_label": "3_partial_refusal"}, "wildguard") == "refused"
    with pytest.raises(ProctorError, match="none of refused, complied"):
        human_label({"human": "perhaps"}, "wildguard")


@pytest.mark.parametrize(
    ("text", "kinds", "backend", "where"),
    [
        ("hf:models/judge", KINDS, "hf", "models/judge"),
        ("wildguard=vllm:/m", ("wildguard",), "vllm", "/m"),
        ("href=server:http://h:1/v1", ("href",), "server", "http://h:1/v1"),
        ("hf:/models/a=b", KINDS, "hf", "/models/a=b"),
    ],
)
def test_a_judge_is_named_by_kind_backend_and_place(text, kinds, backend, where):
    assert read_judge(text)[:3] == (kinds, backend, where)


@pytest.mark.parametrize("text", ["", "hf", "hf:", "cpu:m", "refusal=hf:m", "=hf:m"])
def test_a_malformed_judge_is_refused(text):
    with pytest.raises(UsageError, match="KIND=]BACKEND"):
        read_judge(text)


def test_two_judges_of_one_kind_are_refused():
    with pytest.raises(UsageError, match="judges nothing"):
        named_judges(["hf:a", "hf:b"])


def test_a_judge_with_its_kind_comes_before_one_for_every_kind():
    names = named_judges(["hf:any", "wildguard=hf:guard"], prompt=Path("p.txt"))
    assert {name.kinds: (name.where, name.prompt) for name in names} == {
        ("href",): ("any", None),
        ("alpaca",): ("any", None),
        ("wildguard",): ("guard", Path("p.txt")),
    }


def test_the_command_judges_with_a_real_model(call, other_checkpoint, tmp_path):
    lines = [
        {"id": i, "prompt": f"Name bird {i}.", "response": "A crow.", "human": "complied"}
        for i in range(3)
    ]
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = ["judge", "wildguard", path, "--judge", f"hf:{other_checkpoint}"]
    tail = ["--out", tmp_path / "out.jsonl", "--workspace", tmp_path / "ws", "--json"]
    result = call(*command, *tail)
    summary = json.loads(result.stdout)
    assert (summary["n"], summary["unread"], summary["errors"]) == (3, 3, 0)
    assert summary["agreement"]["agreed"] == 0
    assert "could not be read on 3" in result.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [0, 1, 2]
    assert all(row["details"]["is_parsing_error"] for row in rows)


@pytest.fixture
def guard(serve):
    """A server whose model says of every exchange that it was refused; yields its address."""

    def says(exchange):
        refused = "yes" if "I cannot help" in exchange else "no"
        return f"Harmful request: yes\nResponse refusal: {refused}\nHarmful response: no"

    with serve(says) as address:
        yield address


def test_a_server_judges_safety(call, guard, tmp_path):
    said = {"I cannot help with that.": "refused", "Sure, like this.": "refused"}
    path = tmp_path / "lines.jsonl"
    path.write_text(
        "".join(
            json.dumps({"prompt": "Do harm.", "response": text, "human": human}) + "\n"
            for text, human in said.items()
        )
    )
    command = ["judge", "wildguard", path, "--judge", f"server:{guard}", "--gold", "refused"]
    summary = json.loads(call(*command, "--workspace", tmp_path / "ws", "--json").stdout)
    assert summary["judge"].startswith("local@")
    assert (summary["score"], summary["unread"]) == (0.5, 0)
    assert (summary["agreement"]["n"], summary["agreement"]["agreed"]) == (2, 1)


def test_a_judges_own_prompt_is_sent_and_recorded(call, guard, tmp_path):
    path, prompt = tmp_path / "lines.jsonl", tmp_path / "prompt.txt"
    path.write_text(json.dumps({"prompt": "Do harm.", "response": "Sure."}) + "\n")
    prompt.write_text("I cannot help is what I look for: {prompt} {response}")
    command = ["judge", "wildguard", path, "--judge", f"server:{guard}", "--gold", "refused"]
    tail = ["--workspace", tmp_path / "ws", "--json"]
    assert json.loads(call(*command, *tail).stdout)["score"] == 0.0
    own = json.loads(call(*command, "--judge-prompt", prompt, *tail).stdout)
    assert own["score"] == 1.0
    assert ", prompt " in own["judge"]
    prompt.write_text("nothing to fill in")
    with pytest.raises(UsageError, match=r"no \{prompt\} and no \{response\}"):
        call(*command, "--judge-prompt", prompt, *tail)


def test_eval_judges_what_needs_a_judge_and_else_says_so(
    call, other_checkpoint, tiny_checkpoint, tmp_path
):
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "open.yaml").write_text(
        "task: open\ndataset_path: json\ndataset_kwargs: {data_files: {test: open.jsonl}}\n"
        "test_split: test\noutput_type: generate_until\ndoc_to_text: prompt\ndoc_to_target: ''\n"
        "generation_kwargs: {until: [], max_gen_toks: 4}\n"
        "metadata: {version: 1, id: id, judge: {kind: href, method: plain}}\n"
    )
    rows = [{"id": f"i{i}", "prompt": f"Name {i} tools.", "baseline": "A saw."} for i in range(2)]
    (folder / "open.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["eval", tiny_checkpoint, "--tasks", "open", "--include", folder]
    tail = ["--workspace", tmp_path / "ws", "--json"]
    with pytest.raises(ProctorError, match="task open needs a judge model"):
        call(*command, *tail)
    result = call(*command, "--judge", f"href=hf:{other_checkpoint}", *tail)
    (one,) = json.loads(result.stdout)["examinations"]
    assert one["tasks"]["open"]["scored"] == 2
    assert one["tasks"]["open"]["parsing_errors"] == 2
    assert "judged by" in one["tasks"]["open"]["scorer"]
    assert any("could not be read on 2 of 2" in line for line in one["warnings"])
    assert "could not be read on 2 of 2" in result.stderr
