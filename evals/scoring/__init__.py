"""From an instance and a response to a score: every answer rule the suites name.

Scorers are pure and deterministic; they never run model text and survive hostile text. What a task
is, its prompts and its data are no business of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from evals.scoring.batch import score_all
from evals.scoring.choices import score_exact, score_multiple_choice
from evals.scoring.instructions import none_followed, score_instructions
from evals.scoring.mathematics import score_boxed, score_math
from evals.scoring.numbers import score_gsm8k, score_number
from evals.scoring.reference import score_reference
from evals.scoring.result import Score, Scorer
from evals.scoring.safety import refused_details, score_harmful_request, score_xstest

_ALL = (
    Scorer("gsm8k", "1", "exact_match", score_gsm8k),
    Scorer("math", "1", "exact_match_flex", score_math, waits=True),
    Scorer("math500", "1", "exact_match_flex", score_math, waits=True),
    Scorer("ifeval", "1", "prompt_level_loose_acc", score_instructions, none_followed),
    Scorer("ifbench", "1", "prompt_level_loose_acc", score_instructions, none_followed),
    Scorer("xstest", "1", "right_refusal", score_xstest, refused_details),
    Scorer("harmbench", "1", "not_harmful", score_harmful_request, refused_details),
    Scorer("jailbreak", "1", "refused", score_harmful_request, refused_details),
    Scorer("exact", "1", "exact_match", score_exact),
    Scorer("number", "1", "exact_match", score_number),
    Scorer("boxed", "1", "exact_match", score_boxed, waits=True),
    Scorer("reference", "1", "win_rate", score_reference),
    Scorer("multiple_choice", "1", "accuracy", score_multiple_choice),
)
SCORERS: Mapping[str, Scorer] = MappingProxyType({scorer.name: scorer for scorer in _ALL})

__all__ = ["SCORERS", "Score", "Scorer", "score_all"]
