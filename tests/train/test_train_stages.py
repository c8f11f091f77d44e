"""What a stage does with bad input and odd models: one sentence or a recorded choice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from proctor.errors import ProctorError, UsageError
from proctor.files import read_json
from train.checkpoint import checkpoint_digest, load, save
from train.render import has_generation_marks, render
from train.stages import dpo, rlvr, sft

QUICK: dict[str, Any] = {"batch_size": 8, "threads": 1}


@pytest.fixture
def copy(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))


def _edit(folder: Path, name: str, **changes: Any) -> None:
    config = read_json(folder / name)
    (folder / name).write_text(json.dumps({**config, **changes}))


def _sft(base: Path, toys: Any, out: Path, rows: Any = None, **options: Any) -> Any:
    data = toys.write("data.jsonl", toys.sums(16) if rows is None else rows)
    return sft.run(base, data, sft.Settings(**{**QUICK, **options}), out, seed=0)


def test_stage_folder_is_a_checkpoint_with_its_record(
    tiny_checkpoint: Path, toys: Any, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    data = toys.write("data.jsonl", toys.sums(16))
    result = sft.run(
        tiny_checkpoint,
        data,
        sft.Settings(**QUICK, learning_rate=1e-3, epochs=1),
        tmp_path / "out",
        seed=0,
        progress=lambda step, total, metrics: seen.append((step, total)),
    )
    record = read_json(tmp_path / "out" / "stage.json")
    assert seen == [(1, 2), (2, 2)]
    assert record["base"] == checkpoint_digest(tiny_checkpoint)
    assert record["settings"]["learning_rate"] == 1e-3
    assert record["versions"]["trl"]
    assert result.tokens > 0
    again = load(tmp_path / "out")
    assert again.tokenizer.chat_template == load(tiny_checkpoint).tokenizer.chat_template
    assert not list((tmp_path / "out").glob("*.bin"))


def test_rows_are_rendered_as_trl_renders_them(
    tiny_checkpoint: Path, toys: Any, tmp_path: Path
) -> None:
    from datasets import Dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    conversations = [
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": row["completion"]},
            {"role": "user", "content": "Sure?"},
            {"role": "assistant", "content": "Yes."},
        ]
        for row in toys.sums(5)
    ]
    loaded = load(tiny_checkpoint)
    args = SFTConfig(
        str(tmp_path),
        assistant_only_loss=True,
        max_length=40,
        use_cpu=True,
        bf16=False,
        report_to=[],
    )
    trainer = SFTTrainer(
        model=loaded.model,
        args=args,
        train_dataset=Dataset.from_list([{"messages": row} for row in conversations]),
        processing_class=loaded.tokenizer,
    )
    assert has_generation_marks(loaded.tokenizer)
    marked = render(loaded.tokenizer, conversations, 40)
    assert marked.input_ids == list(trainer.train_dataset["input_ids"])
    assert marked.labels == list(trainer.train_dataset["labels"])
    template = loaded.tokenizer.chat_template
    loaded.tokenizer.chat_template = template.replace("{% generation %}", "").replace(
        "{% endgeneration %}", ""
    )
    assert not has_generation_marks(loaded.tokenizer)
    assert render(loaded.tokenizer, conversations, 40) == marked


def test_template_that_rewrites_the_past_is_refused(tiny_checkpoint: Path) -> None:
    tokenizer = load(tiny_checkpoint).tokenizer
    tokenizer.chat_template = (
        "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"
    )
    turns: list[Any] = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    with pytest.raises(ProctorError, match="mark the assistant's part"):
        render(tokenizer, [turns], 99)


@pytest.mark.parametrize(
    ("stage", "options"),
    [
        ("sft", {"learning_rate": 1e18, "epochs": 4, "max_grad_norm": 0, "warmup": 0}),
        ("dpo", {"learning_rate": 1e18, "epochs": 4, "max_grad_norm": 0, "warmup": 0}),
    ],
)
def test_exploding_rate_stops_and_keeps_what_was_saved(
    stage: str, options: Any, tiny_checkpoint: Path, toys: Any, tmp_path: Path
) -> None:
    module: Any = {"sft": sft, "dpo": dpo}[stage]
    rows = toys.sums(32) if stage == "sft" else toys.preferences(32)
    data = toys.write("data.jsonl", rows)
    settings = module.Settings(**QUICK, **options, checkpoint_seconds=0)
    with pytest.raises(ProctorError, match=r"became (nan|inf)|exploded to") as caught:
        module.run(tiny_checkpoint, data, settings, tmp_path / "out", seed=0)
    assert "is kept in" in str(caught.value)
    kept = sorted((tmp_path / "out" / "work").glob("checkpoint-*/complete.json"))
    assert kept
    for mark in kept:
        from safetensors.torch import load_file

        weights = load_file(mark.parent / "model.safetensors")
        assert all(torch.isfinite(weight).all() for weight in weights.values())
    assert not (tmp_path / "out" / "stage.json").exists()


def test_nan_is_caught_at_the_step_it_occurs(copy: Path, toys: Any, tmp_path: Path) -> None:
    loaded = load(copy)
    with torch.no_grad():
        loaded.model.model.layers[0].mlp.up_proj.weight[0, 0] = float("nan")
    save(loaded.model, loaded.tokenizer, copy)
    with pytest.raises(ProctorError, match="the loss became nan at step 1 of"):
        _sft(copy, toys, tmp_path / "out")


def test_constant_reward_is_stopped(tiny_checkpoint: Path, toys: Any, tmp_path: Path) -> None:
    data = toys.write("data.jsonl", toys.rewarded(8))

    def never(instance: Any, response: str) -> Any:
        from collections import namedtuple

        return namedtuple("Mark", "score")(0.0)

    for algorithm in ("grpo", "rloo"):
        settings = rlvr.Settings(
            algorithm=algorithm,
            prompts=4,
            samples=2,
            max_new=4,
            steps=6,
            patience=3,
            unended=None,
            threads=1,
        )
        with pytest.raises(ProctorError, match="after 3 steps no prompt had two answers"):
            rlvr.run(
                tiny_checkpoint,
                data,
                settings,
                tmp_path / algorithm,
                seed=0,
                scorers={"starts_low": never},
            )


def test_prompt_longer_than_the_context_is_left_out_and_recorded(
    tiny_checkpoint: Path, toys: Any, tmp_path: Path, scorers: Any
) -> None:
    long = {"prompt": "word " * 600, "scorer": "starts_low", "instance": {}}
    settings = rlvr.Settings(prompts=4, samples=4, max_new=4, steps=1, unended=None, threads=1)
    data = toys.write("data.jsonl", [*toys.rewarded(6), long])
    result = rlvr.run(tiny_checkpoint, data, settings, tmp_path / "out", seed=0, scorers=scorers)
    assert any("1 prompts are longer than 508 tokens" in choice for choice in result.choices)
    only = toys.write("only.jsonl", [long])
    with pytest.raises(ProctorError, match="has 0 prompts of at most 508 tokens"):
        rlvr.run(tiny_checkpoint, only, settings, tmp_path / "none", seed=0, scorers=scorers)


def test_rows_longer_than_the_context_are_cut_and_recorded(
    tiny_checkpoint: Path, toys: Any, tmp_path: Path
) -> None:
    long = [{"prompt": "word " * 600, "completion": "never seen"}]
    cut = [{"prompt": "word", "completion": "seen " * 600}]
    result = _sft(tiny_checkpoint, toys, tmp_path / "a", [*toys.sums(16), *long, *cut], steps=1)
    assert "2 rows were cut at 512 tokens" in result.choices
    assert "1 rows had no answer within 512 tokens" in result.choices
    with pytest.raises(ProctorError, match="none of its 1 rows has an assistant token"):
        _sft(tiny_checkpoint, toys, tmp_path / "b", long)


def test_pairs_longer_than_the_context_are_left_out_and_recorded(
    tiny_checkpoint: Path, toys: Any, tmp_path: Path
) -> None:
    long = {"prompt": "word " * 600, "chosen": "a", "rejected": "b"}
    same = {"prompt": "word", "chosen": "a", "rejected": "a"}
    settings = dpo.Settings(**QUICK, steps=1)
    data = toys.write("data.jsonl", [*toys.preferences(8), long, same])
    result = dpo.run(tiny_checkpoint, data, settings, tmp_path / "a", seed=0)
    assert "1 pairs had no room for an answer in 512 tokens" in result.choices
    assert "1 pairs had the same answer twice and were left out" in result.choices
    for rows, message in (
        ([long], "all 1 prompts are"),
        ([same], "same answer twice"),
        ([], "empty"),
    ):
        with pytest.raises(ProctorError, match=message):
            dpo.run(tiny_checkpoint, toys.write("x.jsonl", rows), settings, tmp_path / "b", seed=0)
        shutil.rmtree(tmp_path / "b")


def test_tokenizer_without_a_pad_token_is_padded_by_its_end_token(
    copy: Path, toys: Any, tmp_path: Path
) -> None:
    _edit(copy, "tokenizer_config.json", pad_token=None)
    result = _sft(copy, toys, tmp_path / "out", steps=1)
    assert any("has no pad token" in choice for choice in result.choices)


def test_tokenizer_without_a_template_needs_one(copy: Path, toys: Any, tmp_path: Path) -> None:
    template = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(ProctorError, match="has no chat template"):
        _sft(copy, toys, tmp_path / "a")
    (tmp_path / "mine.jinja").write_text(template)
    given = _sft(copy, toys, tmp_path / "b", chat_template=str(tmp_path / "mine.jinja"), steps=1)
    assert any("given in the settings" in choice for choice in given.choices)
    assert (tmp_path / "b" / "chat_template.jinja").read_text() == template


def test_folder_that_cannot_be_trained_from_is_refused(
    copy: Path, toys: Any, tmp_path: Path
) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ProctorError, match=r"only pytorch_model\.bin, which is never loaded"):
        _sft(copy, toys, tmp_path / "a")
    (copy / "pytorch_model.bin").rename(copy / "model.safetensors")
    (copy / "tokenizer_config.json").unlink()
    with pytest.raises(ProctorError, match="has no tokenizer"):
        _sft(copy, toys, tmp_path / "b")
    with pytest.raises(ProctorError, match="does not exist"):
        _sft(tmp_path / "nowhere", toys, tmp_path / "c")


def test_options_pass_through_only_if_trl_knows_them() -> None:
    assert sft.Settings(neftune_noise_alpha=5).trl_options() == {"neftune_noise_alpha": 5}
    assert rlvr.Settings(scale_rewards="none").trl_options() == {"scale_rewards": "none"}
    with pytest.raises(UsageError, match="did you mean 'learning_rate'"):
        sft.Settings(learning_rat=1e-5)
    with pytest.raises(UsageError, match="did you mean 'neftune_noise_alpha'"):
        sft.Settings(neftune_noise_alfa=1e-5)
    with pytest.raises(UsageError, match="say 'steps'"):
        dpo.Settings(max_steps=5)
    with pytest.raises(UsageError, match="never run"):
        dpo.Settings(trust_remote_code=True)
    with pytest.raises(UsageError, match="cannot be set"):
        dpo.Settings(push_to_hub=True)


def test_batch_that_does_not_divide_is_refused(
    tiny_checkpoint: Path, toys: Any, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="a step of 8 rows is not a multiple"):
        _sft(tiny_checkpoint, toys, tmp_path / "out", micro_batch_size=3)


@pytest.mark.parametrize("error", ["system", "safetensors"])
def test_full_disk_is_one_sentence_and_the_run_goes_on_later(
    error: str,
    tiny_checkpoint: Path,
    toys: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import errno

    from safetensors import SafetensorError
    from transformers import PreTrainedModel

    errors: dict[str, Exception] = {
        "system": OSError(errno.ENOSPC, "No space left on device"),
        "safetensors": SafetensorError("I/O error: No space left on device (os error 28)"),
    }
    saved = PreTrainedModel.save_pretrained
    calls: list[Any] = []

    def full(self: Any, folder: Any, **options: Any) -> Any:
        calls.append(folder)
        if len(calls) == 2:
            raise errors[error]
        return saved(self, folder, **options)

    options: dict[str, Any] = {"epochs": 2, "checkpoint_seconds": 0}
    with monkeypatch.context() as patch:
        patch.setattr(PreTrainedModel, "save_pretrained", full)
        with pytest.raises(ProctorError, match="the disk is full"):
            _sft(tiny_checkpoint, toys, tmp_path / "out", **options)
    rest = _sft(tiny_checkpoint, toys, tmp_path / "out", **options)
    whole = _sft(tiny_checkpoint, toys, tmp_path / "whole", **options)
    assert rest.weights == whole.weights


def test_training_says_nothing(
    tiny_checkpoint: Path,
    toys: Any,
    tmp_path: Path,
    scorers: Any,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _sft(tiny_checkpoint, toys, tmp_path / "a", steps=2)
    data = toys.write("pairs.jsonl", toys.preferences(8))
    dpo.run(tiny_checkpoint, data, dpo.Settings(**QUICK, steps=1), tmp_path / "b", seed=0)
    options: dict[str, Any] = {"prompts": 4, "samples": 4, "max_new": 4, "steps": 1, "threads": 1}
    for place, algorithm in enumerate(("grpo", "rloo")):
        rlvr.run(
            tiny_checkpoint,
            toys.write("rl.jsonl", toys.rewarded(4)),
            rlvr.Settings(algorithm=algorithm, unended=None, **options),
            tmp_path / f"rl{place}",
            seed=0,
            scorers=scorers,
        )
    assert capfd.readouterr() == ("", "")
