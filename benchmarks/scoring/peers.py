"""lm-eval's own scoring code, run offline: the peer that `measure.py` compares with.

Its sentence splitter needs a download, so ours stands in for it; everything else is the installed
lm-eval as it is. A peer that cannot run here is None and reported as such.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any

from evals.verifiers.sentences import sentences
from evals.verifiers.words import word_tokens

Peer = Callable[[dict[str, Any], str], Any]


def ifeval() -> Peer | None:
    """Return lm-eval's strict and loose judging of one response, or None."""
    try:
        nltk = importlib.import_module("nltk")
        nltk.data.find = lambda *_, **__: True
        nltk.download = lambda *_, **__: True
        util = importlib.import_module("lm_eval.tasks.ifeval.instructions_util")
        task = importlib.import_module("lm_eval.tasks.ifeval.utils")
    except (ImportError, AssertionError):
        return None
    util.count_sentences = lambda text: len(sentences(text))
    util.nltk.word_tokenize = lambda text: list(word_tokens(text))
    logging.disable(logging.ERROR)

    def judge(row: dict[str, Any], response: str) -> tuple[list[bool], list[bool]]:
        example = task.InputExample(
            row["key"], row["instruction_id_list"], row["prompt"], row["kwargs"]
        )
        strict = task.test_instruction_following_strict(example, response)
        loose = task.test_instruction_following_loose(example, response)
        return strict.follow_instruction_list, loose.follow_instruction_list

    return judge


def minerva() -> Peer | None:
    """Return lm-eval's exact_match and math_verify of one response, or None.

    Its exact_match needs antlr 4.11, which excludes the antlr that math-verify is installed with
    here; then only its math_verify half runs.
    """
    try:
        task = importlib.import_module("lm_eval.tasks.minerva_math.utils")
        return lambda row, response: task.process_results(
            {"solution": row["solution"], "answer": row["answer"]}, [response]
        )
    except Exception:
        pass
    try:
        verify = importlib.import_module("math_verify")
    except ImportError:
        return None
    return lambda row, response: verify.verify(
        verify.parse(row["solution"]), verify.parse(response)
    )
