"""Chats and exams of any size for the speed benchmarks, the same for the same seed.

Documents are chats of about 1 KB made of GSM8K train questions and solutions, XSTest completions
and MATH solutions with one word in ten exchanged; one in a hundred holds an exam instance. A pool
of distinct documents is written again and again, each copy of a document with a mark of its own,
until the file is as large as asked. Nothing is measured here.
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

POOL = 40_000
PLANTED = 100  # one document in so many holds an exam instance
INSTANCES = 1_000  # of which the planted ones are taken, however large the exam
_ONSETS = "b br c ch d dr f fl g gr h j k l m n p pl qu r s st t tr v w z".split()
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
_CODAS = ["-", "l", "n", "r", "s", "t", "ck", "nd", "rm", "st"]


def passages(data: Path) -> list[str]:
    """Return the texts that chats are made of."""
    found = []
    for line in (data / "gsm8k_train.jsonl").read_text().split("\n"):
        if line:
            row = json.loads(line)
            found += [row["question"], row["answer"]]
    for name in ("mistralinstruct", "llama2orig"):
        with (data / f"xstest_completions_{name}.csv").open(newline="") as handle:
            found += [row["completion"] for row in csv.DictReader(handle)]
    for line in (data / "math_test.jsonl").read_text().split("\n"):
        if line:
            found.append(json.loads(line)["solution"])
    return found


def vocabulary(texts: list[str], rng: random.Random, size: int = 120_000) -> list[str]:
    """Return words by falling frequency: those of the texts, then made-up ones."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in re.findall(r"[A-Za-z]{2,}", text):
            counts[word.lower()] = counts.get(word.lower(), 0) + 1
    words = dict.fromkeys(sorted(counts, key=lambda word: (-counts[word], word)))
    while len(words) < size:
        parts = (
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS).strip("-")
            for _ in range(rng.choice((2, 3, 3, 4)))
        )
        words["".join(parts)] = None
    return list(words)


def unrelated(words: list[str], count: int, seed: int = 1) -> list[dict[str, str]]:
    """Return exam rows of 20 to 60 words drawn by Zipf's law: words of the chats, not their text.

    The first rows are the same whatever the count.
    """
    rows = []
    weights = [1.0 / (rank + 3) for rank in range(len(words))]
    running, total = [], 0.0
    for weight in weights:
        total += weight
        running.append(total)
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        drawn = rng.choices(words, cum_weights=running, k=rng.randint(20, 60))
        text = " ".join(drawn).capitalize()
        rows.append({"id": str(number), "question": f"{text} {rng.randint(2, 999)}?"})
    return rows


def kin(data: Path, count: int, seed: int = 2) -> list[dict[str, str]]:
    """Return exam rows that sound like the chats: chains of words that follow each other in GSM8K,
    MATH and IFEval questions. Real phrases stand in them, so candidates grow with their number."""
    texts = []
    fields = {"gsm8k_test": "question", "math_test": "problem", "ifeval_input": "prompt"}
    for name, field in fields.items():
        lines = (data / f"{name}.jsonl").read_text().split("\n")
        texts += [json.loads(line)[field].split() for line in lines if line]
    followers: dict[str, list[str]] = {}
    for words in texts:
        for left, right in pairwise(words):
            followers.setdefault(left, []).append(right)
    rows = []
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        chain, length = [rng.choice(texts)[0]], rng.randint(20, 60)
        while len(chain) < length:
            chain.append(rng.choice(followers.get(chain[-1]) or rng.choice(texts)))
        rows.append({"id": str(number), "question": " ".join(chain)})
    return rows


def _exchanged(words: list[str], rng: random.Random, others: list[str], every: int) -> str:
    return " ".join(rng.choice(others) if rng.randrange(every) == 0 else word for word in words)


def pool(
    texts: list[str], exam: list[dict[str, str]], prompts: bool, seed: int = 3, size: int = POOL
) -> Iterator[list[tuple[str, str]]]:
    """Yield documents as (role, text) turns; all roles are the user's with `prompts`."""
    others = " ".join(texts[:2000]).split()
    for number in range(size):
        rng = random.Random(f"{seed}-{number}")
        turns, length = [], 0
        while length < 950:
            text = _exchanged(rng.choice(texts).split(" "), rng, others, 10)[:1500]
            turns.append(text)
            length += len(text)
        if number % PLANTED == 0:
            planted = exam[rng.randrange(min(len(exam), INSTANCES))]["question"]
            turns[0] = f"Please help me with this one.\n{planted}\n{turns[0][:200]}"
        yield [
            ("user" if prompts or place % 2 == 0 else "assistant", text)
            for place, text in enumerate(turns)
        ]


def write_chats(path: Path, documents: list[list[tuple[str, str]]], size: int) -> int:
    """Write `messages` rows until the file holds `size` bytes; return the bytes of their text."""
    written = text_bytes = 0
    with path.open("wb") as handle:
        copy = 0
        while written < size:
            for number, turns in enumerate(documents):
                mark = f"[{copy}.{number}] "
                messages = [
                    {"role": role, "content": mark + text if place == 0 else text}
                    for place, (role, text) in enumerate(turns)
                ]
                line = json.dumps({"messages": messages}, ensure_ascii=False).encode() + b"\n"
                handle.write(line)
                written += len(line)
                text_bytes += sum(len(text.encode()) for _, text in turns) + len(mark)
                if written >= size:
                    break
            copy += 1
    return text_bytes


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows as JSON lines and return the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
