"""Two examinations become evidence, or one sentence a problem."""

from __future__ import annotations

import copy

import numpy as np
import pyarrow as pa
import pytest

from harness.gate.pairing import pair_samples

MANIFEST = {
    "checkpoint": {"digest": "a" * 64, "name": "a"},
    "suite": {"name": "core", "role": "dev", "digest": "s" * 64},
    "engine": {"name": "hf", "version": "5", "dtype": "float32"},
    "tasks": {
        "t": {
            "version": "1",
            "scorer": "gsm8k",
            "metric": "score",
            "data_digest": "d",
            "sampling": {"temperature": 0},
            "few_shot": 0,
            "limit": None,
            "family": "maths",
        }
    },
}


def rows(scores, *, task="t", samples=1, **columns):
    n = len(scores) // samples
    table = {
        "task": [task] * len(scores),
        "instance": [f"i{i}" for i in range(n) for _ in range(samples)],
        "sample": pa.array([j for _ in range(n) for j in range(samples)], pa.int32()),
        "score": [float(s) for s in scores],
        "prompt_digest": [f"p{i}" for i in range(n) for _ in range(samples)],
    }
    return pa.table(table | columns)


def only_problem(pairing):
    assert not pairing.evidence
    assert len(pairing.problems) == 1
    return pairing.problems[0].message


def test_rows_are_matched_by_instance_and_sample_whatever_their_order():
    rng = np.random.default_rng(0)
    scores = rng.random(60)
    first = rows(scores, samples=3, tokens_out=list(range(60)))
    second = rows(1 - scores, samples=3, tokens_out=list(range(60)))
    shuffled = second.take(pa.array(rng.permutation(60)))
    plain, mixed = pair_samples(first, second), pair_samples(first, shuffled)
    for pairing in (plain, mixed):
        (evidence,) = pairing.evidence
        assert evidence.instances == tuple(f"i{i}" for i in range(20))
        np.testing.assert_array_equal(evidence.candidate, scores.reshape(20, 3))
        np.testing.assert_allclose(evidence.incumbent, 1 - scores.reshape(20, 3))
        np.testing.assert_allclose(evidence.incumbent_tokens, np.arange(60).reshape(20, 3).mean(1))


def test_sides_may_have_different_numbers_of_answers():
    (evidence,) = pair_samples(rows([1, 0, 1, 1], samples=2), rows([1, 0])).evidence
    assert evidence.candidate.shape == (2, 2)
    np.testing.assert_allclose(evidence.differences, [-0.5, 1.0])


def test_chunked_tables_and_several_tasks():
    first = pa.concat_tables([rows([1, 0]), rows([0, 0, 1], task="u")])
    second = pa.concat_tables([rows([0, 1, 1], task="u"), rows([0, 0])])
    found = {e.task: e for e in pair_samples(first, second).evidence}
    assert found["t"].counts == (1, 0)
    assert found["u"].counts == (0, 1)


def test_clusters_are_kept_only_where_instances_share_one():
    shared = rows([1, 0, 1, 0], cluster=["a", "a", None, "b"])
    (evidence,) = pair_samples(shared, rows([1, 1, 1, 1])).evidence
    codes = evidence.clusters
    assert codes[0] == codes[1]
    assert len(set(codes)) == 3
    alone = rows([1, 0], cluster=["a", "b"])
    assert pair_samples(alone, rows([1, 1])).evidence[0].clusters is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: rows([1, 0]), "is missing on the other side (incumbent)"),
        (lambda t: rows([1, 0, 1, 1]), "is missing (incumbent)"),
        (lambda t: rows([1, 0, float("nan")]), "outside 0..1"),
        (lambda t: rows([1, 0, 1.5]), "outside 0..1"),
        (lambda t: t.set_column(4, "prompt_digest", [["p0", "p1", "other"]]), "different prompts"),
        (lambda t: pa.concat_tables([t, t]), "twice"),
        (lambda t: pa.concat_tables([t, t.slice(0, 1)]), "unequal numbers of answers"),
        (lambda t: rows([1, 0, 1], task="u"), "no samples of it"),
    ],
)
def test_what_cannot_be_paired_is_said(change, words):
    table = rows([1, 0, 1])
    found = pair_samples(change(table), table)
    assert not found.evidence
    assert any(words in problem.message for problem in found.problems)


def test_errors_block_or_count_as_wrong_as_declared():
    failing = rows([1, 0.5, 1], error=[None, "timeout", None])
    assert "1 answers of the candidate errored" in only_problem(
        pair_samples(failing, rows([1] * 3))
    )
    (evidence,) = pair_samples(failing, rows([1] * 3), errors="wrong").evidence
    np.testing.assert_array_equal(evidence.candidate[:, 0], [1, 0, 1])
    assert evidence.errors == 1


def changed(path, value):
    manifest = copy.deepcopy(MANIFEST)
    place = manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return manifest


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("tasks", "t", "version"), "2", "task version (1 and 2)"),
        (("tasks", "t", "data_digest"), "e", "data (d and e)"),
        (("tasks", "t", "sampling"), {"temperature": 1}, "sampling settings"),
        (("tasks", "t", "few_shot"), 5, "few-shot"),
        (("tasks", "t", "limit"), 10, "first 10 instances only"),
        (("tasks", "t", "drifted"), True, "does not pin"),
        (("suite", "digest"), "z" * 64, "different suites"),
        (("engine", "name"), "vllm", "engine (hf and vllm)"),
        (("stopped",), True, "stopped before its end"),
        (("missing",), {"hub-task": "no network"}, "could not be asked"),
    ],
)
def test_manifests_must_agree(path, value, words):
    table = rows([1, 0, 1])
    arguments = {"candidate_manifest": MANIFEST, "incumbent_manifest": changed(path, value)}
    found = pair_samples(table, table, **arguments)
    assert any(words in problem.message for problem in found.problems)
    same = {"candidate_manifest": MANIFEST, "incumbent_manifest": MANIFEST}
    assert pair_samples(table, table, **same).evidence[0].family == "maths"


def test_a_limit_on_both_sides_is_no_evidence_either():
    limited = changed(("tasks", "t", "limit"), 3)
    table = rows([1, 0, 1])
    found = pair_samples(table, table, candidate_manifest=limited, incumbent_manifest=limited)
    assert not found.evidence
