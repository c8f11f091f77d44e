"""What DPO needs beyond TRL: masked formatting tokens and reward-aware losses.

Both are a collator that changes or adds a column, and for the losses a trainer that reads it.
Pairs come tokenised (`train.render.render_pairs`), many at once, which is faster than TRL's one
by one and gives the same tokens. TRL's other parts (reference policy, padding, averaging over
accumulated batches) stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer

from train.losses import REWARD_AWARE, reward_aware

GAP = "reward_gap"


class RenderedTrainer(DPOTrainer):
    """DPO on pairs that are tokenised already: `prompt_ids`, `chosen_ids`, `rejected_ids`."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset


class MaskingCollator:
    """Takes formatting tokens out of every answer's log-probability.

    Llama 3.1 masks header and end tokens in both answers, because tokens that both share pull
    the loss in two directions (arXiv 2407.21783, section 4.1.4).

    Args:
        collate: TRL's collator, or another of this module.
        tokens: the ids to leave out.
    """

    def __init__(self, collate: Any, tokens: Collection[int]) -> None:
        self.collate = collate
        self.tokens = sorted(tokens)

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return TRL's batch with `completion_mask` 0 at the formatting tokens."""
        batch: dict[str, Any] = self.collate(examples)
        formatting = torch.isin(batch["input_ids"], torch.tensor(self.tokens))
        batch["completion_mask"] = batch["completion_mask"].masked_fill(formatting, 0)
        return batch


class GapCollator:
    """Carries each pair's given reward gap into the batch, as (pairs,) float32."""

    def __init__(self, collate: DataCollatorForPreference) -> None:
        self.collate = collate

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return TRL's batch with the gaps beside it."""
        batch: dict[str, Any] = self.collate(list(examples))
        batch[GAP] = torch.tensor([float(example[GAP]) for example in examples])
        return batch


class RewardAwareTrainer(RenderedTrainer):
    """DPO whose loss meets a given reward gap (RPO) instead of only widening the implicit one.

    Args:
        losses: (name, weight) of each term; names of `train.losses.REWARD_AWARE`, or "sft".
        eta: the scale of the given rewards.
    """

    def __init__(self, *args: Any, losses: Sequence[tuple[str, float]], eta: float, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.terms = tuple(losses)
        self.eta = eta

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()  # type: ignore[no-untyped-call]
        columns: list[str] = self._signature_columns or []
        if GAP not in columns:
            vars(self)["_signature_columns"] = [*columns, GAP]

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the weighted sum of the terms, a mean over the batch's pairs."""
        gap = inputs.pop(GAP)
        mask = inputs["completion_mask"]
        labels = inputs["input_ids"].masked_fill(mask == 0, -100)
        kwargs = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        outputs = model(**kwargs, use_cache=False, labels=labels, fused_lm_head=True)
        token_logps = outputs.log_probs[:, -(mask.size(1) - 1) :]
        chosen, rejected = token_logps.sum(dim=1).chunk(2)
        reference: Any = self.ref_model or model
        ref_chosen, ref_rejected = self.compute_ref_log_probs(reference, inputs)  # type: ignore[no-untyped-call]
        delta = (chosen - ref_chosen) - (rejected - ref_rejected)
        loss = torch.zeros((), device=delta.device)
        for name, weight in self.terms:
            if name in REWARD_AWARE:
                term = reward_aware(name, delta, gap.to(delta), self.beta, self.eta).mean()
            else:
                answered = mask[: len(gap), 1:].bool()
                term = -token_logps[: len(gap)][answered].mean()
            loss = loss + weight * term
        self._note(inputs, delta.detach(), gap.to(delta))
        return (loss, outputs) if return_outputs else loss

    def _note(self, inputs: Mapping[str, Any], delta: Any, gap: Any) -> None:
        mode = "train" if self.is_in_train else "eval"
        if mode == "train":
            self._total_train_tokens += int(inputs["attention_mask"].sum())
        metrics = self._metrics[mode]
        metrics["num_tokens"] = [self._total_train_tokens]
        metrics["rewards/accuracies"].append((delta > 0).float().mean().item())
        metrics["rewards/margins"].append((self.beta * delta).mean().item())
        metrics["rewards/given_margins"].append((self.eta * gap).mean().item())
