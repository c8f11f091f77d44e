"""The course every stage takes: begin or resume, train, save, seal.

A stage's folder is whole when it holds `stage.json`, which is written last. Until then `work/`
in it keeps the plan and the resumable checkpoints; running the same stage again continues from
the newest one and ends in the same weights. A folder begun for something else is refused.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from proctor.digest import canonical_json, digest_file, digest_json
from proctor.errors import ProctorError, UsageError
from proctor.files import explain_full_disk, explain_os_errors, read_json, write_atomically
from train.checkpoint import checkpoint_digest, save, weights_digest
from train.options import StageSettings, config_class

if TYPE_CHECKING:
    from train.guard import Progress

SEAL = "stage.json"
_VERSIONS = ("torch", "transformers", "trl", "datasets", "accelerate", "tokenizers")
_BIG = 100_000_000
_FULL = ("No space left on device", "PytorchStreamWriter failed writing")


class StageResult(NamedTuple):
    """A finished stage.

    `log` has one mapping of metrics per optimiser step (loss, grad_norm, learning_rate and the
    stage's own: rewards, lengths, KL). `tokens` were seen in training, `seconds` are summed over
    resumptions. `choices` are the sentences of what had to be decided on the way.
    """

    folder: Path
    log: tuple[dict[str, float], ...]
    seconds: float
    tokens: int
    choices: tuple[str, ...]
    weights: str


class Plan(NamedTuple):
    """Everything that determines a stage's outcome, and where it goes."""

    stage: str
    base: Path
    base_digest: str
    data: Path | None
    data_digest: str
    settings: StageSettings
    seed: int
    out: Path
    extra: Mapping[str, Any]

    @property
    def work(self) -> Path:
        """The folder of what a crash may interrupt."""
        return self.out / "work"

    def identity(self) -> dict[str, Any]:
        """Return what determines the outcome, as JSON values."""
        return {
            "stage": self.stage,
            "base": self.base_digest,
            "data": self.data_digest,
            "settings": self.settings.record(),
            "seed": self.seed,
            "extra": dict(self.extra),
        }


def plan(
    stage: str,
    base: Path,
    data: Path | None,
    settings: StageSettings,
    out: Path,
    *,
    seed: int,
    base_digest: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Plan:
    """Gather a stage's plan, with the digests that are not known yet computed.

    Raises:
        ProctorError: the data file does not exist.
    """
    if data is not None and not data.is_file():
        raise ProctorError(f"{data} does not exist: the {stage} stage has no data")
    return Plan(
        stage=stage,
        base=base,
        base_digest=base_digest or checkpoint_digest(base),
        data=data,
        data_digest=digest_file(data) if data is not None else "",
        settings=settings,
        seed=seed,
        out=out,
        extra=extra or {},
    )


def finished(plan: Plan) -> StageResult | None:
    """Return the result if the folder already holds this very stage; begin it otherwise.

    Raises:
        UsageError: the folder holds another stage, finished or begun.
    """
    seal, begun = plan.out / SEAL, plan.work / "plan.json"
    identity = digest_json(plan.identity())
    for file in (seal, begun):
        if file.is_file() and read_json(file)["id"] != identity:
            raise UsageError(
                f"{plan.out} holds a stage with other settings, data or base: give another "
                "folder or remove it"
            )
    if seal.is_file():
        shutil.rmtree(plan.work, ignore_errors=True)
        return read_result(plan.out)
    write_atomically(begun, canonical_json({"id": identity, **plan.identity()}))
    return None


def read_result(folder: Path) -> StageResult:
    """Read a finished stage back from its folder.

    Raises:
        ProctorError: the folder holds no finished stage.
    """
    record = read_json(folder / SEAL)
    return StageResult(
        folder,
        tuple(record["log"]),
        record["seconds"],
        record["tokens"],
        tuple(record["choices"]),
        record["weights"],
    )


def seal(
    plan: Plan, *, log: list[dict[str, float]], seconds: float, tokens: int, choices: list[str]
) -> None:
    """Write `stage.json` over a folder whose weights are saved, and clear the work folder."""
    record = {
        "id": digest_json(plan.identity()),
        **plan.identity(),
        "weights": weights_digest(plan.out),
        "versions": {name: version(name) for name in _VERSIONS},
        "choices": choices,
        "log": log,
        "tokens": tokens,
        "seconds": round(seconds, 3),
    }
    write_atomically(plan.out / SEAL, canonical_json(record))
    shutil.rmtree(plan.work, ignore_errors=True)


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


def run_trainer(
    plan: Plan,
    trainer: Any,
    tokenizer: Any,
    choices: list[str],
    *,
    ceiling: float | None = None,
    period: int = 1,
    progress: Progress | None = None,
    check_log: Callable[[list[dict[str, float]]], None] | None = None,
) -> StageResult:
    """Train to the end from wherever the work folder stands, save the model, seal the folder.

    Args:
        plan: what is trained.
        trainer: a TRL trainer, ready to train.
        tokenizer: saved beside the weights.
        choices: sentences for the record.
        ceiling: the loss that counts as exploded.
        period: steps between two points where a checkpoint can be resumed exactly.
        progress: told every step.
        check_log: raises if the finished log shows that nothing was learnt.

    Raises:
        ProctorError: a bad loss, no memory, a full disk; earlier checkpoints are kept.
    """
    from transformers.trainer_callback import PrinterCallback

    from train.guard import Anchor, Watch, latest, seconds_at

    trainer.remove_callback(PrinterCallback)
    # A model card per checkpoint is of no use in a work folder and costs more than the weights.
    trainer.create_model_card = lambda *args, **kwargs: None
    resume = latest(plan.work)
    begun = time.monotonic() - (seconds_at(resume) if resume else 0.0)
    watch = Watch(
        plan.stage,
        plan.work,
        begun=begun,
        seconds=plan.settings.checkpoint_seconds,
        period=period,
        ceiling=ceiling,
        progress=progress,
    )
    if getattr(trainer.args, "sync_ref_model", False):
        anchor = Anchor(plan.work, trainer.accelerator.unwrap_model(trainer.ref_model))
        trainer.add_callback(anchor)
        if resume:
            anchor.restore(resume)
    # The watch comes last: its mark says that everything else of a checkpoint is written.
    trainer.add_callback(watch)
    if resume and hasattr(trainer, "_total_train_tokens"):
        # TRL keeps this count in memory only, so a resumed run would begin to count again.
        trainer._total_train_tokens = tokens_at(resume)
    with explain_trouble(plan):
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    if check_log is not None:
        check_log(log)
    if trainer.accelerator.is_main_process:
        with explain_os_errors(plan.out), explain_trouble(plan):
            model = trainer.accelerator.unwrap_model(trainer.model)
            if plan.settings.lora is not None:
                model = model.merge_and_unload()
            save(model, tokenizer, plan.out)
        seal(
            plan,
            log=[finite(entry) for entry in log],
            seconds=time.monotonic() - begun,
            tokens=int(log[-1].get("num_tokens", 0)) if log else 0,
            choices=choices,
        )
    trainer.accelerator.wait_for_everyone()
    return read_result(plan.out)


def tokens_at(checkpoint: Path) -> int:
    """Return the tokens that a stage had seen when the checkpoint was written."""
    history = read_json(checkpoint / "trainer_state.json")["log_history"]
    return int(max((entry.get("num_tokens", 0) for entry in history), default=0))


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


def finite(entry: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a log entry that JSON can hold."""
    return {
        name: value
        for name, value in entry.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
