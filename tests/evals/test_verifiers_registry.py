"""The registry: families, checked arguments, errors that say what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from evals.verifiers import REGISTRY, families_of, follow, is_unseen_family, verifier
from proctor.errors import ProctorError


def test_families_are_told_apart() -> None:
    ids = ["punctuation:no_comma", "count:pronouns", "training:first_word"]
    assert families_of(ids) == dict(zip(ids, ["ifeval", "ifeval-ood", "training"], strict=True))
    assert [is_unseen_family(identifier) for identifier in ids] == [False, True, False]


def test_an_unknown_id_is_never_taken_as_allowed() -> None:
    with pytest.raises(ProctorError, match="did you mean 'count:pronouns'"):
        is_unseen_family("count:pronoun")
    with pytest.raises(ProctorError, match="there is no verifier"):
        follow(["zzz"], [{}], "text")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "needs the argument 'num_words'"),
        ({"num_words": "3", "relation": "at least"}, "to be a number"),
        ({"num_words": True, "relation": "at least"}, "to be a number"),
        ({"num_words": float("nan"), "relation": "at least"}, "to be a number"),
        ({"num_words": 3, "relation": "about"}, "'less than' or 'at least'"),
        ({"num_words": 3, "relation": "at least", "N": 1}, "has no argument 'N'"),
    ],
)
def test_wrong_arguments_are_one_sentence(kwargs: dict[str, object], message: str) -> None:
    with pytest.raises(ProctorError, match=message):
        REGISTRY["length_constraints:number_words"].check("a b", **kwargs)


def test_arguments_that_are_none_are_absent() -> None:
    assert REGISTRY["punctuation:no_comma"].check("a", N=None, word=None)


def test_keywords_that_are_patterns_run_in_linear_time_or_are_refused() -> None:
    check = REGISTRY["keywords:existence"].check
    assert check("aaab", keywords=["(a+)+b"])
    assert not check("a" * 50_000, keywords=["(a+)+b"])
    with pytest.raises(ProctorError, match="not a valid keyword pattern"):
        check("a", keywords=["(?<=a)b"])


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ProctorError, match="give one each"):
        follow(["punctuation:no_comma"], [], "text")


def test_every_verifier_describes_itself() -> None:
    for identifier in REGISTRY:
        assert verifier(identifier).id == identifier
        assert verifier(identifier).description.endswith(".")


def test_importing_verifiers_loads_nothing_heavy() -> None:
    code = "import sys, evals.verifiers; print([m for m in ('numpy', 'torch', 'nltk', 're2', "
    code += "'langdetect', 'syllapy') if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
