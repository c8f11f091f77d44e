"""Aliases move only through the ledger; every crash between two steps is mended or refused."""

from __future__ import annotations

import json

import pytest

from harness.checkpoints import register_checkpoint
from harness.ledger import Ledger
from harness.registry import Registry
from proctor.digest import digest_json
from proctor.errors import ProctorError, UsageError


@pytest.fixture
def workspace(tmp_path):
    return tmp_path / ".proctor"


@pytest.fixture
def registry(workspace):
    return Registry(workspace, Ledger(workspace / "ledger.jsonl"))


@pytest.fixture
def digests(workspace, made):
    return [register_checkpoint(made(number), workspace) for number in range(4)]


def verdict(candidate, against, **changes):
    return {"verdict": "promote", "candidate": candidate, "against": against, **changes}


def promote(registry, digest, expected, **changes):
    said = verdict(digest, expected, **changes)
    return registry.promote("champion", digest, expected=expected, verdict=said)


def test_appoint_promote_and_history(registry, digests):
    assert registry.get("champion") is None
    registry.appoint("champion", digests[0], "base")
    promote(registry, digests[1], digests[0])
    assert registry.get("champion") == digests[1]
    assert [r.kind for r in registry.history("champion")] == ["appointment", "promotion"]
    assert registry.verify() == []
    registry.appoint("math-champion", digests[2], "base")
    assert {n: p.checkpoint for n, p in registry.aliases().items()} == {
        "champion": digests[1],
        "math-champion": digests[2],
    }


def test_only_a_promoting_verdict_on_this_pair_moves_an_alias(registry, digests):
    a, b, c, _ = digests
    registry.appoint("champion", a, "base")
    with pytest.raises(ProctorError, match="not promoted"):
        promote(registry, b, a, verdict="inconclusive")
    with pytest.raises(ProctorError, match="judge this pair"):
        registry.promote("champion", b, expected=a, verdict=verdict(c, a))
    with pytest.raises(ProctorError, match="judge this pair"):
        registry.promote("champion", b, expected=a, verdict=verdict(b, c))
    assert registry.get("champion") == a


def test_compare_and_set(registry, digests):
    a, b, c, _ = digests
    registry.appoint("champion", a, "base")
    promote(registry, b, a)
    with pytest.raises(ProctorError, match="by now"):
        promote(registry, c, a)
    with pytest.raises(ProctorError, match="by now"):
        registry.appoint("champion", c, "again")
    assert registry.get("champion") == b


def test_a_verdict_is_spent_once(registry, digests):
    a, b, *_ = digests
    registry.appoint("champion", a, "base")
    promote(registry, b, a)
    registry.rollback("champion", reason="mistake")
    with pytest.raises(ProctorError, match="moved 'champion' already"):
        promote(registry, b, a)
    whole = digest_json(verdict(b, a))
    with pytest.raises(ProctorError, match="moved 'champion' already"):
        promote(registry, b, a, evidence=whole, short="the ledger's form of the same verdict")
    promote(registry, b, a, reason="judged again")


def test_rollback_goes_back_step_by_step(registry, digests):
    a, b, c, d = digests
    registry.appoint("champion", a, "base")
    with pytest.raises(ProctorError, match="no earlier"):
        registry.rollback("champion")
    for new, old in ((b, a), (c, b)):
        promote(registry, new, old)
    registry.rollback("champion")
    assert registry.get("champion") == b
    registry.rollback("champion")
    assert registry.get("champion") == a
    with pytest.raises(ProctorError, match="no earlier"):
        registry.rollback("champion")
    with pytest.raises(ProctorError, match="no earlier"):
        registry.rollback("champion", to=d)
    registry.rollback("champion", to=c, reason="after all")
    assert registry.get("champion") == c
    assert registry.history("champion")[-1].body["reason"] == "after all"


def test_a_damaged_checkpoint_is_not_promoted(registry, digests, workspace):
    registry.appoint("champion", digests[0], "base")
    file = workspace / "checkpoints" / digests[1] / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(ProctorError, match="changed since it was registered"):
        promote(registry, digests[1], digests[0])
    assert len(registry.history("champion")) == 1


def test_one_flipped_byte_behind_an_alias_is_found(registry, digests, workspace):
    registry.appoint("champion", digests[0], "base")
    assert registry.verify() == []
    file = workspace / "checkpoints" / digests[0] / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-2] ^= 4
    file.write_bytes(bytes(data))
    (problem,) = registry.verify()
    assert "model.safetensors" in problem


def test_a_record_without_its_pointer_is_completed(registry, digests, workspace):
    registry.appoint("champion", digests[0], "base")
    pointer = workspace / "aliases" / "champion"
    old = pointer.read_bytes()
    promote(registry, digests[1], digests[0])
    pointer.write_bytes(old)
    assert registry.get("champion") == digests[1]
    assert json.loads(pointer.read_bytes())["checkpoint"] == digests[1]
    pointer.unlink()
    assert registry.aliases()["champion"].checkpoint == digests[1]


def test_a_pointer_without_its_record_is_refused_with_the_way_out(registry, digests, workspace):
    registry.appoint("champion", digests[0], "base")
    pointer = workspace / "aliases" / "champion"
    forged = json.loads(pointer.read_bytes()) | {"checkpoint": digests[2]}
    pointer.write_text(json.dumps(forged))
    for use in (lambda: registry.get("champion"), registry.aliases):
        with pytest.raises(ProctorError, match=r"delete .*champion"):
            use()
    assert "no record" in registry.verify()[0]
    pointer.unlink()
    assert registry.get("champion") == digests[0]
    (workspace / "aliases" / "other").write_text(json.dumps(forged))
    with pytest.raises(ProctorError, match="no record"):
        registry.get("other")


def test_a_link_in_place_of_a_pointer_is_refused(registry, digests, workspace, tmp_path):
    registry.appoint("champion", digests[0], "base")
    pointer = workspace / "aliases" / "champion"
    kept = tmp_path / "kept"
    kept.write_bytes(pointer.read_bytes())
    pointer.unlink()
    pointer.symlink_to(kept)
    with pytest.raises(ProctorError, match="symbolic link"):
        registry.get("champion")


def test_nothing_is_believed_of_a_damaged_ledger(registry, digests, workspace):
    registry.appoint("champion", digests[0], "base")
    ledger = workspace / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes().replace(digests[0].encode(), digests[1].encode()))
    with pytest.raises(ProctorError, match="record 1 was changed"):
        registry.get("champion")
    assert "record 1 was changed" in registry.verify()[0]


@pytest.mark.parametrize("name", ["../x", "A", "", "a/b", ".lock"])
def test_alias_names_stay_inside(registry, digests, name):
    with pytest.raises(UsageError):
        registry.appoint(name, digests[0], "base")
