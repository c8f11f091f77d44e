"""What the examiner's tests share: a folder with a small task, a checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from evals.backends import Batch
from evals.backends.constant import ConstantEngine
from evals.records import Checkpoint, Request, Sampling

SUM_TASK = """\
task: sums
dataset_path: json
dataset_kwargs:
  data_files: {test: sums.jsonl}
test_split: test
output_type: generate_until
doc_to_text: "What is {{a}} + {{b}}?"
doc_to_target: "{{answer}}"
num_fewshot: 1
fewshot_config:
  sampler: first_n
  samples: [{a: 1, b: 1, answer: "#### 2"}]
generation_kwargs: {until: [], do_sample: false, max_gen_toks: 8}
metadata: {version: 1, scorer: gsm8k, family: math, id: name, cluster: group}
"""


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    """A folder with the task `sums` (ten instances) and the suite `sums-dev`."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "sums.yaml").write_text(SUM_TASK)
    rows = [
        {"name": f"s{i}", "a": i, "b": 2, "answer": f"#### {i + 2}", "group": f"g{i % 3}"}
        for i in range(10)
    ]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "sums-dev.yaml").write_text("name: sums-dev\nrole: dev\ntasks: [sums]\n")
    return folder


@pytest.fixture
def somebody(tmp_path: Path) -> Checkpoint:
    """A checkpoint for engines that need no files."""
    return Checkpoint(tmp_path, "ab" * 32, "somebody")


class CountingEngine(ConstantEngine):
    """A constant engine that remembers every request, and may fail after some batches."""

    def __init__(
        self, text: str = "#### 5", *, batch_size: int = 4, die_after: int = 10**9
    ) -> None:
        super().__init__(text, batch_size=4)
        self.asked: list[str] = []
        self.die_after = die_after

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Batch]:
        for number, batch in enumerate(super().generate(requests, sampling)):
            if number >= self.die_after:
                raise KeyboardInterrupt
            self.asked += [requests[position].prompt for position, _ in batch]
            yield batch


@pytest.fixture
def counting() -> type[CountingEngine]:
    """The class of engines that count, to be made with a text and when to die."""
    return CountingEngine


@pytest.fixture(scope="session")
def other_checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other weights, and room for longer prompts, than `tiny_checkpoint` has."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("other_checkpoint")
    shutil.copytree(tiny_checkpoint, folder, dirs_exist_ok=True)
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(folder)
    config.initializer_range = 0.3
    config.max_position_embeddings = 4096
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder
