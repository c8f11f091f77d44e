"""Trains one candidate of a stage, or finds it where it was trained before.

A candidate is known by everything that determines its weights: kind of stage, base checkpoint,
data, settings, seed and library versions. What it was trained on is kept line by line, so that
the gate can ask what of the exams was in it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.checkpoints import register_checkpoint
from harness.experiment import Candidate, Experiment, Stage, checked
from harness.loop.materials import SourceFile
from harness.loop.progress import Progress
from harness.loop.scanning import FinishedScan, Provenance
from harness.store import Workspace, work_id
from proctor.digest import digest_file
from proctor.files import read_jsonl

STAGES = "stages"
_ROWS = {"sft": "demonstration", "dpo": "preference", "rlvr": "reward"}


@dataclass(frozen=True)
class Trained:
    """A candidate on disk, and what stands in its record."""

    id: str
    stage: str
    name: str
    checkpoint: str
    base: str
    used: tuple[Provenance, ...]
    record: Mapping[str, Any]
    fresh: bool


def check_settings(experiment: Experiment) -> None:
    """Check the settings of every candidate of every stage, before anything is trained.

    Raises:
        UsageError: a setting is unknown or out of range; the message names its stage and key.
    """
    for stage in experiment.stages:
        for candidate in stage.named_candidates().values():
            stage_settings(experiment, stage, candidate)
        if stage.pairs is not None:
            pair_settings(experiment, stage)


def stage_settings(experiment: Experiment, stage: Stage, candidate: Candidate) -> Any:
    """Return the settings of one candidate: the stage's, and over them its own."""
    settings = importlib.import_module(f"train.stages.{stage.kind}").Settings
    given = {**_threads(experiment), **stage.settings, **candidate.settings}
    return checked(settings, given, f"stage {stage.name}: settings")


def pair_settings(experiment: Experiment, stage: Stage) -> Any:
    """Return how the stage's preference pairs are sampled."""
    from train.pairs import PairSettings

    given = {**_threads(experiment), **(stage.pairs.settings if stage.pairs else {})}
    return checked(PairSettings, given, f"stage {stage.name}: pairs.settings")


def _threads(experiment: Experiment) -> dict[str, int]:
    return {"threads": experiment.threads} if experiment.threads else {}


@dataclass(frozen=True)
class Course:
    """What all trainings of one run share."""

    experiment: Experiment
    workspace: Workspace
    sources: Mapping[str, SourceFile]
    scan: FinishedScan
    progress: Progress

    def train(
        self,
        stage: Stage,
        name: str,
        candidate: Candidate,
        base: str,
        behind: Sequence[Trained] = (),
    ) -> Trained:
        """Train a candidate of `stage` on the checkpoint `base` (a digest).

        `behind` are the trainings that led to the base in this run.

        Raises:
            ProctorError: the data, the settings or the training itself failed; what is finished,
                resumable checkpoints of this stage among it, is kept.
        """
        title = f"{stage.name}/{name}"
        if stage.pairs is not None:
            rows = {source: {"rows": count} for source, count in stage.pairs.prompts.items()}
            prompts = self._mixture(rows, frozenset(candidate.uncleaned), "reward")
            used, data, about = prompts.used, *self._pairs(title, stage, base, prompts)
        else:
            weights = candidate.mixture or stage.mixture or {}
            mixture = self._mixture(weights, frozenset(candidate.uncleaned), _ROWS[stage.kind])
            used, data, about = mixture.used, mixture.path, mixture.record
        settings = stage_settings(self.experiment, stage, candidate)
        determinants = {
            "stage": stage.kind,
            "base": base,
            "data": digest_file(data),
            "settings": settings.record(),
            "seed": self.experiment.seed,
            "versions": _versions(),
        }
        identity = work_id("stage", determinants)
        note = self.workspace.find_note(STAGES, identity)
        fresh = note is None
        if note is None:
            result = self._run(title, data, settings, determinants)
            digest = register_checkpoint(
                result.folder,
                self.workspace.root,
                about={
                    "name": title,
                    "stage": stage.kind,
                    "base": base,
                    "id": identity,
                    "sources": self._digests([*used, *(u for one in behind for u in one.used)]),
                },
            )
            note = self.workspace.write_note(
                STAGES,
                identity,
                {
                    **determinants,
                    "name": title,
                    "checkpoint": digest,
                    "data_about": about,
                    "log": list(result.log),
                    "seconds": result.seconds,
                    "tokens": result.tokens,
                    "choices": list(result.choices),
                },
            )
        return Trained(identity, stage.name, name, note["checkpoint"], base, used, note, fresh)

    def _digests(self, used: Sequence[Provenance]) -> dict[str, str]:
        """Return what was read, by name: a source's own digest, or that of its cleaned copy."""
        cleaned = self.scan.manifest["cleaned"]
        return {
            f"{one.source} (cleaned)" if one.cleaned else one.source: (
                cleaned[one.source] if one.cleaned else self.sources[one.source].digest
            )
            for one in used
        }

    def _mixture(self, weights: Mapping[str, Any], uncleaned: frozenset[str], kind: Any) -> _Mixed:
        from train.mixture import Mixture, build_mixture

        files = {
            name: self.sources[name].path if name in uncleaned else self.scan.cleaned(name)
            for name in weights
        }
        asked = {
            name: {"rows": weight} if isinstance(weight, int) else weight
            for name, weight in weights.items()
        }
        mixture = Mixture.model_validate({"sources": asked, "seed": self.experiment.seed})
        identity = work_id(
            "mixture",
            {
                "mixture": mixture.model_dump(mode="json"),
                "files": {name: digest_file(path) for name, path in files.items()},
            },
        )
        path = self.workspace.root / "mixtures" / f"{identity}.jsonl"
        result = build_mixture(mixture, files, path, kind)
        lines: dict[str, set[int]] = {name: set() for name in files}
        for _, row in read_jsonl(path):
            lines[row["source"]].add(int(row["line"]) - 1)
        used = tuple(
            Provenance(name, frozenset(one), name not in uncleaned) for name, one in lines.items()
        )
        record = {
            "mixture": identity,
            "rows": result.rows,
            "sources": {name: count._asdict() for name, count in result.counts.items()},
            "uncleaned": sorted(uncleaned & set(files)),
        }
        return _Mixed(path, used, record)

    def _pairs(
        self, title: str, stage: Stage, base: str, prompts: _Mixed
    ) -> tuple[Path, dict[str, Any]]:
        from train.answers import FolderSink
        from train.pairs import make_pairs

        settings = pair_settings(self.experiment, stage)
        identity = work_id(
            "pairs",
            {
                "base": base,
                "prompts": digest_file(prompts.path),
                "settings": settings.model_dump(mode="json"),
                "seed": self.experiment.seed,
                "versions": _versions(),
            },
        )
        path = self.workspace.root / "pairs" / f"{identity}.jsonl"
        note = self.workspace.find_note("pairs", identity)
        if note is None:
            with self.progress.work(f"{title}: on-policy pairs") as tick:
                made = make_pairs(
                    self.workspace.checkpoint(base),
                    prompts.path,
                    settings,
                    path,
                    seed=self.experiment.seed,
                    sink=FolderSink(self.workspace.scratch("pairs", identity)),
                    progress=lambda done, total, _: tick(done, total),
                )
            note = made._asdict() | {"path": str(path.name), **prompts.record}
            self.workspace.write_note("pairs", identity, note)
        return path, note

    def _run(self, title: str, data: Path, settings: Any, determinants: Mapping[str, Any]) -> Any:
        stage = importlib.import_module(f"train.stages.{determinants['stage']}")
        identity, base = work_id("stage", dict(determinants)), str(determinants["base"])
        with self.progress.work(f"{title}: training") as tick:
            return stage.run(
                self.workspace.checkpoint(base),
                data,
                settings,
                self.workspace.scratch("stage", identity),
                seed=self.experiment.seed,
                base_digest=base,
                progress=lambda step, steps, metrics: tick(step, steps, _brief(metrics)),
            )


@dataclass(frozen=True)
class _Mixed:
    path: Path
    used: tuple[Provenance, ...]
    record: dict[str, Any]


def _brief(metrics: Mapping[str, float]) -> str:
    shown = [f"{key} {metrics[key]:.3g}" for key in ("loss", "reward") if key in metrics]
    return ", ".join(shown)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "trl")}
