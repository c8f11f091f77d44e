"""What belongs to a checkpoint, what is refused, and what verification finds."""

from __future__ import annotations

import json

import pytest

from harness.checkpoints import (
    describe_checkpoint,
    find_checkpoint,
    register_checkpoint,
    verify_checkpoint,
)
from proctor.errors import ProctorError


@pytest.fixture
def workspace(tmp_path):
    return tmp_path / ".proctor"


def test_the_digest_is_of_the_content_alone(made, workspace):
    first, same, other = made(1), made(1), made(2)
    (same / "README.md").write_text("left behind")
    (same / "trainer_state.json").write_text("{}")
    digests = [register_checkpoint(f, workspace) for f in (first, same, other)]
    assert digests[0] == digests[1] != digests[2]
    stored = workspace / "checkpoints" / digests[0]
    assert {p.name for p in stored.iterdir()} == {
        "config.json",
        "manifest.json",
        "model.safetensors",
        "tokenizer.json",
    }


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja"])
def test_whatever_shapes_an_answer_shapes_the_digest(made, workspace, name):
    plain, changed = made(1), made(1)
    (changed / name).write_text('{"changed": 1}')
    assert register_checkpoint(plain, workspace) != register_checkpoint(changed, workspace)


def test_the_manifest_says_what_it_is_told(made, workspace):
    digest = register_checkpoint(made(1), workspace, about={"sources": {"a": "d"}, "digest": "x"})
    manifest = verify_checkpoint(workspace, digest)
    assert manifest["digest"] == digest
    assert manifest["sources"] == {"a": "d"}
    assert set(manifest["files"]) == {"config.json", "model.safetensors", "tokenizer.json"}


def damage(folder, what):
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    weights = folder / "model.safetensors"
    changes = {
        "pickle": lambda: (folder / "pytorch_model.bin").write_bytes(b"x"),
        "nested pickle": lambda: ((folder / "sub").mkdir(), (folder / "sub/x.pkl").write_text("")),
        "no tokenizer": (folder / "tokenizer.json").unlink,
        "no config": (folder / "config.json").unlink,
        "no weights": weights.unlink,
        "code": lambda: (folder / "config.json").write_text('{"auto_map": {"AutoModel": "m.M"}}'),
        "link": lambda: (folder / "x.json").symlink_to(folder / "config.json"),
        "folder link": lambda: (folder / "sub").symlink_to(folder.parent),
        "cut": lambda: weights.write_bytes(weights.read_bytes()[:-1]),
        "long header": lambda: weights.write_bytes(b"\xff" * 8 + header.encode()),
        "header": lambda: weights.write_bytes(b"\x02\0\0\0\0\0\0\0{}"),
        "shard": lambda: (folder / "model.safetensors.index.json").write_text(
            '{"weight_map": {"a": "model-00002.safetensors"}}'
        ),
        "config": lambda: (folder / "config.json").write_text("{"),
    }
    changes[what]()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("pickle", "pytorch_model.bin may run code"),
        ("nested pickle", "x.pkl may run code"),
        ("no tokenizer", "no tokenizer"),
        ("no config", "no config.json"),
        ("no weights", "no \\*.safetensors"),
        ("code", "auto_map"),
        ("link", "symbolic link"),
        ("folder link", "symbolic link"),
        ("cut", "cut short"),
        ("long header", "cut short or not safetensors"),
        ("header", "cut short or padded"),
        ("shard", "model-00002.safetensors is missing"),
        ("config", "config.json is not valid JSON"),
    ],
)
def test_what_may_not_be_loaded_is_refused(made, workspace, what, words):
    folder = made(1)
    damage(folder, what)
    with pytest.raises(ProctorError, match=words) as caught:
        register_checkpoint(folder, workspace)
    assert "\n" not in str(caught.value)
    assert not (workspace / "checkpoints").exists()


def test_code_may_be_consented_to_and_is_then_part_of_it(made, workspace):
    folder = made(1)
    damage(folder, "code")
    (folder / "m.py").write_text("class M: ...")
    assert "m.py" in describe_checkpoint(folder, allow_code=True)
    digest = register_checkpoint(folder, workspace, allow_code=True)
    assert "m.py" in verify_checkpoint(workspace, digest)["files"]


@pytest.mark.parametrize("at", [0, 9, -1])
def test_every_byte_is_checked(made, workspace, at):
    digest = register_checkpoint(made(1), workspace)
    file = workspace / "checkpoints" / digest / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(ProctorError, match=r"model\.safetensors was changed"):
        verify_checkpoint(workspace, digest)


def test_missing_added_and_rewritten_files_are_found(made, workspace):
    digest = register_checkpoint(made(1), workspace)
    place = workspace / "checkpoints" / digest
    (place / "extra.json").write_text("{}")
    with pytest.raises(ProctorError, match="does not belong"):
        verify_checkpoint(workspace, digest)
    (place / "extra.json").unlink()
    config = (place / "config.json").read_text()
    (place / "config.json").unlink()
    with pytest.raises(ProctorError, match="is missing"):
        verify_checkpoint(workspace, digest)
    (place / "config.json").write_text(config)
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["files"]["config.json"] = "0" * 64
    (place / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ProctorError, match=r"manifest\.json was changed"):
        verify_checkpoint(workspace, digest)
    with pytest.raises(ProctorError, match="not in"):
        verify_checkpoint(workspace, "0" * 64)


def test_a_beginning_of_a_digest_is_enough(made, workspace):
    digest = register_checkpoint(made(1), workspace)
    assert find_checkpoint(workspace, digest[:6]) == digest
    for name in ("zzzz", "", "..", digest[:2]):
        with pytest.raises(ProctorError, match="give more of the digest"):
            find_checkpoint(workspace, name)


def test_a_real_model_folder_registers(tiny_checkpoint, workspace):
    digest = register_checkpoint(tiny_checkpoint, workspace)
    files = verify_checkpoint(workspace, digest)["files"]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(files)
