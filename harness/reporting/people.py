"""Checkpoints as reports name them, with the trainings that lead back to their base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.reporting.archive import Archive
from reports.model import Checkpoint, Mark, Share, Step

# Above this share of a task's instances a score says nothing (Tülu 3, arXiv 2411.15124, 3.2).
CONTAMINATED_ABOVE = 0.02


@dataclass(frozen=True)
class People:
    """Everyone in an archive; computed once, since names, aliases and lineages are asked often."""

    archive: Archive
    names: Mapping[str, str]
    aliases: Mapping[str, tuple[str, ...]]
    found: Mapping[str, Mapping[str, tuple[int, int]]]

    @classmethod
    def of(cls, archive: Archive) -> People:
        """Collect names (of checkpoints, else of examinations), aliases and contamination."""
        names = {one.checkpoint: _name(one.manifest["checkpoint"]) for one in archive.examinations}
        names |= {d: str(m["name"]) for d, m in archive.checkpoints.items() if m.get("name")}
        aliases: dict[str, list[str]] = {}
        for alias, digest in sorted(archive.aliases().items()):
            aliases.setdefault(digest, []).append(alias)
        held = {digest: tuple(one) for digest, one in aliases.items()}
        return cls(archive, names, held, _contamination(archive))

    def checkpoint(self, digest: str) -> Checkpoint:
        """Return the checkpoint of a digest, known or not."""
        steps = tuple(_step(*one) for one in self.archive.lineage(digest))
        last = next(iter([*self.archive.lineage(digest)][::-1]), None)
        return Checkpoint(
            digest,
            self.names.get(digest, digest[:12]),
            self.aliases.get(digest, ()),
            str(last[1]["base"]) if last else "",
            steps,
        )

    def contamination(self, digest: str, task: str) -> Mark | None:
        """Return the mark of a task of which instances were trained on, here or further back."""
        line = [digest, *(str(note["base"]) for _, note in self.archive.lineage(digest))]
        counts = [self.found.get(one, {}).get(task, (0, 1)) for one in line]
        matched, instances = max(counts, key=lambda count: count[0] / count[1])
        if not matched:
            return None
        share = matched / instances
        text = (
            f"{matched:,} of {instances:,} instances ({100 * share:.1f} %) were found in its "
            "training data"
        )
        return Mark("contaminated" if share > CONTAMINATED_ABOVE else "traces", text)


def _name(about: Mapping[str, Any]) -> str:
    return str(about.get("name") or about["digest"][:12])


def _step(identity: str, note: Mapping[str, Any]) -> Step:
    about = note.get("data_about", {})
    uncleaned = about.get("uncleaned", [])
    mixture = tuple(
        Share(str(name), int(count.get("taken", 0)), count.get("epochs"), name in uncleaned)
        for name, count in about.get("sources", {}).items()
    )
    name, stage = str(note.get("name", identity)), str(note.get("stage", ""))
    return Step(name, str(note["checkpoint"]), stage, identity, mixture)


def _contamination(archive: Archive) -> dict[str, dict[str, tuple[int, int]]]:
    """Return per checkpoint and task how many instances of how many its training data held."""
    sizes = {
        folder.name: {task: int(exam["instances"]) for task, exam in manifest["exams"].items()}
        for folder, manifest in archive.scans
        if "exams" in manifest
    }
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for run in archive.runs:
        instances = sizes.get(str(run.get("scan")), {})
        for stage in run["stages"]:
            for one in stage.get("candidates", []):
                mine = found.setdefault(str(one["checkpoint"]), {})
                for task, matched in (one.get("contamination") or {}).items():
                    mine[task] = (int(matched), max(int(matched), instances.get(task, 0), 1))
    return found
