"""Near-duplicate documents: nominated by MinHash, confirmed by the similarity itself."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from decontam.duplicates import jaccard, near_duplicates, shingles
from harness.commands.decontam import command
from proctor.errors import UsageError

WORDS = (
    *("river", "stone", "cloud", "amber", "violet", "meadow"),
    *("lantern", "copper", "anchor", "willow", "ember", "saddle"),
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Forty different documents; 10 to 19 come again with one word changed, 5 in disguise."""
    rng = random.Random(4)
    texts = [" ".join(rng.choices(WORDS, k=60)) for _ in range(40)]
    edited = [text.replace(text.split()[30], "basalt", 1) for text in texts[10:20]]
    disguised = [text.upper().replace("E", "\u0415") for text in texts[:5]]
    rows = [{"text": text} for text in [*texts, *edited, *disguised]]
    path = tmp_path / "source.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_edited_and_disguised_copies_are_found_and_nothing_else(source: Path):
    found = {d.document: d.of_document for d in near_duplicates({"s": source}, threshold=0.7)}
    assert found == {40 + n: 10 + n for n in range(10)} | {50 + n: n for n in range(5)}


def test_every_pair_is_as_similar_as_it_says(source: Path):
    texts = [json.loads(line)["text"] for line in source.read_text().splitlines()]
    for one in near_duplicates({"s": source}, threshold=0.7):
        ours, theirs = shingles(texts[one.document]), shingles(texts[one.of_document])
        union = set(ours.tolist()) | set(theirs.tolist())
        both = set(ours.tolist()) & set(theirs.tolist())
        assert one.similarity == jaccard(ours, theirs) == len(both) / len(union) >= 0.7


def test_brute_force_agrees_on_real_questions(data_dir: Path, tmp_path: Path):
    rows = (data_dir / "gsm8k_train.jsonl").read_bytes().splitlines(keepends=True)[:400]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(rows + rows[:20]))
    held = [shingles("\n".join(json.loads(row).values())) for row in rows]
    twins = {
        (b, a) for a, b in itertools.combinations(range(400), 2) if jaccard(held[a], held[b]) >= 0.8
    }
    expected = twins | {(400 + n, n) for n in range(20)}
    assert {(d.document, d.of_document) for d in near_duplicates({"r": path})} == expected


def test_sources_are_held_against_each_other(source: Path, tmp_path: Path):
    other = tmp_path / "other.jsonl"
    other.write_text(source.read_text().splitlines(keepends=True)[3])
    (one,) = [d for d in near_duplicates({"a": source, "b": other}) if d.source == "b"]
    assert (one.of_source, one.of_document, one.similarity) == ("a", 3, 1.0)


def test_rows_without_text_are_passed_over_but_counted(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "one two three four"}\nbroken\n{"text": "one two three four"}\n')
    (one,) = near_duplicates({"r": path})
    assert (one.document, one.of_document) == (2, 0)


def test_the_command_writes_what_it_found(source: Path, tmp_path: Path):
    out = tmp_path / "duplicates.jsonl"
    arguments = ["duplicates", str(source), "--threshold", "0.7", "--out", str(out), "--json"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.output)["duplicates"]) == len(out.read_text().splitlines()) == 15


def test_a_threshold_that_is_no_similarity_is_refused(source: Path):
    with pytest.raises(UsageError, match="is not a similarity"):
        list(near_duplicates({"s": source}, threshold=1.5))
