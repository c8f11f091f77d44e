"""A stage's settings: our few names, the published defaults, and whatever else TRL knows.

A key that is not ours is handed to the TRL config of the stage if that config has a field of
this name; otherwise it is refused with the nearest name. What a stage has to control itself
(where files go, seeds, reporting, loading of foreign code) cannot be passed through.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from proctor.errors import UsageError

_OURS: dict[str, str] = {
    "output_dir": "the folder is the stage's own",
    "seed": "it is the experiment's 'seed'",
    "data_seed": "it is the experiment's 'seed'",
    "full_determinism": "it is the experiment's 'seed'",
    "num_train_epochs": "say 'epochs'",
    "max_steps": "say 'steps'",
    "per_device_train_batch_size": "say 'micro_batch_size'",
    "gradient_accumulation_steps": "say 'batch_size' and 'micro_batch_size'",
    "steps_per_generation": "one generation feeds one step",
    "generation_batch_size": "say 'batch_size'",
    "warmup_ratio": "say 'warmup'",
    "warmup_steps": "say 'warmup'",
    "bf16": "say 'precision'",
    "fp16": "say 'precision'",
    "use_cpu": "it follows the machine",
    "report_to": "nothing is reported to other services",
    "num_iterations": "say 'updates'",
    "num_generations": "say 'samples'",
    "max_completion_length": "say 'max_new'",
    "shuffle_dataset": "the order follows from the experiment's 'seed'",
    "remove_unused_columns": "the columns are the stage's own",
    "resume_from_checkpoint": "a stage resumes by itself",
    "trust_remote_code": "code that comes with a model is never run",
    "model_init_kwargs": "the model is loaded by the stage",
    "dataset_kwargs": "the rows are prepared by the stage",
    "save_strategy": "say 'checkpoint_seconds'",
    "save_steps": "say 'checkpoint_seconds'",
    "save_total_limit": "say 'checkpoint_seconds'",
    "save_only_model": "a stage has to be resumable",
    "logging_steps": "every step is recorded",
    "logging_strategy": "every step is recorded",
    "logging_nan_inf_filter": "a loss that is not a number stops the stage",
    "disable_tqdm": "progress is shown by the command",
    "eval_strategy": "checkpoints are examined, not evaluated on a loss",
    "chat_template_path": "say 'chat_template'",
    "assistant_only_loss": "the loss is always on the assistant's turns",
    "completion_only_loss": "the loss is always on the assistant's turns",
    "skip_memory_metrics": "it follows the machine",
}
_OURS_PREFIXES = ("hub_", "push_to_hub", "log_completions", "eval_", "load_best", "logging_")


class LoraSettings(BaseModel):
    """Low-rank adapters in place of full weights; merged into the weights before saving."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str | list[str] = "all-linear"

    def peft_config(self) -> Any:
        """Return peft's config of these adapters."""
        from peft import LoraConfig

        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=self.targets,
            task_type="CAUSAL_LM",
        )


class StageSettings(BaseModel):
    """What every stage has.

    `learning_rate`, `epochs`, `warmup`, `max_length` and the batch have the published values of
    the recipe that the stage's own class names. `steps` overrides `epochs`. `warmup` is a
    share of the steps. `micro_batch_size` is the rows of one forward pass on one device (all of
    the batch when not given). `gradient_checkpointing` not given means: above 100 million
    parameters. `precision` auto is bfloat16 autocast on a GPU and float32 on a CPU. `threads`
    is torch's; 1 is fastest for models below a few million parameters. `checkpoint_seconds` is
    the time between two resumable checkpoints, 0 saves after every step. `lora` trains adapters
    and merges them (sft, dpo and rlvr).
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    trl_config: ClassVar[str] = "transformers:TrainingArguments"

    @property
    def config_name(self) -> str:
        """Say which TRL config the options belong to, as `module:Name`."""
        return self.trl_config

    @property
    def rows_per_step(self) -> int:
        """Return the rows of one optimiser step over all devices."""
        raise NotImplementedError

    learning_rate: float = Field(gt=0)
    lr_scheduler_type: str = "linear"
    warmup: float = Field(default=0.0, ge=0, le=1)
    epochs: float = Field(gt=0)
    steps: int | None = Field(default=None, ge=1)
    micro_batch_size: int | None = Field(default=None, ge=1)
    max_length: int = Field(ge=2)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, ge=0)
    optim: str = "adamw_torch"
    gradient_checkpointing: bool | None = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | None = Field(default=None, ge=1)
    lora: LoraSettings | None = None
    checkpoint_seconds: float = Field(default=300.0, ge=0)
    chat_template: str | None = None

    @model_validator(mode="after")
    def _known_to_trl(self) -> StageSettings:
        if self.model_extra:
            fields = _field_names(self.config_name)
            for name in self.model_extra:
                _check_extra(name, fields, self)
        return self

    def trl_options(self) -> dict[str, Any]:
        """Return the options that are passed through to TRL as they are."""
        return dict(self.model_extra or {})

    def adapters(self) -> Any:
        """Return peft's config if adapters are trained, else None."""
        return self.lora.peft_config() if self.lora else None

    def record(self) -> dict[str, Any]:
        """Return every setting as JSON values, for a manifest or a digest."""
        return self.model_dump(mode="json")


class BatchSettings(StageSettings):
    """A stage that is fed rows: `batch_size` of them make one optimiser step."""

    batch_size: int = Field(ge=1)

    @property
    def rows_per_step(self) -> int:
        """Return `batch_size`."""
        return self.batch_size


def config_class(where: str) -> Any:
    """Return the class that `module:Name` says."""
    module, name = where.split(":")
    return getattr(importlib.import_module(module), name)


def _field_names(where: str) -> set[str]:
    return {field.name for field in dataclasses.fields(config_class(where)) if field.init}


def _check_extra(name: str, fields: set[str], settings: StageSettings) -> None:
    if name in _OURS or name.startswith(_OURS_PREFIXES):
        why = _OURS.get(name, "it is not used by a stage")
        raise UsageError(f"the option {name!r} cannot be set in a stage: {why}")
    if name in fields:
        return
    allowed = [*type(settings).model_fields, *(fields - set(_OURS))]
    near = difflib.get_close_matches(name, sorted(allowed), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"{settings.config_name} has no such option"
    raise UsageError(f"unknown option {name!r} of the stage: {hint}")
