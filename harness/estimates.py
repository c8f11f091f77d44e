"""What an examination will cost, from what earlier ones in the workspace cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from proctor.errors import ProctorError
from proctor.files import read_json

_MEASURES = ("tokens_in", "tokens_out", "seconds")


class Estimate(NamedTuple):
    """Expected tokens and seconds of a task; `basis` is how many examinations it rests on."""

    tokens_in: int
    tokens_out: int
    seconds: float
    basis: int


def estimates(examinations: Path, engine: str, instances: Mapping[str, int]) -> dict[str, Estimate]:
    """Estimate every task that was examined before with the same backend.

    The median cost per scored instance over the examinations, times the instances now. Tasks
    that were never examined are left out.

    Args:
        examinations: the workspace's folder of them; it may be missing.
        engine: the backend's name.
        instances: how many will be asked, by task.
    """
    seen: dict[str, list[tuple[float, ...]]] = {}
    for path in sorted(examinations.glob("*/manifest.json")):
        try:
            manifest: dict[str, Any] = read_json(path)
            if manifest["engine"]["name"] != engine:
                continue
            for name, cost in manifest["cost"].items():
                scored = manifest["tasks"][name]["scored"]
                if scored:
                    each = tuple(cost[measure] / scored for measure in _MEASURES)
                    seen.setdefault(name, []).append(each)
        except (ProctorError, KeyError, TypeError):
            # An estimate is no reason to stop for a damaged record: `proctor doctor` names it.
            continue
    found = {}
    for name, count in instances.items():
        if name in seen:
            whole = [median(column) * count for column in zip(*seen[name], strict=True)]
            found[name] = Estimate(round(whole[0]), round(whole[1]), whole[2], len(seen[name]))
    return found
