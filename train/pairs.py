"""On-policy preference pairs: a checkpoint answers, a verifier says which answers pass.

Per prompt `samples` answers are drawn and every distinct passing answer can be chosen over every
distinct failing one; `per_prompt` such pairs are kept, shortest difference in length first, so
that a pair differs in being right rather than in being long. Finished chunks of prompts are
handed to a sink as they come and are not sampled again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from proctor.digest import canonical_json, digest_bytes, digest_file, digest_json
from proctor.errors import ProctorError
from proctor.files import write_atomically
from train.checkpoint import checkpoint_digest, load
from train.course import quiet_machine
from train.rewards import RewardRow, Scorer, known_scorers, refuse_unseen
from train.rows import Message, read_rows
from train.sampling import Sample, sample


class PairSettings(BaseModel):
    """How pairs are sampled and kept; `passes` is the score from which an answer has passed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int = Field(default=4, ge=2)
    max_new: int = Field(default=2048, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    per_prompt: int = Field(default=1, ge=1)
    passes: float = Field(default=1.0, gt=0, le=1)
    chunk: int = Field(default=64, ge=1)
    threads: int | None = Field(default=None, ge=1)
    chat_template: str | None = None


class Sink(Protocol):
    """Keeps finished chunks: `get` returns what `put` was given under the same key, or None."""

    def get(self, key: str) -> bytes | None:
        """Return the chunk stored under a key."""

    def put(self, key: str, value: bytes) -> None:
        """Store a chunk so that it survives a crash."""


class FolderSink:
    """A sink that keeps every chunk as a file of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> bytes | None:
        """Return the chunk stored under a key."""
        path = self.folder / f"{key}.json"
        return path.read_bytes() if path.is_file() else None

    def put(self, key: str, value: bytes) -> None:
        """Store a chunk so that it survives a crash."""
        write_atomically(self.folder / f"{key}.json", value)


class PairsResult(NamedTuple):
    """The file of pairs, its digest, and what became of the prompts.

    `too_long` prompts left no room for an answer; `all_passed` and `all_failed` ones had nothing
    to compare. `mean_score` is over all sampled answers.
    """

    path: Path
    digest: str
    pairs: int
    prompts: int
    too_long: int
    all_passed: int
    all_failed: int
    mean_score: float
    tokens: int


class _Answer(NamedTuple):
    text: str
    score: float
    tokens: int


def make_pairs(
    base: Path,
    data: Path,
    settings: PairSettings,
    out: Path,
    *,
    seed: int,
    sink: Sink | None = None,
    scorers: Mapping[str, Scorer] | None = None,
    progress: Callable[[int, int, Mapping[str, float]], None] | None = None,
    base_digest: str | None = None,
) -> PairsResult:
    """Sample answers to the prompts in `data` from `base` and write verified pairs to `out`.

    Args:
        base: the checkpoint that answers.
        data: JSONL rows with `prompt` (or `messages`), `scorer` and `instance`.
        settings: see `PairSettings`.
        out: the JSONL file of pairs, replaced as a whole.
        seed: of the sampling.
        sink: keeps finished chunks; by default a folder beside `out`.
        scorers: what the rows' `scorer` names mean; `evals.scoring.SCORERS` by default.
        progress: told the chunk, the chunks and the mean score so far.
        base_digest: the checkpoint's digest if it is known.

    Raises:
        ProctorError: there is no prompt, or no pair comes of them; the message says which of
            passing, failing and being too long they all did.
    """
    rows = [row for _, _, row in read_rows(data, "reward")]
    if not rows:
        raise ProctorError(f"{data} holds no prompt to sample answers for: it is empty")
    asked = [RewardRow(row["scorer"], row["instance"]) for row in rows]
    if scorers is None:
        refuse_unseen(asked)
        scorers = known_scorers(row.scorer for row in asked)
    identity = digest_json(
        [base_digest or checkpoint_digest(base), digest_file(data), settings.model_dump(), seed]
    )
    sampler = _Sampler(base, settings, scorers, seed)
    keeper = sink or FolderSink(out.parent / f"{out.name}.chunks")
    answers: list[list[_Answer]] = []
    chunks = range(0, len(rows), settings.chunk)
    for number, start in enumerate(chunks):
        key = digest_json([identity, number])
        stored = keeper.get(key)
        if stored is None:
            part = slice(start, start + settings.chunk)
            chunk = sampler.chunk(number, [row["prompt"] for row in rows[part]], asked[part])
            stored = canonical_json([[list(answer) for answer in row] for row in chunk])
            keeper.put(key, stored)
        answers.extend(_read_chunk(stored))
        if progress is not None:
            progress(number + 1, len(chunks), {"score": _mean(answers)})
    return _write(rows, answers, settings, data, out)


class _Sampler:
    """Loads the checkpoint when the first chunk that is not yet stored asks for it."""

    def __init__(
        self, base: Path, settings: PairSettings, scorers: Mapping[str, Scorer], seed: int
    ) -> None:
        self.base = base
        self.settings = settings
        self.scorers = scorers
        self.seed = seed
        self._loaded: Any = None

    def chunk(
        self, number: int, prompts: Sequence[Sequence[Message]], asked: Sequence[RewardRow]
    ) -> list[list[_Answer]]:
        settings = self.settings
        with quiet_machine(settings.threads):
            if self._loaded is None:
                import torch

                self._loaded = load(self.base, chat_template=settings.chat_template)
                self._loaded.model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
            drawn = sample(
                self._loaded,
                prompts,
                samples=settings.samples,
                max_new=settings.max_new,
                temperature=settings.temperature,
                top_p=settings.top_p,
                seed=int(digest_bytes(f"{self.seed}/{number}".encode())[:12], 16),
            )
        return [
            [self._judge(row, answer) for answer in answers]
            for row, answers in zip(asked, drawn, strict=True)
        ]

    def _judge(self, row: RewardRow, answer: Sample) -> _Answer:
        # An answer that was cut off is not an answer, whatever stands in it.
        passed = float(self.scorers[row.scorer](row.instance, answer.text).score)
        return _Answer(answer.text, passed if answer.ended else 0.0, answer.tokens)


def _read_chunk(stored: bytes) -> list[list[_Answer]]:
    import json

    return [[_Answer(*answer) for answer in row] for row in json.loads(stored)]


def _mean(answers: Sequence[Sequence[_Answer]]) -> float:
    scores = [answer.score for row in answers for answer in row]
    return sum(scores) / len(scores) if scores else 0.0


def best_pairs(
    answers: Sequence[_Answer], passes: float, keep: int
) -> list[tuple[_Answer, _Answer]]:
    """Return up to `keep` (passed, failed) pairs, the nearest in length first, ties by order."""
    passed = list({answer.text: answer for answer in answers if answer.score >= passes}.values())
    failed = list({answer.text: answer for answer in answers if answer.score < passes}.values())
    pairs = sorted(
        product(range(len(passed)), range(len(failed))),
        key=lambda at: (abs(passed[at[0]].tokens - failed[at[1]].tokens), at),
    )
    # No answer is used twice while others are left: copies teach nothing new.
    used: set[tuple[str, int]] = set()
    kept: list[tuple[_Answer, _Answer]] = []
    for good, bad in pairs:
        if ("passed", good) in used or ("failed", bad) in used:
            continue
        used |= {("passed", good), ("failed", bad)}
        kept.append((passed[good], failed[bad]))
    return kept[:keep]


def _write(
    rows: Sequence[Mapping[str, Any]],
    answers: Sequence[Sequence[_Answer]],
    settings: PairSettings,
    data: Path,
    out: Path,
) -> PairsResult:
    lines: list[bytes] = []
    too_long = all_passed = all_failed = 0
    for row, drawn in zip(rows, answers, strict=True):
        too_long += not drawn
        all_passed += bool(drawn) and all(answer.score >= settings.passes for answer in drawn)
        all_failed += bool(drawn) and all(answer.score < settings.passes for answer in drawn)
        for chosen, rejected in best_pairs(drawn, settings.passes, settings.per_prompt):
            pair = {
                "prompt": row["prompt"],
                "chosen": [{"role": "assistant", "content": chosen.text}],
                "rejected": [{"role": "assistant", "content": rejected.text}],
                "chosen_score": chosen.score,
                "rejected_score": rejected.score,
            }
            lines.append(canonical_json(pair) + b"\n")
    if not lines:
        raise ProctorError(
            f"{data} gave no preference pair: of {len(rows)} prompts {all_passed} had only passing "
            f"and {all_failed} only failing answers, {too_long} left no room for an answer; raise "
            "'samples' or take prompts the model sometimes gets right"
        )
    write_atomically(out, b"".join(lines))
    tokens = sum(answer.tokens for drawn in answers for answer in drawn)
    return PairsResult(
        path=out,
        digest=digest_file(out),
        pairs=len(lines),
        prompts=len(rows),
        too_long=too_long,
        all_passed=all_passed,
        all_failed=all_failed,
        mean_score=_mean(answers),
        tokens=tokens,
    )
