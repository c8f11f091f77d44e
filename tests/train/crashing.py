"""Run one training stage in a process of its own that kills itself with SIGKILL at a step.

Used by the resume tests: python crashing.py STAGE BASE DATA OUT SETTINGS_JSON KILL_AT
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conftest import starts_low


def main() -> None:
    stage, base, data, out, settings, kill_at = sys.argv[1:]
    module = importlib.import_module(f"train.stages.{stage}")

    def progress(step: int, total: int, metrics: Mapping[str, float]) -> None:
        if step == int(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)

    extra: dict[str, Any] = {"scorers": {"starts_low": starts_low}} if stage == "rlvr" else {}
    module.run(
        Path(base),
        Path(data),
        module.Settings(**json.loads(settings)),
        Path(out),
        seed=0,
        progress=progress,
        **extra,
    )


if __name__ == "__main__":
    main()
