"""Merges against their formulas, and folders that can be trained from like any other."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import load_file

from proctor.errors import ProctorError, UsageError
from train.checkpoint import load, save
from train.merge import MergeSettings, linear, merge, slerp, warp


def _vectors(seed: int, count: int) -> list[torch.Tensor]:
    generator = np.random.default_rng(seed)
    return [torch.tensor(generator.standard_normal((4, 5))) for _ in range(count)]


def _slerp_in_numbers(first: Any, second: Any, at: float) -> Any:
    a, b = first.flatten().tolist(), second.flatten().tolist()
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    angle = math.acos(dot / math.hypot(*a) / math.hypot(*b))
    return [
        (math.sin((1 - at) * angle) * x + math.sin(at * angle) * y) / math.sin(angle)
        for x, y in zip(a, b, strict=True)
    ]


@given(st.integers(0, 1000), st.floats(0, 1))
def test_slerp_follows_its_formula(seed: int, at: float) -> None:
    first, second = _vectors(seed, 2)
    np.testing.assert_allclose(
        slerp(first, second, at).flatten(),
        _slerp_in_numbers(first, second, at),
        rtol=1e-9,
        atol=1e-12,
    )


@given(st.integers(0, 1000), st.floats(0, 1))
def test_slerp_keeps_the_length_of_equally_long_vectors(seed: int, at: float) -> None:
    first, second = (vector / vector.norm() for vector in _vectors(seed, 2))
    assert slerp(first, second, at).norm().item() == pytest.approx(1.0, rel=1e-9)


def test_slerp_takes_the_straight_line_where_there_is_no_arc() -> None:
    vector = torch.tensor([1.0, 2.0], dtype=torch.float64)
    zero = torch.zeros(2, dtype=torch.float64)
    torch.testing.assert_close(slerp(vector, 3 * vector, 0.5), 2 * vector)
    torch.testing.assert_close(slerp(vector, -vector, 0.25), 0.5 * vector)
    torch.testing.assert_close(slerp(zero, vector, 0.5), 0.5 * vector)
    assert torch.isfinite(slerp(zero, zero, 0.5)).all()


def test_warp_follows_its_formula() -> None:
    start, first, second, third = _vectors(7, 4)
    pair = torch.tensor(_slerp_in_numbers(first - start, second - start, 0.5)).reshape(4, 5)
    torch.testing.assert_close(warp(start, [first, second], 0.3), start + 0.3 * pair)
    three = torch.tensor(_slerp_in_numbers(pair, third - start, 1 / 3)).reshape(4, 5)
    torch.testing.assert_close(warp(start, [first, second, third], 0.3), start + 0.3 * three)
    torch.testing.assert_close(warp(start, [first, second], 0.0), start)


def test_linear_weights() -> None:
    first, second = _vectors(1, 2)
    torch.testing.assert_close(linear([first, second], [0.25, 0.75]), 0.25 * first + 0.75 * second)


@pytest.fixture
def other(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    loaded = load(tiny_checkpoint)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in loaded.model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    save(loaded.model, loaded.tokenizer, tmp_path / "other")
    return tmp_path / "other"


@pytest.mark.parametrize("method", ["linear", "slerp", "warp"])
def test_merged_folder_is_a_checkpoint(
    method: Any, tiny_checkpoint: Path, other: Path, tmp_path: Path
) -> None:
    settings = MergeSettings(method=method, eta=0.5 if method == "warp" else None)
    folders = [tiny_checkpoint, other] + ([tiny_checkpoint] if method == "warp" else [])
    result = merge(folders, settings, tmp_path / "out")
    assert merge(folders, settings, tmp_path / "out") == result
    loaded = load(tmp_path / "out")
    assert loaded.tokenizer.chat_template
    if method == "linear":
        name = "model.layers.0.mlp.up_proj.weight"
        ours, first, second = (
            load_file(folder / "model.safetensors")[name]
            for folder in (tmp_path / "out", tiny_checkpoint, other)
        )
        torch.testing.assert_close(ours, (first + second) / 2)
    with pytest.raises(UsageError, match="holds something else"):
        merge([*folders[1:], folders[0]], settings, tmp_path / "out")


def test_checkpoints_that_do_not_fit_are_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    loaded = load(tiny_checkpoint)
    config = loaded.model.config
    config.intermediate_size = 48
    save(LlamaForCausalLM(config), loaded.tokenizer, tmp_path / "narrow")
    with pytest.raises(ProctorError, match=r"has the shape \(\d+, \d+\) in one"):
        merge([tiny_checkpoint, tmp_path / "narrow"], MergeSettings(), tmp_path / "a")
    config.intermediate_size, config.num_hidden_layers = 64, 1
    config.layer_types = None
    save(LlamaForCausalLM(config), loaded.tokenizer, tmp_path / "short")
    with pytest.raises(ProctorError, match="only one of the two has the tensor"):
        merge([tiny_checkpoint, tmp_path / "short"], MergeSettings(), tmp_path / "b")
    with pytest.raises(UsageError, match="needs 2 weights that add up to 1"):
        merge([tiny_checkpoint] * 2, MergeSettings(weights=[1.0, 1.0]), tmp_path / "c")
    with pytest.raises(UsageError, match="merges 2 checkpoints, not 3"):
        merge([tiny_checkpoint] * 3, MergeSettings(method="slerp"), tmp_path / "d")
    with pytest.raises(ValidationError, match="needs 'eta'"):
        MergeSettings(method="warp")
