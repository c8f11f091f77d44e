"""Seeded sampling from a checkpoint, in batches, on whatever device there is.

A prompt's answers depend on the checkpoint, the seed and the chunk the prompt is in, and not on
what was sampled before, so that finished chunks need not be sampled again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from train.checkpoint import Loaded, context_length
from train.render import render_prompts
from train.rows import Message

if TYPE_CHECKING:
    from torch import Tensor


class Sample(NamedTuple):
    """One sampled answer: its text, its tokens (the end token included), whether it ended."""

    text: str
    tokens: int
    ended: bool


def sample(
    loaded: Loaded,
    prompts: Sequence[Sequence[Message]],
    *,
    samples: int,
    max_new: int,
    temperature: float,
    top_p: float,
    seed: int,
) -> list[list[Sample]]:
    """Sample `samples` answers to every prompt in one batch.

    Returns:
        Per prompt its answers; no answers for a prompt that leaves no room for `max_new` tokens.
    """
    import torch
    from transformers import GenerationConfig

    ids = render_prompts(loaded.tokenizer, prompts)
    context = context_length(loaded.model)
    fits = [context is None or len(row) + max_new <= context for row in ids]
    rows = [row for row, fit in zip(ids, fits, strict=True) if fit]
    if not rows:
        return [[] for _ in ids]
    width = max(map(len, rows))
    pad, ends = loaded.tokenizer.pad_token_id, sorted(end_tokens(loaded))
    device = next(loaded.model.parameters()).device
    inputs = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    config = GenerationConfig(
        max_new_tokens=max_new,
        do_sample=temperature > 0,
        temperature=temperature if temperature > 0 else None,
        top_p=top_p if temperature > 0 else None,
        top_k=0 if temperature > 0 else None,
        num_return_sequences=samples,
        pad_token_id=pad,
        eos_token_id=ends,
        bos_token_id=loaded.tokenizer.bos_token_id,
        disable_compile=True,
    )
    torch.manual_seed(seed)
    with torch.no_grad():
        generated = loaded.model.generate(
            input_ids=inputs, attention_mask=mask, generation_config=config
        )
    answers = _cut(loaded, generated[:, width:], ends)
    found = iter(range(0, len(answers), samples))
    return [answers[(at := next(found)) : at + samples] if fit else [] for fit in fits]


def _cut(loaded: Loaded, generated: Tensor, ends: Sequence[int]) -> list[Sample]:
    """Cut every row after its first end token and decode it."""
    stops = set(ends)
    kept: list[list[int]] = []
    for row in generated.tolist():
        end = next((at for at, token in enumerate(row) if token in stops), len(row) - 1)
        kept.append(row[: end + 1])
    texts = loaded.tokenizer.batch_decode(kept, skip_special_tokens=True)
    return [Sample(text, len(row), row[-1] in stops) for text, row in zip(texts, kept, strict=True)]


def end_tokens(loaded: Loaded) -> set[int]:
    """Return the ids after which generation stops: the tokenizer's and the model's own."""
    own = loaded.model.generation_config.eos_token_id
    others = own if isinstance(own, list) else [] if own is None else [own]
    return {loaded.tokenizer.eos_token_id, *others}
