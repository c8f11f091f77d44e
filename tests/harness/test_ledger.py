"""The ledger: what it keeps, what it finds, and what it says when it finds it."""

from __future__ import annotations

import json
import multiprocessing
import threading
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.ledger import GENESIS, Head, Ledger, signing_key
from proctor.digest import canonical_json
from proctor.errors import ProctorError, UsageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.jsonl"


def fill(path, count=5, **arguments):
    ledger = Ledger(path, **arguments)
    for number in range(count):
        ledger.append("note", {"number": number, "passed": False})
    return ledger


def test_records_come_back_in_order_and_chained(path):
    ledger = fill(path)
    records = list(ledger.records())
    assert [r.seq for r in records] == [1, 2, 3, 4, 5]
    assert records[0].prev == GENESIS
    assert all(b.prev == a.hash for a, b in pairwise(records))
    assert ledger.head() == Head(5, records[-1].hash)
    assert Head.parse(str(ledger.head())) == ledger.head()
    assert list(ledger.records("other")) == []
    for line in path.read_bytes().splitlines():
        assert canonical_json(json.loads(line)) == line


def test_an_empty_ledger_is_sound(path):
    ledger = Ledger(path)
    assert ledger.head() == Head(0, GENESIS)
    assert ledger.verify().problems == ()
    assert list(ledger.records()) == []


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(body=st.dictionaries(st.text(), values, max_size=4))
@settings(max_examples=40, deadline=None)
def test_any_json_body_survives(tmp_path_factory, body):
    ledger = Ledger(tmp_path_factory.mktemp("l") / "ledger.jsonl")
    record = ledger.append("note", body)
    (found,) = ledger.records()
    assert found == record
    assert found.body == json.loads(json.dumps(body))
    assert ledger.verify().problems == ()


def test_what_is_not_json_is_refused_and_nothing_is_written(path):
    ledger = fill(path, 1)
    before = path.read_bytes()
    for body in ({"x": float("nan")}, {"x": object()}):
        with pytest.raises((ValueError, TypeError)):
            ledger.append("note", body)
    assert path.read_bytes() == before


def append_many(path, name, count):
    ledger = Ledger(path)
    for number in range(count):
        ledger.append("note", {"by": name, "number": number})


def test_processes_and_threads_append_at_once(path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=append_many, args=(path, f"p{i}", 25)) for i in range(3)]
    workers += [threading.Thread(target=append_many, args=(path, f"t{i}", 25)) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ledger = Ledger(path)
    assert ledger.verify() == (150, ledger.head(), (), False)
    for name in ("p0", "p1", "p2", "t0", "t1", "t2"):
        own = [r.body["number"] for r in ledger.records() if r.body["by"] == name]
        assert own == list(range(25))


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_an_unfinished_last_line_goes_away_and_is_no_tampering(path, cut):
    ledger = fill(path)
    whole = path.read_bytes()
    line = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole + line[: min(cut, len(line) - 1)])
    check = ledger.verify()
    assert (check.records, check.problems, check.torn) == (5, (), True)
    assert ledger.head().seq == 5
    assert ledger.append("note", {}).seq == 6
    assert path.read_bytes().startswith(whole)
    assert ledger.verify().records == 6


def test_a_record_longer_than_the_read_ahead(path):
    ledger = fill(path, 2)
    ledger.append("note", {"text": "x" * 400_000})
    assert ledger.append("note", {}).seq == 4
    assert ledger.verify().records == 4


def edit(path, number, change):
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines, number - 1)
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_changed_record_is_named(path, number):
    ledger = fill(path)

    def change(lines, i):
        lines[i] = lines[i].replace(b'"passed":false', b'"passed":true')

    edit(path, number, change)
    check = ledger.verify()
    assert check.records == number - 1
    assert f"record {number} was changed" in check.problems[0]
    with pytest.raises(ProctorError, match=f"record {number} was changed"):
        list(ledger.records())


def test_every_bit_of_a_record_matters(path):
    ledger = fill(path, 3)
    whole = path.read_bytes()
    start, end = (whole.index(b"\n", at) for at in (0, whole.index(b"\n") + 1))
    for at in range(start + 1, end):
        for bit in (0, 5):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            path.write_bytes(bytes(damaged))
            assert "record 2" in ledger.verify().problems[0]


def test_a_removed_record_is_named(path):
    ledger = fill(path)
    edit(path, 3, lambda lines, i: lines.pop(i))
    assert "record 3 is missing" in ledger.verify().problems[0]


def test_truncation_is_found_and_nothing_is_built_on_it(path):
    ledger = fill(path)
    edit(path, 4, lambda lines, i: lines.__delitem__(slice(i, None)))
    assert "record 4 is missing" in ledger.verify().problems[0]
    with pytest.raises(ProctorError, match="record 4 is missing"):
        ledger.append("note", {})


def test_truncation_with_the_recorded_head_gone_is_found_against_a_published_one(path):
    ledger = fill(path)
    published = ledger.head()
    edit(path, 4, lambda lines, i: lines.__delitem__(slice(i, None)))
    path.with_name("ledger.jsonl.head").unlink()
    assert ledger.verify().problems == ()
    assert "record 4 is missing" in ledger.verify(published).problems[0]


def test_a_published_head_stays_good_while_the_ledger_grows(path):
    ledger = fill(path)
    published = ledger.head()
    ledger.append("note", {})
    assert ledger.verify(published).problems == ()
    other = Head(5, "0" * 64)
    assert "record 5 is not the one" in ledger.verify(other).problems[0]


def test_a_signed_ledger_cannot_be_rewritten_without_the_key(path):
    key = bytes(range(32))
    signed = fill(path, key=key)
    assert signed.verify().problems == ()
    assert Ledger(path).verify().problems == ()
    lines = path.read_bytes().splitlines()
    path.unlink()
    path.with_name("ledger.jsonl.head").unlink()
    forged = Ledger(path)
    for line in lines:
        fields = json.loads(line)
        forged.append(fields["kind"], fields["body"] | {"passed": True})
    assert forged.verify().problems == ()
    mixed = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0] + b"\n", *mixed[1:]]))
    assert "record 2" in signed.verify().problems[0]
    assert "not signed with this key" in Ledger(fill_other(path), key=key).verify().problems[0]


def fill_other(path):
    other = path.with_name("other.jsonl")
    fill(other, key=b"another key, quite long enough")
    return other


def test_an_unsigned_record_after_signed_ones_is_named(path):
    key = bytes(range(32))
    fill(path, 2, key=key)
    Ledger(path).append("note", {})
    assert "record 3 is not signed" in Ledger(path, key=key).verify().problems[0]


def test_the_key_comes_from_the_environment(tmp_path):
    assert signing_key({}) is None
    assert signing_key({"PROCTOR_LEDGER_KEY": "ab" * 16}) == b"\xab" * 16
    file = tmp_path / "key"
    file.write_text("cd" * 16 + "\n")
    assert signing_key({"PROCTOR_LEDGER_KEY": f"@{file}"}) == b"\xcd" * 16
    for text in ("xyz", "ab", "@/nowhere"):
        with pytest.raises(UsageError, match="PROCTOR_LEDGER_KEY"):
            signing_key({"PROCTOR_LEDGER_KEY": text})


def test_a_link_in_place_of_the_ledger_is_refused(path, tmp_path):
    target = tmp_path / "elsewhere"
    target.write_text("")
    path.symlink_to(target)
    with pytest.raises(ProctorError):
        Ledger(path).append("note", {})
    assert target.read_text() == ""
