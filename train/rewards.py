"""Verifiers as rewards: what a scorer says of an answer becomes a number for the trainer.

Tülu 3 gives 10 for a verified answer and 0 otherwise, and -10 for one that never ends
(arXiv 2411.15124, section 6; open-instruct docs/tulu3.md, `--non_stop_penalty`). A graded score
between 0 and 1 gives its share of the 10. What the unseen suite examines is never rewarded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from proctor.errors import ProctorError, UsageError

Scorer = Callable[[Mapping[str, Any], str], Any]


class RewardRow(NamedTuple):
    """What the reward for one prompt needs: the scorer's name and the instance it reads."""

    scorer: str
    instance: Mapping[str, Any]


class VerifiedReward:
    """A TRL reward function over rows known by their number in the `row` column.

    It logs the mean score per scorer, and as `signal` the share of prompts in the batch whose
    answers got different rewards: without any, there is nothing to learn from.

    Args:
        rows: per prompt, what scores it.
        scorers: the scorers by name.
        points: the reward of a verified answer.
        unended: the reward of an answer without an end token, or None to score it as it is.
        ends: the ids of the end tokens.
    """

    # TRL names its metrics after this.
    __name__ = "verified"

    def __init__(
        self,
        rows: Sequence[RewardRow],
        scorers: Mapping[str, Scorer],
        *,
        points: float,
        unended: float | None,
        ends: Iterable[int],
    ) -> None:
        self.rows = rows
        self.scorers = scorers
        self.points = points
        self.unended = unended
        self.ends = frozenset(ends)

    def __call__(
        self,
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        row: Sequence[int],
        log_metric: Callable[[str, float], None] | None = None,
        **_: Any,
    ) -> list[float | None]:
        """Return one reward per completion; mean scores go to the log per scorer."""
        rewards: list[float | None] = []
        scores: dict[str, list[float]] = {}
        for completion, ids, number in zip(completions, completion_ids, row, strict=True):
            name = self.rows[number].scorer
            score = self.score(number, text_of(completion))
            scores.setdefault(name, []).append(score)
            endless = not ids or ids[-1] not in self.ends
            rewards.append(
                self.unended if endless and self.unended is not None else self.points * score
            )
        if log_metric is not None:
            for name, values in scores.items():
                log_metric(f"score/{name}", sum(values) / len(values))
            log_metric("signal", signal(row, rewards))
        return rewards

    def score(self, number: int, response: str) -> float:
        """Return the score from 0 to 1 of a response to the prompt with this number.

        Raises:
            ProctorError: the scorer fails on the instance.
        """
        row = self.rows[number]
        try:
            return float(self.scorers[row.scorer](row.instance, response).score)
        except (KeyError, TypeError, ValueError) as error:
            raise ProctorError(
                f"the scorer {row.scorer!r} cannot read the instance of prompt {number + 1} "
                f"({type(error).__name__}: {error})"
            ) from error


def signal(prompts: Sequence[int], rewards: Sequence[float | None]) -> float:
    """Return the share of prompts that have two answers with different rewards."""
    seen: dict[int, set[float | None]] = {}
    for prompt, reward in zip(prompts, rewards, strict=True):
        seen.setdefault(prompt, set()).add(reward)
    return sum(len(different) > 1 for different in seen.values()) / max(1, len(seen))


def text_of(completion: Any) -> str:
    """Return a completion's text, given as a text or as a list with one assistant message."""
    if isinstance(completion, str):
        return completion
    return str(completion[-1]["content"])


def reward_rows(rows: Iterable[Mapping[str, Any]]) -> list[RewardRow]:
    """Return what scores each row."""
    return [RewardRow(row["scorer"], row["instance"]) for row in rows]


def known_scorers(names: Iterable[str]) -> dict[str, Scorer]:
    """Look scorers up in `evals.scoring` by name.

    Raises:
        UsageError: there is no scorer of this name.
    """
    table: Mapping[str, Scorer] = importlib.import_module("evals.scoring").SCORERS
    found: dict[str, Scorer] = {}
    for name in sorted(set(names)):
        if name not in table:
            raise UsageError(f"unknown scorer {name!r}: choose from {', '.join(sorted(table))}")
        found[name] = table[name]
    return found


def refuse_unseen(rows: Sequence[RewardRow]) -> None:
    """Refuse to reward what only the unseen suite may examine.

    Raises:
        UsageError: an instance names a verifier of an unseen family.
    """
    verifiers = importlib.import_module("evals.verifiers")
    for number, row in enumerate(rows, 1):
        for name in row.instance.get("instruction_id_list", ()):
            if verifiers.is_unseen_family(name):
                raise UsageError(
                    f"prompt {number} is verified by {name!r}, which belongs to the unseen suite: "
                    "training on it would spoil that exam"
                )
