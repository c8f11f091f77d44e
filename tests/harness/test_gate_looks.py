"""Looks are counted in the ledger; what is unseen stays sealed until it is released."""

from __future__ import annotations

import pytest

from harness.gate.looks import looks, release, released, require_released, take_look
from harness.ledger import Ledger
from proctor.errors import ProctorError


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.jsonl")


def take(ledger, *candidates, role="dev", alias="champion", suite="core", settings=""):
    return take_look(
        ledger,
        role=role,
        alias=alias,
        against="incumbent",
        candidates=candidates,
        suite=suite,
        suite_digest=suite,
        settings=settings,
    )


def test_new_candidates_are_new_looks_and_the_same_is_the_same(ledger):
    assert [take(ledger, c) for c in "abab"] == [1, 2, 1, 2]
    assert take(ledger, "b", "a") == take(ledger, "a", "b") == 3
    assert take(ledger, "a", settings="other seed") == 4
    assert take(ledger, "a", suite="another") == 1
    assert take(ledger, "a", alias="math-champion") == 1


def test_dev_starts_anew_when_the_alias_moves_but_unseen_never_does(ledger):
    assert [take(ledger, c) for c in "ab"] == [1, 2]
    assert [take(ledger, c, role="unseen") for c in "ab"] == [1, 2]
    ledger.append("promotion", {"alias": "math-champion", "checkpoint": "x"})
    assert take(ledger, "c") == 3
    ledger.append("promotion", {"alias": "champion", "checkpoint": "x"})
    assert take(ledger, "c") == 1
    assert take(ledger, "c", role="unseen") == 3
    assert take(ledger, "d", role="unseen", alias="math-champion") == 4


def test_looks_survive_everything_but_the_ledger(ledger, tmp_path):
    take(ledger, "a", role="unseen")
    again = Ledger(tmp_path / "ledger.jsonl")
    assert len(looks(again, role="unseen", alias="champion", suite_digest="core")) == 1


def test_released_rows_end_the_suites_use(ledger):
    with pytest.raises(ProctorError, match="sealed"):
        require_released(ledger, "core", "core")
    record = release(ledger, suite="core", suite_digest="core", reason="audit")
    assert release(ledger, suite="core", suite_digest="core", reason="again") == record
    assert released(ledger, "core") == record
    assert released(ledger, "other") is None
    require_released(ledger, "core", "core")
    with pytest.raises(ProctorError, match="not unseen any more"):
        take(ledger, "a", role="unseen")
    assert take(ledger, "a") == 1
