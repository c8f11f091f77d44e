"""Stopping early: against the simulation's own arithmetic, and in every way it can end."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from harness.gate.early import LOOKS, examination_order, look
from harness.gate.evidence import TaskEvidence
from harness.gate.pairing import Pairing
from harness.gate.rules import parse_gate
from harness.gate.testing import instances_at
from proctor.errors import ProctorError

GATE = parse_gate({"spend": False, "rules": [{"better": {"tasks": ["t"]}}]})


def scored(task, candidate, incumbent):
    names = tuple(map(str, range(len(candidate))))
    columns = [np.asarray(s, float)[:, None] for s in (candidate, incumbent)]
    return TaskEvidence(task, "dev", names, *columns)


def run(gate, evidence, totals):
    for number in range(1, LOOKS + 1):
        found = look(gate, Pairing(tuple(evidence)), totals, number)
        if found.stop:
            return found, number
    raise AssertionError("never stopped")


def test_every_single_examination_ends_as_the_vectorised_simulation_says():
    from benchmarks.gate.looking import early_decisions

    rng = np.random.default_rng(0)
    n = 300
    for gain in (0.0, 0.05, 0.12):
        signs = rng.choice([1, -1, 0], (12, n), p=[0.1 + gain / 2, 0.1 - gain / 2, 0.8])
        signs = signs.astype(np.int8)
        expected = early_decisions(signs, 0.05)
        for row, promoted, used in zip(signs, *expected, strict=True):
            found, number = run(GATE, [scored("t", row > 0, row < 0)], {"t": n})
            assert (found.verdict.verdict == "promote") == promoted
            assert instances_at(n, number, LOOKS) == used


def test_a_clear_loss_is_rejected_early():
    gate = parse_gate({"rules": [{"not_worse": {"margin": 0.03}}]})
    rng = np.random.default_rng(1)
    theirs = rng.random(1000) < 0.8
    found, number = run(gate, [scored("t", theirs & (rng.random(1000) < 0.6), theirs)], {"t": 1000})
    assert found.verdict.verdict == "reject"
    assert number < LOOKS / 2
    assert "fell" in found.verdict.rules[0].message


def test_all_rules_have_to_be_decided():
    gate = parse_gate({"rules": [{"better": {"tasks": ["t"]}}, {"not_worse": {"margin": 0.03}}]})
    rng = np.random.default_rng(2)
    theirs = rng.random(1000) < 0.5
    strong = scored("t", theirs | (rng.random(1000) < 0.5), theirs)
    flips = rng.random(1000) < 0.05
    even = scored("guard", theirs ^ flips, theirs)
    alone, first = run(gate, [strong], {"t": 1000})
    both, later = run(gate, [strong, even], {"t": 1000, "guard": 1000})
    assert alone.verdict.verdict == both.verdict.verdict == "promote"
    assert later > first


def test_unseen_is_asked_for_after_an_early_pass_and_never_cut():
    gate = parse_gate({"rules": [{"better": {"tasks": ["t"]}}, {"unseen": {"margin": 0.05}}]})
    rng = np.random.default_rng(3)
    theirs = rng.random(500) < 0.4
    found, _ = run(gate, [scored("t", theirs | (rng.random(500) < 0.5), theirs)], {"t": 500})
    assert found.verdict.awaits_unseen


def test_a_look_says_how_many_instances_the_next_one_wants():
    evidence = scored("t", [1, 0] * 50, [0, 1] * 50)
    found = look(GATE, Pairing((evidence,)), {"t": 100}, 3)
    assert found.wanted == {"t": 16}
    with pytest.raises(ProctorError, match="needs 100 instances, 12 are there"):
        look(GATE, Pairing((evidence.take(np.arange(12)),)), {"t": 100}, LOOKS)
    with pytest.raises(ProctorError, match="schedule"):
        look(GATE, Pairing((evidence,)), {}, 1)


def test_the_order_is_fixed_random_and_keeps_clusters_together():
    names = [f"i{i}" for i in range(200)]
    clusters = [f"c{i % 40}" if i % 2 else None for i in range(200)]
    order = examination_order(names, clusters, seed="s")
    assert sorted(order) == list(range(200))
    assert (order == examination_order(names, clusters, seed="s")).all()
    assert (order != examination_order(names, clusters, seed="other")).any()
    places = {}
    for place, i in enumerate(order):
        if clusters[i]:
            places.setdefault(clusters[i], []).append(place)
    assert all(b - a == 1 for p in places.values() for a, b in pairwise(p))
    assert abs(np.corrcoef(order, np.arange(200))[0, 1]) < 0.25
