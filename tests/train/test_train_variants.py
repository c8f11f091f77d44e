"""Adapters and online preferences: other ways through the same course."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from proctor.errors import ProctorError
from train.stages import online_dpo

LORA = {"rank": 4, "targets": ["q_proj", "v_proj"]}
STAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "sft": ("sums", {"batch_size": 8}),
    "dpo": ("preferences", {"batch_size": 8}),
    "rlvr": ("rewarded", {"prompts": 4, "samples": 4, "max_new": 6, "unended": None, "beta": 0.1}),
}


@pytest.mark.parametrize("stage", STAGES)
def test_adapters_are_merged_and_resume_exactly(
    stage: str, tiny_checkpoint: Path, toys: Any, tmp_path: Path, scorers: Any
) -> None:
    kind, options = STAGES[stage]
    module = importlib.import_module(f"train.stages.{stage}")
    data = toys.write("data.jsonl", getattr(toys, kind)(16))
    settings = module.Settings(
        **options, lora=LORA, learning_rate=1e-2, steps=4, checkpoint_seconds=0, threads=1
    )
    extra = {"scorers": scorers} if stage == "rlvr" else {}
    whole = module.run(tiny_checkpoint, data, settings, tmp_path / "whole", seed=0, **extra)

    def stop(step: int, steps: int, metrics: Any) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.run(
            tiny_checkpoint, data, settings, tmp_path / "cut", seed=0, progress=stop, **extra
        )
    rest = module.run(tiny_checkpoint, data, settings, tmp_path / "cut", seed=0, **extra)
    assert rest.weights == whole.weights
    before = load_file(tiny_checkpoint / "model.safetensors")
    after = load_file(whole.folder / "model.safetensors")
    assert set(after) == set(before)
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed == {name for name in before if "q_proj" in name or "v_proj" in name}


@pytest.fixture
def online() -> online_dpo.Settings:
    return online_dpo.Settings(
        batch_size=4,
        max_new=6,
        steps=4,
        learning_rate=1e-2,
        unended=None,
        threads=1,
        checkpoint_seconds=0,
    )


def test_online_dpo_resumes_exactly(
    online: online_dpo.Settings, tiny_checkpoint: Path, toys: Any, tmp_path: Path, scorers: Any
) -> None:
    data = toys.write("data.jsonl", toys.rewarded(12))
    common: dict[str, Any] = {"seed": 0, "scorers": scorers}
    whole = online_dpo.run(tiny_checkpoint, data, online, tmp_path / "whole", **common)

    def stop(step: int, steps: int, metrics: Any) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        online_dpo.run(tiny_checkpoint, data, online, tmp_path / "cut", progress=stop, **common)
    rest = online_dpo.run(tiny_checkpoint, data, online, tmp_path / "cut", **common)
    assert rest.weights == whole.weights
    assert any(entry["objective/scores_margin"] > 0 for entry in whole.log)


def test_online_dpo_without_a_signal_is_stopped(
    online: online_dpo.Settings, tiny_checkpoint: Path, toys: Any, tmp_path: Path
) -> None:
    class Mark:
        score = 0.5

    data = toys.write("data.jsonl", toys.rewarded(8))
    with pytest.raises(ProctorError, match=r"no prompt had two answers .* mean reward is 5"):
        online_dpo.run(
            tiny_checkpoint,
            data,
            online,
            tmp_path / "out",
            seed=0,
            scorers={"starts_low": lambda instance, response: Mark()},
        )
