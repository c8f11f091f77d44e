"""Decodes a batch of prompts with a causal transformers model.

Not `model.generate`: every row here has its own seed, so a sample is the same in any batch, and
finished rows leave the batch. Per token the arithmetic is the model's own forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from evals.backends.kvcache import roomy_cache

# Stop strings are looked for only every few steps, since that means decoding text; the exact
# place is found afterwards, so this changes speed and not results.
_STOP_EVERY = 8
# Rows that are done leave the batch once they are this share of it.
_COMPACT_AT = 0.25


@dataclass
class _Row:
    """One prompt being answered: its place in the caller's list and the tokens so far."""

    place: int
    limit: int
    draws: np.ndarray | None
    tokens: list[int]
    done: bool = False


@torch.inference_mode()
def decode_batch(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    limits: Sequence[int],
    eos: frozenset[int],
    pad: int,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seeds: Sequence[int] | None = None,
    stopped: Callable[[list[int]], bool] | None = None,
) -> list[list[int]]:
    """Return the new tokens of each prompt, the end-of-sequence token included.

    Args:
        model: a causal language model in eval mode.
        prompts: token ids, one list a row, none empty.
        limits: the most new tokens, one a row, each at least 1.
        eos: tokens that end a row.
        pad: the id to pad with on the left; any id does, it is masked.
        temperature: 0 takes the likeliest token.
        top_p: keep the fewest likeliest tokens whose probabilities reach this.
        seeds: one a row; needed when the temperature is above 0.
        stopped: says whether a row's new tokens hold a stop string, asked now and then.
    """
    device = model.device
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    rows = [
        _Row(i, limit, _draws(seeds[i], limit) if temperature > 0 and seeds else None, [])
        for i, limit in enumerate(limits)
    ]
    finished = list(rows)
    cache = roomy_cache(model.config)
    step = 0
    while True:
        logits = (
            model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            .logits[:, -1]
            .float()
        )
        chosen = _choose(logits, rows, temperature, top_p, step)
        step += 1
        check = stopped is not None and step % _STOP_EVERY == 0
        for row, token in zip(rows, chosen.tolist(), strict=True):
            if row.done:
                continue
            row.tokens.append(token)
            row.done = token in eos or len(row.tokens) >= row.limit
            if check and not row.done and stopped is not None:
                row.done = stopped(row.tokens)
        alive = [i for i, row in enumerate(rows) if not row.done]
        if not alive:
            return [row.tokens for row in finished]
        positions = positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        if len(alive) <= (1 - _COMPACT_AT) * len(rows):
            kept = torch.tensor(alive, device=device)
            cache.batch_select_indices(kept)
            mask, positions, chosen = mask[kept], positions[kept], chosen[kept]
            rows = [rows[i] for i in alive]
        ids = chosen[:, None]


def _draws(seed: int, limit: int) -> np.ndarray:
    """Return one uniform number for every step of a row, from its seed alone."""
    return np.random.Generator(np.random.Philox(key=seed)).random(limit)


def _choose(
    logits: torch.Tensor, rows: Sequence[_Row], temperature: float, top_p: float, step: int
) -> torch.Tensor:
    """Return the next token of each row, shape (rows,).

    A sampled token is where the cumulative probability, likeliest first, passes the row's draw.
    """
    if temperature <= 0:
        return logits.argmax(-1)
    ordered, order = torch.sort(logits / temperature, dim=-1, descending=True, stable=True)
    total = ordered.softmax(-1, dtype=torch.float64).cumsum(-1)
    nucleus = (total < top_p).sum(-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
    mass = total.gather(-1, nucleus)
    draws = torch.tensor(
        [0.0 if row.done or row.draws is None else row.draws[step] for row in rows],
        dtype=torch.float64,
        device=logits.device,
    )
    place = (total <= draws[:, None] * mass).sum(-1, keepdim=True)
    return order.gather(-1, torch.minimum(place, nucleus))[:, 0]
