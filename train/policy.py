"""Building a policy-gradient trainer: prompts that fit, their order, the trainer itself.

GRPO and RLOO are TRL's; MDLOO is RLOO with its clipped loss replaced. What is rewarded and for
how long is the stage's business.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer

from proctor.errors import ProctorError
from train.checkpoint import Loaded, context_length
from train.losses import mirror_descent
from train.render import render_prompts


class MirrorDescentTrainer(RLOOTrainer):
    """RLOO whose step is held near the sampling policy by a KL term instead of by clipping.

    Args:
        gamma: the strength of the pull to the sampling policy.
    """

    def __init__(self, *args: Any, gamma: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gamma = gamma

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
        attention = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        mask = inputs["completion_mask"]
        logps, entropies, _ = self._get_per_token_logps_and_entropies(
            model, ids, attention, mask.size(1), compute_entropy=True
        )
        assert entropies is not None
        log_ratio = (logps * mask).sum(1) - inputs["old_logps"]
        per_answer = mirror_descent(log_ratio, inputs["advantages"], self.gamma)
        metrics = self._metrics["train" if self.is_in_train else "eval"]
        metrics["entropy"].append(((entropies * mask).sum() / mask.sum()).item())
        ratio = log_ratio.detach().exp()
        metrics["step_kl"].append((ratio * log_ratio.detach() - ratio + 1).mean().item())
        return per_answer.mean()


TRAINERS: dict[str, Any] = {
    "grpo": GRPOTrainer,
    "rloo": RLOOTrainer,
    "mdloo": MirrorDescentTrainer,
}


def prompt_order(count: int, per_rollout: int, rollouts: int, seed: int) -> list[int]:
    """Return the numbers of the prompts of all rollouts, in order; every pass is shuffled anew.

    TRL's own sampler forgets, when a run is resumed, how many passes it has shuffled, and leaves
    out what does not fill a step. With the whole order laid out beforehand neither matters.
    """
    order: list[int] = []
    shuffler = random.Random(seed)
    while len(order) < rollouts * per_rollout:
        once = list(range(count))
        shuffler.shuffle(once)
        order.extend(once)
    return order[: rollouts * per_rollout]


def fitting(
    loaded: Loaded,
    prompts: Sequence[Sequence[Any]],
    data: Path,
    choices: list[str],
    *,
    max_prompt: int,
    max_new: int,
    needed: int,
) -> list[int]:
    """Return the numbers of the prompts that leave room for a whole answer.

    Args:
        loaded: the model whose positions bound prompt and answer.
        prompts: the conversations to answer.
        data: where they come from, for messages.
        choices: gets a sentence if prompts are left out.
        max_prompt: tokens of the longest prompt.
        max_new: tokens of the longest answer.
        needed: the prompts of one step.

    Raises:
        ProctorError: fewer are left than one step needs.
    """
    room = max_prompt
    context = context_length(loaded.model)
    if context is not None:
        room = min(room, context - max_new)
    lengths = [len(ids) for ids in render_prompts(loaded.tokenizer, prompts)]
    kept = [number for number, length in enumerate(lengths) if length <= room]
    if len(kept) < len(prompts):
        choices.append(
            f"{len(prompts) - len(kept)} prompts are longer than {room} tokens, which leaves no "
            f"room for an answer of {max_new}, and were left out"
        )
    if len(kept) < needed:
        raise ProctorError(
            f"{data} has {len(kept)} prompts of at most {room} tokens, but a step takes {needed}: "
            "lower 'prompts' or 'max_new', or give more rows"
        )
    return kept
