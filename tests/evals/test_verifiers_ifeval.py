"""The IFEval constraints at their boundaries, and side by side with lm-eval's checkers."""

from __future__ import annotations

import importlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.verifiers import REGISTRY, follow, loose_variants
from evals.verifiers.sentences import sentences
from evals.verifiers.words import word_tokens

CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    ("keywords:existence", {"keywords": ["Fox", "dog"]}, ["A fox and dogs"], ["A fox", ""]),
    (
        "keywords:frequency",
        {"keyword": "war ", "frequency": 2, "relation": "at least"},
        ["War, warm"],
        ["war"],
    ),
    (
        "keywords:frequency",
        {"keyword": "war", "frequency": 2, "relation": "less than"},
        ["war", "none"],
        ["war war"],
    ),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, ["rocks"], ["Rock!", "a rock"]),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 2, "let_relation": "at least"},
        ["# a #b"],
        ["#", "letters"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "T", "let_frequency": 2, "let_relation": "less than"},
        ["The"],
        ["The tea"],
    ),
    ("language:response_language", {"language": "de"}, ["Das ist ein Satz."], ["This is one."]),
    ("language:response_language", {"language": "kn"}, ["ಕನ್ನಡ ಭಾಷೆಯಲ್ಲಿ", "123"], ["English text"]),
    ("change_case:english_capital", {}, ["THIS IS AN ENGLISH SENTENCE."], ["This is", "123"]),
    ("change_case:english_lowercase", {}, ["this is an english text"], ["This is", "das ist gut"]),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["I am OK", "A-B C"],
        ["I am", "Ok"],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Say hi. "},
        ["say HI. hello"],
        ["Sure: say hi."],
    ),
    ("combination:two_responses", {}, ["a******b", "******a\n******\nb"], ["a******a", "a***b"]),
    ("combination:two_responses", {}, ["a****** b******"], ["a************b", "a******b******c"]),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[a] [b]", "[][[]"],
        ["[a]", "[a\n] [b]"],
    ),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, ["x\nP. S. y"], ["PS y"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, ["p.p. s"], ["P.S. y"]),
    ("detectable_format:constrained_response", {}, ["So My answer is no. Ok"], ["My answer: no."]),
    ("detectable_format:json_format", {}, ['```json\n{"a": 1}\n```', "NaN"], ["{a: 1}", "["]),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        ["SECTION 1\nSECTION2"],
        ["SECTION 1 section 2", "SECTION A"],
    ),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* a\n- b", "  * a\n\n -b", "*\nx\n* y"],
        ["* a", "** a\n- b", "* a\n* b\n* c"],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*a* *b*", "**a** **b**"],
        ["*a*", "** ** * *", "*a\nb*"],
    ),
    ("detectable_format:title", {}, ["<<A>>", "x <<<y>>>"], ["<< >>", "<a>", "<<\n>>", "<<>>"]),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["a\n***\nb", "*** a *** b ***"],
        ["a", "a *** *** b"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Hi"},
        ["a\n\n'hi there", "a\n\nhi."],
        ["hi\n\na", "a\n\nhi\n\nc", "a\n\n\n\nhi"],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "at least"},
        ["One. Two."],
        ["Mr. One."],
    ),
    (
        "length_constraints:number_words",
        {"num_words": 3, "relation": "less than"},
        ["a-b"],
        ["a b_c d", "it's no"],
    ),
    ("punctuation:no_comma", {}, ["a; b，c"], ["a, b"]),
    ("startend:end_checker", {"end_phrase": "The End."}, ['"so. the end."'], ["The End. Ok"]),
    ("startend:quotation", {}, [' "a" ', '""'], ['"', '"a".', "“a”"]),
]


@pytest.mark.parametrize(("identifier", "kwargs", "met", "missed"), CASES)
def test_a_constraint_is_met_and_missed_at_its_boundary(
    identifier: str, kwargs: dict[str, Any], met: list[str], missed: list[str]
) -> None:
    for response in met:
        assert REGISTRY[identifier].check(response, **kwargs), response
    for response in missed:
        assert not REGISTRY[identifier].check(response, **kwargs), response


def test_every_constraint_has_a_boundary_case() -> None:
    ids = {v.id for v in REGISTRY.values() if v.family == "ifeval"}
    assert ids == {case[0] for case in CASES}
    assert len(ids) == 25


def test_loose_judging_forgives_first_line_last_line_and_asterisks() -> None:
    ids = ["startend:quotation"]
    assert follow(ids, [{}], '"a"') == ((True,), (True,))
    for response in ('Sure!\n"a"', '"a"\nBye', 'Sure!\n"a"\nBye', '**"a"**', 'Sure!\n*"a"*'):
        assert follow(ids, [{}], response) == ((False,), (True,)), response
    assert follow(ids, [{}], 'Sure!\nWell:\n"a"') == ((False,), (False,))


def test_an_empty_response_follows_nothing() -> None:
    assert follow(["punctuation:no_comma"], [{}], " \n ") == ((False,), (False,))
    assert loose_variants("  \n") == ()


@pytest.fixture(scope="module")
def peer() -> Iterator[Any]:
    """lm-eval's checkers with our sentences and words, since theirs need a download."""
    pytest.importorskip("immutabledict")
    nltk = importlib.import_module("nltk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "find", lambda *_, **__: True)
        patch.setattr(nltk, "download", lambda *_, **__: True)
        try:
            util = importlib.import_module("lm_eval.tasks.ifeval.instructions_util")
        except AssertionError:
            pytest.skip("lm-eval refuses this version of nltk")
        patch.setattr(util, "count_sentences", lambda text: len(sentences(text)))
        patch.setattr(util.nltk, "word_tokenize", lambda text: list(word_tokens(text)))
        importlib.import_module("langdetect").DetectorFactory.seed = 0
        yield importlib.import_module("lm_eval.tasks.ifeval.utils")


def _changed(text: str, prompt: dict[str, Any], how: int) -> str:
    words = [w for kw in prompt["kwargs"] for v in kw.values() if isinstance(v, list) for w in v]
    changes = [
        text,
        text.upper(),
        text.lower(),
        f'"{text}"',
        f"{prompt['prompt']}\n{text}",
        "\n".join(f"* {line}" for line in text.split("\n")),
        text.replace(" ", " *hi* ", 3).replace(".", ".\n\n***\n\n", 2),
        f"<<Title>>\n{text.replace(',', '')}\nP.S. hello\nP.P.S. bye",
        f"{text}\n******\n{text[:50]}",
        f"Sure!\n{text}\n- a\n* b\n** c\n*\n* d\nMy answer is yes.",
        f"{text} {' '.join(words)}",
        '```json\n{"a": 1}\n```',
        "\n".join(f"SECTION {i}\nPARAGRAPH {i} Section {i} [a] [b]" for i in range(5)),
    ]
    return changes[how % len(changes)]


def test_verdicts_are_those_of_the_published_checkers(peer: Any, data_dir: Path) -> None:
    chance = random.Random(0)
    with (data_dir / "ifeval_input.jsonl").open(encoding="utf-8", newline="\n") as lines:
        prompts = [json.loads(line) for line in lines]
    with (data_dir / "gsm8k_test.jsonl").open(encoding="utf-8", newline="\n") as lines:
        texts = [row["question"] + "\n" + row["answer"] for row in map(json.loads, lines)]
    checked = 0
    for number, prompt in enumerate(prompts):
        response = _changed(chance.choice(texts), prompt, number)
        example = peer.InputExample(
            prompt["key"], prompt["instruction_id_list"], prompt["prompt"], prompt["kwargs"]
        )
        strict = peer.test_instruction_following_strict(example, response)
        loose = peer.test_instruction_following_loose(example, response)
        ours = follow(prompt["instruction_id_list"], prompt["kwargs"], response)
        rows = zip(
            prompt["instruction_id_list"],
            prompt["kwargs"],
            ours.strict,
            ours.loose,
            strict.follow_instruction_list,
            loose.follow_instruction_list,
            strict=True,
        )
        for identifier, kwargs, *verdicts in rows:
            # Where the letter is no letter the published checker draws one at random.
            if not kwargs.get("letter", "a").isalpha():
                continue
            checked += 1
            assert verdicts[:2] == verdicts[2:], (prompt["key"], identifier, response)
    assert checked > 800
