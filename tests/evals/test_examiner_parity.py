"""Sample by sample the same as lm-eval's own run on the same checkpoint and data."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from evals.backends.hf import HfEngine
from evals.backends.lm import EngineLM
from evals.examiner import examine
from evals.records import Checkpoint
from evals.suites import Suite, SuiteTask
from harness.responses import ResponseStore

LIMIT = 12


def _stock(folder: Path, data_dir: Path) -> list[str]:
    """Write lm-eval's own gsm8k and MATH task files, pointed at local data."""
    import lm_eval

    stock = Path(lm_eval.__file__).parent / "tasks"
    (folder / "gsm8k_local.yaml").write_text(
        f"include: {stock}/gsm8k/gsm8k.yaml\n"
        "task: gsm8k_local\ntag: null\ndataset_path: json\ndataset_name: null\nnum_fewshot: 2\n"
        f"dataset_kwargs: {{data_files: {{train: {data_dir}/gsm8k_train.jsonl, "
        f"test: {data_dir}/gsm8k_test.jsonl}}}}\n"
        "generation_kwargs: {until: ['Question:'], do_sample: false, max_gen_toks: 32}\n"
        "metadata: {version: 3, metric: exact_match, filter: flexible-extract}\n"
    )
    (folder / "choices_local.yaml").write_text(
        "task: choices_local\ndataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {data_dir}/gsm8k_test.jsonl}}}}\n"
        "test_split: test\noutput_type: multiple_choice\ndoc_to_text: '{{question}}'\n"
        "doc_to_choice: ['yes', 'no, never', 'perhaps so']\ndoc_to_target: 1\nnum_fewshot: 0\n"
        "metric_list:\n"
        "  - {metric: acc, aggregation: mean, higher_is_better: true}\n"
        "  - {metric: acc_norm, aggregation: mean, higher_is_better: true}\n"
        "metadata: {version: 1}\n"
    )
    return ["gsm8k_local", "choices_local"]


@pytest.mark.parametrize("chat", [False, True])
def test_the_same_as_lm_eval_on_transformers(other_checkpoint, data_dir, tmp_path, chat):
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    torch.set_num_threads(1)
    names = _stock(tmp_path, data_dir)
    theirs = simple_evaluate(
        model=HFLM(pretrained=str(other_checkpoint), device="cpu", dtype="float32", batch_size=1),
        tasks=names,
        limit=LIMIT,
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        apply_chat_template=chat,
        fewshot_as_multiturn=chat,
        bootstrap_iters=0,
    )["samples"]
    suite = Suite(
        name="parity", role="dev", tasks=tuple(SuiteTask(name=n, chat=chat) for n in names)
    )
    ours = examine(
        Checkpoint(other_checkpoint, "0" * 64, "other"),
        suite,
        HfEngine(other_checkpoint),
        ResponseStore(tmp_path / "responses"),
        limit=LIMIT,
        include=[tmp_path],
    )
    rows = {name: [row for row in ours.rows.to_pylist() if row["task"] == name] for name in names}
    flexible = [s for s in theirs["gsm8k_local"] if s["filter"] == "flexible-extract"]
    assert len(flexible) == len(rows["gsm8k_local"]) == LIMIT
    for sample, row in zip(flexible, rows["gsm8k_local"], strict=True):
        assert row["prompt"] == sample["arguments"][0][0]
        assert row["response"] == sample["resps"][0][0]
        assert row["score"] == sample["exact_match"]
        assert row["extracted"] == sample["filtered_resps"][0]
    for sample, row in zip(theirs["choices_local"], rows["choices_local"], strict=True):
        assert row["score"] == sample["acc"]


def test_lm_eval_runs_on_our_engine_with_the_same_answers(other_checkpoint, data_dir, tmp_path):
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    torch.set_num_threads(1)
    names = _stock(tmp_path, data_dir)
    samples = [
        simple_evaluate(
            model=model,
            tasks=names,
            limit=LIMIT,
            task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
            bootstrap_iters=0,
        )["samples"]
        for model in (
            HFLM(pretrained=str(other_checkpoint), device="cpu", dtype="float32", batch_size=1),
            EngineLM(HfEngine(other_checkpoint)),
        )
    ]
    for theirs, ours in zip(samples[0][names[0]], samples[1][names[0]], strict=True):
        assert ours["resps"] == theirs["resps"]
    for theirs, ours in zip(samples[0][names[1]], samples[1][names[1]], strict=True):
        for their, our in zip(theirs["filtered_resps"], ours["filtered_resps"], strict=True):
            assert our[0] == pytest.approx(their[0], abs=1e-3)
            assert our[1] == their[1]
