"""Files on the ground floor: whole or absent, bounded, and clear about what is wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.digest import canonical_json, digest_file
from proctor.errors import ProctorError, UsageError
from proctor.files import folder_atomically, read_json, read_jsonl, write_atomically
from proctor.ids import check_id, inside

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_canonical_json_reads_back_as_the_same_value(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), st.integers(), max_size=6))
def test_canonical_json_does_not_depend_on_the_order_of_keys(mapping):
    backwards = dict(reversed(mapping.items()))
    assert canonical_json(backwards) == canonical_json(mapping)


def test_canonical_json_carries_a_lone_surrogate_and_refuses_nan():
    assert json.loads(canonical_json("a\ud800")) == "a\ud800"
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path):
    path = tmp_path / "big"
    path.write_bytes(b"x" * (3 << 20))
    assert digest_file(path) == hashlib.sha256(b"x" * (3 << 20)).hexdigest()


def test_a_failed_write_leaves_the_old_content_and_no_remains(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "note.json", "old")

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ProctorError, match="the disk is full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["note.json"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path):
    def fail_half_way() -> None:
        with folder_atomically(tmp_path / "scan") as unfinished:
            (unfinished / "part").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []
    with folder_atomically(tmp_path / "scan") as unfinished:
        (unfinished / "part").write_text("whole")
    assert (tmp_path / "scan" / "part").read_text() == "whole"


def test_the_first_to_finish_a_folder_wins(tmp_path: Path):
    with folder_atomically(tmp_path / "scan") as ours:
        (ours / "by").write_text("us")
        with folder_atomically(tmp_path / "scan") as theirs:
            (theirs / "by").write_text("them")
    assert (tmp_path / "scan" / "by").read_text() == "them"
    assert [p.name for p in tmp_path.iterdir()] == ["scan"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": 1}\n{"a": \n', "line 2: not valid JSON"),
        (b'{"a": 1}\n[1]\n', "line 2: expected an object"),
        (b'{"a": "\xff"}\n', "line 1: not valid JSON"),
        (b"[" * 100_000 + b"\n", "line 1: not valid JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: bytes, said: str):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(ProctorError, match=said) as error:
        list(read_jsonl(path))
    assert str(path) in str(error.value)


def test_lines_end_at_newlines_only(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "one\u2028two"}\n\n{"a": "three"}\n', encoding="utf-8")
    assert [(n, row["a"]) for n, row in read_jsonl(path)] == [(1, "one\u2028two"), (3, "three")]


def test_missing_files_are_named(tmp_path: Path):
    with pytest.raises(ProctorError, match=r"absent\.json does not exist"):
        read_json(tmp_path / "absent.json")
    with pytest.raises(ProctorError, match=r"absent\.jsonl cannot be read"):
        list(read_jsonl(tmp_path / "absent.jsonl"))


@pytest.mark.parametrize("bad", ["", "A", "../x", "a/b", "a..b", ".a", "a" * 65, "a\n"])
def test_ids_that_could_leave_their_folder_are_refused(bad: str):
    with pytest.raises(UsageError, match="not a valid id"):
        check_id(bad, "the name")


def test_paths_stay_inside(tmp_path: Path):
    (tmp_path / "out").symlink_to("/")
    assert inside(tmp_path, "a", "b") == tmp_path / "a" / "b"
    for leaving in (("..", "x"), ("/etc/passwd",), ("out", "etc")):
        with pytest.raises(UsageError, match="leads outside"):
            inside(tmp_path, *leaving)
