"""A stage has the loss curve of bare TRL with the same settings."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "train" / "overhead.py"


@pytest.fixture(scope="module")
def overhead() -> Any:
    spec = importlib.util.spec_from_file_location("train_overhead", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("stage", ["sft", "dpo", "rlvr"])
def test_stage_has_the_loss_curve_of_bare_trl(stage: str, overhead: Any, tmp_path: Path) -> None:
    base = overhead.make_base(tmp_path / "base", hidden=32)
    data = overhead.write(tmp_path, stage, 48)
    bare = overhead.bare(stage, base, data, tmp_path / "bare", 3)
    ours = overhead.ours(stage, base, data, tmp_path / "ours", 3)
    assert len(ours) == 3
    assert ours == pytest.approx(bare, abs=1e-6)
    assert len(set(ours)) > 1
