"""The machine a stage runs on: quiet, its batches split, its troubles told in a sentence.

What is trained, and how a run is resumed, is the course's business (`train.course`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from proctor.errors import ProctorError, UsageError
from proctor.files import explain_full_disk
from proctor.memory import keep_freed_memory
from train.options import StageSettings, config_class

if TYPE_CHECKING:
    from train.course import Plan

SHARDED = ("FSDP", "DEEPSPEED")
"""accelerate's names of the ways of training in which no process holds the whole model."""
_BIG = 100_000_000
_FULL = ("No space left on device", "PytorchStreamWriter failed writing")


@contextmanager
def quiet_machine(threads: int | None) -> Iterator[None]:
    """Train without telemetry, progress bars or chatter, on the given number of threads."""
    import datasets
    import torch
    from transformers.utils import logging as transformers_logging

    names = ("HF_HUB_DISABLE_TELEMETRY", "TRL_EXPERIMENTAL_SILENCE", "TQDM_DISABLE")
    before = {name: os.environ.get(name) for name in names}
    bars, shown = datasets.are_progress_bars_disabled(), transformers_logging.get_verbosity()
    model_bars = transformers_logging.is_progress_bar_enabled()
    own_threads = torch.get_num_threads()
    keep_freed_memory()
    os.environ.update(dict.fromkeys(names, "1"))
    datasets.disable_progress_bars()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(threads or own_threads)
    try:
        yield
    finally:
        torch.set_num_threads(own_threads)
        transformers_logging.set_verbosity(shown)
        if not bars:
            datasets.enable_progress_bars()
        if model_bars:
            transformers_logging.enable_progress_bar()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def trainer_config(plan: Plan, model: Any, **stage_options: Any) -> Any:
    """Build the TRL config of a stage from its settings and the stage's own options.

    Raises:
        UsageError: the batch cannot be split as asked, or TRL refuses an option's value.
    """
    import torch

    settings = plan.settings
    gpu = torch.cuda.is_available()
    micro, steps = split_batch(settings)
    checkpointing = settings.gradient_checkpointing
    if checkpointing is None:
        checkpointing = model.num_parameters() > _BIG
    options: dict[str, Any] = {
        "output_dir": str(plan.work),
        "seed": plan.seed,
        "data_seed": plan.seed,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.lr_scheduler_type,
        "warmup_steps": settings.warmup if settings.warmup < 1 else 0.999999,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.steps or -1,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": steps,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "optim": settings.optim,
        "gradient_checkpointing": checkpointing,
        "bf16": settings.precision == "bfloat16" or (settings.precision == "auto" and gpu),
        "use_cpu": not gpu,
        "report_to": [],
        "save_strategy": "no",
        "save_total_limit": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "dataloader_pin_memory": gpu,
        **stage_options,
        **settings.trl_options(),
    }
    try:
        return config_class(settings.config_name)(**options)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        message = " ".join(str(error).split())
        raise UsageError(f"TRL refuses the options of the {plan.stage} stage: {message}") from error


def split_batch(settings: StageSettings) -> tuple[int, int]:
    """Return rows per forward pass on one device, and forward passes per optimiser step.

    Raises:
        UsageError: the batch does not divide among the devices and forward passes.
    """
    devices = int(os.environ.get("WORLD_SIZE", "1"))
    rows = settings.rows_per_step
    micro = settings.micro_batch_size or max(1, rows // devices)
    steps, rest = divmod(rows, micro * devices)
    if rest or not steps:
        raise UsageError(
            f"a step of {rows} rows is not a multiple of 'micro_batch_size' {micro} "
            f"times {devices} device(s)"
        )
    return micro, steps


def check_sharding(trainer: Any) -> None:
    """Refuse a training that was launched to be sharded and is not, or cannot be as it is set.

    accelerate 1.15 passes over FSDP without a word where there is no accelerator.

    Raises:
        UsageError: naming the way of sharding.
    """
    done = trainer.accelerator.distributed_type.value
    for name in SHARDED:
        asked = os.environ.get(f"ACCELERATE_USE_{name}", "").lower() == "true"
        if asked and done != name:
            raise UsageError(
                f"launch asks for {name.lower()}, but accelerate set up {done} on this machine's "
                f"{trainer.accelerator.device.type}: say 'backend: ddp'"
            )
    if done in SHARDED and getattr(trainer.args, "sync_ref_model", False):
        raise UsageError(
            f"'sync_ref_model' needs whole models, which {done.lower()} does not keep: leave it "
            "out or say 'backend: ddp'"
        )


@contextmanager
def explain_rollouts(settings: StageSettings) -> Iterator[None]:
    """Turn what keeps vLLM from sampling for a stage (`use_vllm`) into one sentence.

    Raises:
        ProctorError: vLLM is not installed, its server cannot be reached, or it finds no device.
    """
    try:
        yield
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        if not settings.trl_options().get("use_vllm"):
            raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ProctorError(
            f"vLLM cannot sample for this stage ({said}): mend that, or leave 'use_vllm' out"
        ) from error


@contextmanager
def explain_trouble(plan: Plan) -> Iterator[None]:
    """Turn a full disk and a device out of memory into one sentence each.

    Raises:
        ProctorError: in place of the error of torch, safetensors or the system.
    """
    import torch
    from safetensors import SafetensorError

    try:
        with explain_full_disk(plan.out):
            yield
    except (SafetensorError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise _no_memory(plan) from error
        # Both libraries report a full disk in words of their own, not as an OSError.
        if not any(words in str(error) for words in _FULL):
            raise
        raise ProctorError(
            f"the disk is full: {plan.out} could not be written; free some space and run the same "
            "command again, the checkpoints written before are kept"
        ) from error


def _no_memory(plan: Plan) -> ProctorError:
    return ProctorError(
        f"{plan.stage}: the device ran out of memory with {split_batch(plan.settings)[0]} rows a "
        "forward pass: lower 'micro_batch_size' or set 'gradient_checkpointing: true'"
    )
