"""Every named rule against a brute-force reading of its definition, token by token."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.exams import exam_of
from decontam.rules import RULES, Rule, rule_named
from decontam.scan import scan
from proctor.errors import UsageError

WORDS = [*"abcdef", "1", "2"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map(" ".join)
turns = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), texts), min_size=1, max_size=3)


def grams(tokens: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def matched(rule: Rule, document: list[tuple[str, str]], instance: str) -> bool:
    """Read the definition: what share of the instance is in n-grams of one document?"""
    held = [t for role, t in document if role == "user" or not rule.prompts_only]
    tokens = re.findall(r"\w+", instance)
    n = min(rule.n, len(tokens))
    there = {gram for text in held for gram in grams(re.findall(r"\w+", text), n)}
    covered, shared = set(), 0
    for place, gram in enumerate(grams(tokens, n)):
        if gram in there:
            shared += 1
            covered |= set(range(place, place + n))
    share = {
        "coverage": len(covered) / len(tokens),
        "grams": shared / len(grams(tokens, n)),
        "any": float(shared > 0),
    }[rule.measure]
    return share > rule.threshold or (rule.inclusive and share == rule.threshold)


@pytest.mark.parametrize("name", ["tulu3", "gpt3", "llama3", "palm"])
@settings(max_examples=60, deadline=None)
@given(
    documents=st.lists(turns, min_size=1, max_size=5), exam=st.lists(texts, min_size=1, max_size=6)
)
def test_a_named_rule_is_its_definition(
    name: str, documents: list[list[tuple[str, str]]], exam: list[str]
) -> None:
    rule = RULES[name]
    rows = [{"messages": [{"role": r, "content": t} for r, t in d]} for d in documents]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = scan({"s": path}, [exam_of("t", exam)], rule, workers=1)
    pairs = {(row["document"], row["instance"]) for row in found.matches.to_pylist()}
    expected = {
        (d, i)
        for d, document in enumerate(documents)
        for i, instance in enumerate(exam)
        if matched(rule, document, instance)
    }
    assert pairs == expected
    assert found.table[0].matched == len({i for _, i in expected})


def test_more_partial_matches_than_are_shown_are_all_counted(tmp_path: Path) -> None:
    stem = "one two three four five six seven eight nine ten"
    exam = [f"{stem} alpha{'abcdefghijklmnopqrst'[i]}" for i in range(20)]
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps({"text": stem}) + "\n")
    found = scan({"s": path}, [exam_of("t", exam)], RULES["tulu3"], workers=1)
    assert found.table[0].matched == 20
    assert 0 < len(found.matches) < 20


def test_rules_name_their_sources_and_an_unknown_name_lists_them() -> None:
    assert all(rule.source and rule.share == 0.02 for rule in RULES.values())
    with pytest.raises(UsageError, match="tulu3, gpt3, llama3, palm, proctor"):
        rule_named("tulu")
