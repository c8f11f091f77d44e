"""The transformers backend: the same answers as `model.generate`, in any batch."""

from __future__ import annotations

import pytest
import torch

from evals.backends.hf import HfEngine
from evals.records import Request, Sampling
from proctor.errors import ProctorError

PROMPTS = [f"What is {i} plus {i * i}? {'Name tools. ' * (i % 5)}" for i in range(24)]


@pytest.fixture(scope="module")
def engine(other_checkpoint):
    torch.set_num_threads(1)
    return HfEngine(other_checkpoint, batch_size=8)


def _answers(engine, prompts, sampling):
    answers = {}
    for batch in engine.generate([Request(p, seed) for seed, p in enumerate(prompts)], sampling):
        for position, response in batch:
            assert position not in answers
            answers[position] = response
    return [answers[i] for i in range(len(prompts))]


def test_greedy_tokens_are_those_of_transformers_generate(engine):
    ours = _answers(engine, PROMPTS, Sampling(24))
    for prompt, response in zip(PROMPTS, ours, strict=True):
        ids = torch.tensor(engine.codec.encode([prompt]))
        theirs = engine.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False
        )[0, ids.shape[1] :]
        assert response.text == engine.codec.decode(theirs.tolist())
        assert response.tokens_in == ids.shape[1]


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_an_answer_does_not_depend_on_its_batch(engine, temperature):
    sampling = Sampling(24, temperature=temperature, top_p=0.95)
    whole = _answers(engine, PROMPTS, sampling)
    for i in range(0, len(PROMPTS), 5):
        ((_, alone),) = next(engine.generate([Request(PROMPTS[i], i)], sampling))
        assert alone == whole[i]


def test_the_seed_decides_a_sample(engine):
    sampling = Sampling(24, temperature=1.0)
    requests = [Request(PROMPTS[3], seed) for seed in (1, 1, 2, 3)]
    answers = dict(next(engine.generate(requests, sampling)))
    assert answers[0] == answers[1]
    assert len({answers[i].text for i in (0, 2, 3)}) == 3


def test_sampled_tokens_follow_the_models_distribution(engine):
    request = Request(PROMPTS[0])
    ids = torch.tensor(engine.codec.encode([request.prompt]))
    with torch.inference_mode():
        probabilities = engine.model(ids).logits[0, -1].softmax(-1)
    engine.batch_size = 512
    draws = [
        response.text
        for batch in engine.generate(
            [Request(request.prompt, seed) for seed in range(2000)], Sampling(1, temperature=1.0)
        )
        for _, response in batch
    ]
    engine.batch_size = 8
    top = int(probabilities.argmax())
    share = draws.count(engine.codec.decode([top])) / len(draws)
    expected = float(probabilities[top])
    assert abs(share - expected) < 5 * (expected * (1 - expected) / len(draws)) ** 0.5 + 1e-9


def test_a_small_top_p_is_greedy(engine):
    greedy = [r.text for r in _answers(engine, PROMPTS[:6], Sampling(12))]
    nucleus = Sampling(12, temperature=1.0, top_p=1e-6)
    assert [r.text for r in _answers(engine, PROMPTS[:6], nucleus)] == greedy


def test_a_stop_string_cuts_where_it_first_stands(engine):
    free = _answers(engine, PROMPTS, Sampling(40))
    stop = free[0].text[10:12]
    for before, after in zip(
        free, _answers(engine, PROMPTS, Sampling(40, stop=(stop,))), strict=True
    ):
        assert after.text == before.text.split(stop)[0]
        assert after.finish == ("stop" if stop in before.text else before.finish)
        assert after.tokens_out <= before.tokens_out


def test_a_prompt_too_long_is_an_error_and_stops_nothing(engine):
    answers = _answers(engine, ["Name 3 tools.", "word " * 2000], Sampling(4))
    assert answers[0].error is None
    assert "tokens, the model takes 4096" in str(answers[1].error)


def test_loglikelihood_is_the_sum_over_the_continuation(engine):
    pairs = [("What is 2 plus 3? The answer", " is 5."), ("Name", " 3 tools."), ("", "What is")]
    found = {i: r for batch in engine.loglikelihood(pairs) for i, r in batch}
    for i, pair in enumerate(pairs):
        context, tail = engine.codec.encode_pair(*pair)
        with torch.inference_mode():
            logits = engine.model(torch.tensor([context + tail])).logits[0].log_softmax(-1)
        expected = sum(float(logits[len(context) - 1 + k, token]) for k, token in enumerate(tail))
        assert found[i].logprob == pytest.approx(expected, abs=1e-3)


def test_swapping_gives_the_answers_of_the_other_checkpoint(tiny_checkpoint, other_checkpoint):
    engine = HfEngine(tiny_checkpoint)
    first = _answers(engine, PROMPTS[:4], Sampling(12))
    engine.swap(other_checkpoint)
    second = _answers(engine, PROMPTS[:4], Sampling(12))
    assert second == _answers(HfEngine(other_checkpoint), PROMPTS[:4], Sampling(12))
    assert [r.text for r in first] != [r.text for r in second]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "model.safetensors").rename(f / "model.bin"), "pickled"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights"),
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer"),
        (lambda f: (f / "config.json").write_text("{"), "does not load"),
    ],
)
def test_a_broken_folder_is_one_sentence(tiny_checkpoint, tmp_path, change, message):
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(tiny_checkpoint, folder)
    change(folder)
    with pytest.raises(ProctorError, match=message):
        HfEngine(folder)
