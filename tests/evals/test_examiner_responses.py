"""The response cache: what survives a crash, a torn line and several writers."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.records import Response, replace_surrogates
from harness.responses import ResponseStore

KEY = "a" * 32 + "{:032x}"


def _response(number: int) -> Response:
    return Response(f"answer {number}\u2028\n\"'\\", 3, number, "stop", logprob=-0.1 * number)


def test_what_was_put_is_got_by_another_store(tmp_path):
    batch = {KEY.format(i): _response(i) for i in range(50)}
    with ResponseStore(tmp_path) as store:
        store.put(batch)
    assert ResponseStore(tmp_path).get([*batch, "b" * 64]) == batch


@given(text=st.text(), tokens=st.integers(0, 2**31), logprob=st.floats(-1e9, 0))
def test_any_text_comes_back_unchanged(tmp_path_factory, text, tokens, logprob):
    folder = tmp_path_factory.mktemp("cache")
    response = Response(replace_surrogates(text), tokens, 1, "length", None, logprob, True, 0.25)
    with ResponseStore(folder) as store:
        store.put({KEY.format(1): response})
    assert ResponseStore(folder).get([KEY.format(1)]) == {KEY.format(1): response}


def test_of_two_for_one_key_the_first_stands(tmp_path):
    key = KEY.format(1)
    for number in (1, 2):
        with ResponseStore(tmp_path) as store:
            store.put({key: _response(number)})
    assert ResponseStore(tmp_path).get([key]) == {key: _response(1)}


@pytest.mark.parametrize("cut", [1, 5, 40, 100])
def test_a_torn_tail_is_skipped_and_the_rest_kept(tmp_path, cut):
    batch = {KEY.format(i): _response(i) for i in range(3)}
    with ResponseStore(tmp_path) as store:
        store.put(batch)
    (shard,) = tmp_path.rglob("*.jsonl")
    shard.write_bytes(shard.read_bytes()[:-cut])
    store = ResponseStore(tmp_path)
    found = store.get(list(batch))
    assert found == {key: batch[key] for key in list(batch)[:2]}
    assert store.damaged == 1


def test_a_flipped_byte_never_comes_back_as_an_answer(tmp_path):
    key = KEY.format(7)
    with ResponseStore(tmp_path) as store:
        store.put({key: _response(7)})
    (shard,) = tmp_path.rglob("*.jsonl")
    whole = shard.read_bytes()
    for place in range(len(whole) - 1):
        broken = bytearray(whole)
        broken[place] ^= 1
        shard.write_bytes(broken)
        assert ResponseStore(tmp_path).get([key]) == {}, place


def _write(folder: Path, first: int) -> None:
    store = ResponseStore(folder)
    for i in range(first, first + 40):
        store.put({KEY.format(i): _response(i)})


def test_several_processes_write_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(tmp_path, 40 * i)) for i in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = ResponseStore(tmp_path).get([KEY.format(i) for i in range(160)])
    assert found == {KEY.format(i): _response(i) for i in range(160)}


def test_a_fork_does_not_write_into_its_parents_shard(tmp_path):
    store = ResponseStore(tmp_path)
    store.put({KEY.format(0): _response(0)})
    child = multiprocessing.get_context("fork").Process(
        target=store.put, args=({KEY.format(1): _response(1)},)
    )
    child.start()
    child.join()
    assert len(list(tmp_path.rglob("*.jsonl"))) == 2


def test_a_key_that_is_no_key_is_refused(tmp_path):
    with pytest.raises(ValueError, match="response key"):
        ResponseStore(tmp_path).put({"../../etc/passwd": _response(1)})
