"""Real processes, really killed: nothing acknowledged is lost, nothing is promoted twice."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def importable(monkeypatch, repository):
    """Let the workers find the packages from wherever the tests were started."""
    monkeypatch.setenv("PYTHONPATH", f"{repository}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def test_twenty_kills_lose_nothing(tmp_path, importable):
    from benchmarks.gate.crashes import run

    damage = run(tmp_path, kills=20, processes=4, seed=5)
    assert damage.acknowledged > 20
    assert damage.records >= damage.acknowledged
    assert (damage.lost, damage.orphans, damage.doubled) == (0, 0, 0)
    assert damage.problems == []


def test_the_inspection_sees_what_it_looks_for(tmp_path, importable):
    from benchmarks.gate.crashes import inspect
    from benchmarks.gate.worker import prepare

    digests = prepare(tmp_path, 2)
    (tmp_path / "p0.acks").write_text(f"99 {digests[0]}\n")
    assert inspect(tmp_path, 0).lost == 1
