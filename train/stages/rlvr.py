"""Reinforcement learning with verifiable rewards: GRPO, or RLOO, with TRL's trainers.

Tülu 3 published PPO; TRL has none. GRPO is what Tülu 3.1 took from the same start (open-instruct
docs/tulu3.md, scripts/train/tulu3/grpo_fast_8b.sh): 48 prompts x 16 samples, learning rate 5e-7,
constant, beta 0.01, temperature 1, 2,048 new tokens, rewards 10 and 0. RLOO has the KL penalty
in the reward as Tülu 3's PPO had, and is the nearer substitute for it (set beta 0.05). The
reference policy is the folder `base`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from proctor.errors import ProctorError
from train.checkpoint import Loaded, context_length, load
from train.course import (
    Plan,
    StageResult,
    finished,
    plan,
    quiet_machine,
    run_trainer,
    split_batch,
    trainer_config,
)
from train.options import StageSettings
from train.render import render_prompts
from train.rewards import RewardRow, Scorer, VerifiedReward, known_scorers, refuse_unseen
from train.rows import read_rows

if TYPE_CHECKING:
    from train.guard import Progress


class Settings(StageSettings):
    """Tülu 3.1's settings; every other option of TRL's GRPOConfig or RLOOConfig passes through.

    A step samples `samples` answers to each of `prompts` prompts; `micro_batch_size` counts
    answers. `max_length` is the longest prompt and `max_new` the longest answer, in tokens.
    `points` is the reward of a verified answer and `unended` that of an answer that never ends
    (null: score it as it is). A run whose first `patience` steps have no two different rewards
    for any prompt is stopped: nothing can be learnt from it.
    """

    algorithm: Literal["grpo", "rloo"] = "grpo"
    learning_rate: float = Field(default=5e-7, gt=0)
    lr_scheduler_type: str = "constant"
    epochs: float = Field(default=1.0, gt=0)
    prompts: int = Field(default=48, ge=1)
    samples: int = Field(default=16, ge=2)
    max_length: int = Field(default=2048, ge=1)
    max_new: int = Field(default=2048, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    beta: float = Field(default=0.01, ge=0)
    points: float = 10.0
    unended: float | None = -10.0
    patience: int = Field(default=50, ge=1)

    @property
    def config_name(self) -> str:
        """Say which TRL config the options belong to."""
        return "trl:GRPOConfig" if self.algorithm == "grpo" else "trl:RLOOConfig"

    @property
    def rows_per_step(self) -> int:
        """Return the answers of one optimiser step."""
        return self.prompts * self.samples


def run(
    base: Path,
    data: Path,
    settings: Settings,
    out: Path,
    *,
    seed: int,
    base_digest: str | None = None,
    progress: Progress | None = None,
    scorers: Mapping[str, Scorer] | None = None,
) -> StageResult:
    """Train `base` by reward on the prompts in `data` and save the result to `out`.

    Args:
        base: a checkpoint folder; also the reference policy.
        data: JSONL rows with `prompt` (or `messages`), `scorer` and `instance`.
        settings: see `Settings`.
        out: the folder of the new checkpoint; a run that was cut off is continued.
        seed: of the prompt order and of the sampling.
        base_digest: the checkpoint's digest if it is known.
        progress: told the step, the steps and the metrics after every step.
        scorers: what the rows' `scorer` names mean; `evals.scoring.SCORERS` by default.

    Raises:
        ProctorError: no usable prompt, an unusable checkpoint, a loss that is not finite, or
            rewards that never differ.
        UsageError: `out` holds another stage, options do not fit together, or a prompt belongs
            to the unseen suite.
    """
    course = plan("rlvr", base, data, settings, out, seed=seed, base_digest=base_digest)
    done = finished(course)
    if done is not None:
        return done
    rows = [row for _, _, row in read_rows(data, "reward")]
    if not rows:
        raise ProctorError(f"{data} holds no prompt to train on: it is empty")
    reward_rows = [RewardRow(row["scorer"], row["instance"]) for row in rows]
    if scorers is None:
        refuse_unseen(reward_rows)
        scorers = known_scorers(row.scorer for row in reward_rows)
    with quiet_machine(settings.threads):
        from datasets import Dataset

        from train.guard import Signal

        loaded = load(base, chat_template=settings.chat_template)
        choices = list(loaded.choices)
        kept = fitting(loaded, [row["prompt"] for row in rows], settings, data, choices)
        reward = VerifiedReward(
            reward_rows,
            scorers,
            points=settings.points,
            unended=settings.unended,
            ends=end_tokens(loaded),
        )
        prompts = [{"prompt": rows[number]["prompt"], "row": number} for number in kept]
        order = prompt_order(len(kept), settings, seed)
        trainer = build_trainer(course, loaded, Dataset.from_list(prompts).select(order), reward)
        trainer.add_callback(Signal(course.stage, settings.patience))
        return run_trainer(course, trainer, loaded.tokenizer, choices, progress=progress)


def prompt_order(count: int, settings: Settings, seed: int) -> list[int]:
    """Return the numbers of the prompts of all steps, in order; every pass is shuffled anew.

    TRL's own sampler forgets, when a run is resumed, how many passes it has shuffled, and leaves
    out what does not fill a step. With the whole order laid out beforehand neither matters.
    """
    steps = settings.steps or max(1, int(settings.epochs * count / settings.prompts))
    order: list[int] = []
    shuffler = random.Random(seed)
    while len(order) < steps * settings.prompts:
        passed = list(range(count))
        shuffler.shuffle(passed)
        order.extend(passed)
    return order[: steps * settings.prompts]


def build_trainer(course: Plan, loaded: Loaded, prompts: Any, reward: VerifiedReward) -> Any:
    """Build TRL's GRPO or RLOO trainer; one generation feeds exactly one optimiser step."""
    from trl.trainer.grpo_trainer import GRPOTrainer
    from trl.trainer.rloo_trainer import RLOOTrainer

    settings = course.settings
    if not isinstance(settings, Settings):
        raise TypeError("build_trainer needs the settings of this stage")
    config = trainer_config(
        course,
        loaded.model,
        num_train_epochs=1,
        shuffle_dataset=False,
        num_generations=settings.samples,
        steps_per_generation=split_batch(settings)[1],
        max_completion_length=settings.max_new,
        temperature=settings.temperature,
        beta=settings.beta,
    )
    trainer_class = GRPOTrainer if settings.algorithm == "grpo" else RLOOTrainer
    return trainer_class(
        model=loaded.model,
        reward_funcs=reward,
        args=config,
        train_dataset=prompts,
        processing_class=loaded.tokenizer,
    )


def fitting(
    loaded: Loaded,
    prompts: list[list[Any]],
    settings: Settings,
    data: Path,
    choices: list[str],
) -> list[int]:
    """Return the numbers of the prompts that leave room for a whole answer.

    Raises:
        ProctorError: fewer are left than one step needs.
    """
    room = settings.max_length
    context = context_length(loaded.model)
    if context is not None:
        room = min(room, context - settings.max_new)
    lengths = [len(ids) for ids in render_prompts(loaded.tokenizer, prompts)]
    kept = [number for number, length in enumerate(lengths) if length <= room]
    if len(kept) < len(prompts):
        choices.append(
            f"{len(prompts) - len(kept)} prompts are longer than {room} tokens, which leaves no "
            f"room for an answer of {settings.max_new}, and were left out"
        )
    if len(kept) < settings.prompts:
        raise ProctorError(
            f"{data} has {len(kept)} prompts of at most {room} tokens, but a step takes "
            f"{settings.prompts}: lower 'prompts' or 'max_new', or give more rows"
        )
    return kept


def end_tokens(loaded: Loaded) -> set[int]:
    """Return the ids after which generation stops: the tokenizer's and the model's own."""
    own = loaded.model.generation_config.eos_token_id
    others = own if isinstance(own, list) else [] if own is None else [own]
    return {loaded.tokenizer.eos_token_id, *others}
