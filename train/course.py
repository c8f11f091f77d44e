"""The course every stage takes: begin or resume, train, save, seal.

A stage's folder is whole when it holds `stage.json`, which is written last. Until then `work/`
in it keeps the plan and the resumable checkpoints; running the same stage again continues from
the newest one and ends in the same weights. A folder begun for something else is refused.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from proctor.digest import canonical_json, digest_file, digest_json
from proctor.errors import ProctorError, UsageError
from proctor.files import explain_os_errors, read_json, write_atomically
from train.checkpoint import checkpoint_digest, save, weights_digest
from train.machine import explain_trouble
from train.options import StageSettings

if TYPE_CHECKING:
    from train.guard import Progress

SEAL = "stage.json"
_VERSIONS = ("torch", "transformers", "trl", "datasets", "accelerate", "tokenizers")


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


def finite(entry: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a log entry that JSON can hold."""
    return {
        name: value
        for name, value in entry.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
