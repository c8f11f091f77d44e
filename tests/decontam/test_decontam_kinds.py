"""The default rule on real items hidden in the ways it was built for, and on text it must pass."""

from __future__ import annotations

import base64
import codecs
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from decontam.exams import Exam, exam_of
from decontam.scan import Scan

Look = Callable[..., Scan]
FILLER = ("velvet", "lantern", "copper", "ribbon", "shadow", "thunder", "marble", "signal")


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


@pytest.fixture(scope="module")
def gsm8k(data_dir: Path) -> Exam:
    """The first 400 test items of GSM8K."""
    return exam_of("gsm8k", rows_of(data_dir / "gsm8k_test.jsonl")[:400])


def sample(exam: Exam, count: int = 60) -> list[int]:
    return random.Random(5).sample(range(len(exam.instances)), count)


def substituted(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    for place in rng.sample(range(len(words)), max(1, len(words) // 10)):
        words[place] = rng.choice(FILLER)
    return " ".join(words)


def renumbered(text: str, rng: random.Random) -> str:
    return re.sub(r"\d+", lambda m: str(int(m.group()) + rng.randint(1, 50)), text)


def mistyped(text: str, rng: random.Random) -> str:
    letters = list(text)
    for place, letter in enumerate(letters):
        if letter.isalpha() and rng.random() < 0.02:
            letters[place] = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return "".join(letters)


def wrapped(text: str, rng: random.Random) -> str:
    return f"{rng.choice(['Please help me with this:', 'Question:'])} {text}\nThink step by step."


def shuffled(text: str, rng: random.Random) -> str:
    parts = re.split(r"(?<=[.?!])\s+", text)
    return " ".join(rng.sample(parts, len(parts)))


WAYS: dict[str, tuple[Any, set[str], float]] = {
    "as it is": (lambda t, r: t, {"verbatim"}, 1.0),
    "wrapped": (wrapped, {"verbatim"}, 1.0),
    "a tenth of the words": (substituted, {"near"}, 0.95),
    "typing errors": (mistyped, {"near", "verbatim"}, 0.95),
    "other numbers": (renumbered, {"template", "verbatim"}, 0.95),
    "first half": (lambda t, r: t[: len(t) // 2], {"near"}, 0.95),
    "sentences shuffled": (shuffled, {"near", "verbatim"}, 0.95),
    "rot13": (lambda t, r: codecs.encode(t, "rot13"), {"verbatim"}, 0.9),
    "base64": (lambda t, r: base64.b64encode(t.encode()).decode(), {"verbatim"}, 0.95),
    "backwards": (lambda t, r: t[::-1], {"verbatim"}, 0.9),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_hidden_items_are_found_and_told_what_they_are(way: str, gsm8k: Exam, look: Look) -> None:
    change, kinds, least = WAYS[way]
    rng, picked = random.Random(1), sample(gsm8k)
    found = look([change(gsm8k.instances[i].text, rng) for i in picked], gsm8k).matches.to_pylist()
    own = [row for row in found if picked[row["document"]] == row["instance"]]
    right = {row["document"] for row in own}
    assert len(right) >= least * len(picked)
    told = {row["document"] for row in own if row["kind"] in kinds}
    assert len(told) >= 0.9 * len(right)


def test_the_training_split_of_the_exam_is_passed_but_for_twins(
    gsm8k: Exam, data_dir: Path, look: Look
) -> None:
    train = [row["question"] for row in rows_of(data_dir / "gsm8k_train.jsonl")[:3000]]
    flagged = {row["document"] for row in look(train, gsm8k).matches.to_pylist()}
    assert len(flagged) <= 0.003 * len(train)


def test_documents_that_share_only_the_task_s_manner_of_speaking_are_passed(look: Look) -> None:
    frame = (
        "Read the following short notice with care and decide whether it is true or false, then "
        "give your reasons in one sentence: {}"
    )
    rng = random.Random(3)
    names = ["Tallinn", "Quito", "Bergen", "Lima", "Accra", "Hobart", "Minsk", "Riga"]
    facts = [
        f"{rng.choice(FILLER)} {rng.choice(FILLER)} reached {rng.choice(names)} in {1700 + i}"
        for i in range(60)
    ]
    exam = [frame.format(fact) for fact in facts]
    others = [frame.format(f"no {FILLER[i % 8]} was ever sold in Cusco") for i in range(20)]
    found = look([*others, exam[7]], exam).matches.to_pylist()
    assert {(row["document"], row["instance"]) for row in found} == {(20, 7)}


def test_an_item_spread_over_turns_is_found_with_a_piece_in_each(
    look: Look, items: tuple[str, ...]
) -> None:
    words = items[0].split(" ")
    chat = [
        {"role": "user", "content": " ".join(words[:14])},
        {"role": "assistant", "content": "I see, please go on with the rest of it."},
        {"role": "user", "content": " ".join(words[14:])},
    ]
    found = look([{"messages": chat}]).matches.to_pylist()
    assert {row["turn"] for row in found} == {0, 2}
    assert {row["role"] for row in found} == {"user"}
    for row in found:
        assert chat[row["turn"]]["content"][row["start"] : row["end"]] == row["text"]
        assert items[0][row["instance_start"] : row["instance_end"]] == row["instance_text"]


def test_question_answer_and_both_are_told_apart(look: Look, items: tuple[str, ...]) -> None:
    answer = (
        "Fourteen saplings were planted by Marisol beside the canal, the frost killed three, "
        "therefore eleven walnut saplings keep growing in the orchard. #### 11"
    )
    exam = exam_of("task", [{"question": items[0], "answer": answer}])
    rows = [
        {"prompt": items[0], "completion": "No idea."},
        {"prompt": "Check this.", "completion": answer},
        {"prompt": items[0], "completion": answer},
    ]
    parts: dict[int, set[tuple[str, str]]] = {}
    for row in look(rows, exam).matches.to_pylist():
        parts.setdefault(row["document"], set()).add((row["part"], row["kind"]))
    assert parts[0] == {("question", "verbatim")}
    assert parts[1] == {("answer", "answer")}
    assert parts[2] == {("both", "verbatim"), ("both", "answer")}


def test_a_short_answer_counts_only_behind_its_question(look: Look, items: tuple[str, ...]) -> None:
    exam = exam_of("task", [{"question": items[0], "answer": "11 saplings"}])
    rows = [
        {"prompt": items[0], "completion": "It keeps 11 saplings."},
        {"prompt": "What is left?", "completion": "It keeps 11 saplings."},
    ]
    found = look(rows, exam).matches.to_pylist()
    assert [(row["document"], row["part"]) for row in found] == [(0, "both")]


def test_choices_may_change_places_and_the_stem_may_stand_alone(look: Look) -> None:
    stem = "Which instrument does the ferryman of the Bosphorus tune before the regatta begins?"
    choices = ["a cedar oud", "a tin whistle", "a brass zurna", "a cracked fiddle"]
    exam = exam_of("task", [{"question": stem, "choices": choices, "answer": 2}])
    shown = "\n".join(f"({t}) {c}" for t, c in zip("wxyz", reversed(choices), strict=True))
    found = look([f"{stem}\n{shown}", stem], exam).matches.to_pylist()
    assert {row["document"] for row in found} == {0, 1}


def test_instances_shorter_than_any_n_gram_are_found_whole_and_only_whole(look: Look) -> None:
    found = look(
        ["So: who designed Hobart harbour? Tell me.", "who designed it?"],
        ["Who designed Hobart harbour?"],
    )
    assert {row["document"] for row in found.matches.to_pylist()} == {0}


def test_spans_are_characters_of_the_text_as_it_was(look: Look, items: tuple[str, ...]) -> None:
    hidden = items[2].replace("ponchos", "pon\u200bchos")
    text = f"Überraschung — 😀 «{hidden}» danke"
    (row,) = look([text]).matches.to_pylist()
    assert row["kind"] == "verbatim"
    assert text[row["start"] : row["end"]].startswith("The museum")
    assert text[row["start"] : row["end"]].endswith("parade")
