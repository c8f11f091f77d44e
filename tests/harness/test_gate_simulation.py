"""Checkpoints that did not improve: the simulations decide as the gate does, and few get by."""

from __future__ import annotations

import numpy as np
import pytest

from harness.gate.judge import judge
from harness.gate.rules import parse_gate
from harness.gate.verdict import Looks


@pytest.fixture(scope="module")
def nulls():
    from benchmarks.gate import nulls

    return nulls


def test_the_simulated_gate_is_the_gate(nulls, paired):
    rules = parse_gate({"rules": [{"better": {"tasks": ["t"]}}]})
    rng = np.random.default_rng(0)
    for look in (1, 2, 7, 40):
        contested = rng.integers(0, 80, 25)
        wins = rng.binomial(contested, 0.65)
        simulated = nulls.gate(wins, contested - wins, np.full(25, look))
        for w, m, promoted in zip(wins, contested, simulated, strict=True):
            evidence = [paired("t", int(w), int(m - w), nulls.N)]
            verdict = judge(rules, evidence, looks=Looks(dev=look))
            assert (verdict.verdict == "promote") == promoted


def test_a_hundred_null_checkpoints_are_rarely_promoted(nulls):
    repeats = 300
    ours = nulls.succession(nulls.gate, repeats, 1)
    plain = nulls.succession(nulls.raw_mean, repeats // 10, 1)
    assert (ours.promotions > 0).mean() <= 0.05
    assert abs(ours.inflation.mean()) < 0.01
    assert plain.inflation.mean() > 0.10


def test_a_sweep_of_null_candidates_is_rarely_promoted(nulls):
    assert (nulls.sweep(150, 4).promotions > 0).mean() <= 0.05


def test_intervals_cover_the_truth():
    from benchmarks.gate.coverage import DESIGNS, _coverage

    for design in (DESIGNS[2], DESIGNS[7]):
        covered, low, high = _coverage(design, 400, np.random.default_rng(1))
        assert 0.92 <= covered <= 0.98
        assert max(low, high) < 0.06
