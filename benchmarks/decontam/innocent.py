"""Documents that hold no exam item, from prose to what only looks like one."""

from __future__ import annotations

import importlib
import inspect
import pydoc_data.topics
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.decontam.exam_sets import (
    FRAMES,
    Exams,
    another,
    choice_row,
    choice_slots,
    jsonl,
    statement,
    statement_slots,
    table,
)
from benchmarks.decontam.hiding import Hidden, wrapped
from benchmarks.decontam.markov import Markov

MODULES = """
argparse ast asyncio.base_events bdb calendar cmd codecs collections configparser csv dataclasses
datetime decimal difflib dis doctest email.message enum fractions functools gzip heapq html.parser
http.client http.cookiejar imaplib inspect ipaddress json.decoder logging mailbox mimetypes optparse
pathlib pdb pickle pickletools plistlib poplib pprint random shutil smtplib socketserver statistics
string subprocess tarfile tempfile textwrap threading tokenize trace traceback turtle typing
unittest.case unittest.mock urllib.parse urllib.request uuid wave weakref xml.dom.minidom
xmlrpc.client zipfile
""".split()
XSTEST = ("xstest_completions_mistralinstruct.csv", "xstest_completions_llama2orig.csv")
LISTS = (
    ("True, True", "False, False", "True, False", "False, True"),
    ("I only", "II only", "I and II only", "I, II, and III"),
    ("All of the above", "None of the above", "Both A and B", "Neither A nor B"),
    ("Always true", "Sometimes true", "Never true", "It cannot be determined"),
)


def passed(label: str, *turns: str) -> Hidden:
    """Return a document without an item; turns are the user's and the assistant's in turn."""
    roles = ("user", "assistant")
    return Hidden(f"neg_{label}", [(roles[i % 2], t) for i, t in enumerate(turns)], None, None)


def same_frame(exam: Exams, rng: random.Random) -> Iterator[Hidden]:
    """Yield what shares an exam's frame, options or one run of words, and asks another thing."""
    for _ in range(2000):
        text = statement(another(statement_slots, exam.statements, rng))
        yield passed("boilerplate", rng.choice(FRAMES).format(text))
    for _ in range(1000):
        stem, options = choice_row(another(choice_slots, exam.choices, rng))
        shown = "\n".join(f"{t}. {o}" for t, o in zip("ABCD", options, strict=True))
        yield passed("choices", f"{stem}\n{shown}")
    for _ in range(1000):
        first, second = (statement(another(statement_slots, exam.statements, rng)) for _ in "12")
        options = rng.choice(LISTS)
        shown = "\n".join(f"{t}. {o}" for t, o in zip("ABCD", options, strict=True))
        text = f"Statement 1 | {first} Statement 2 | {second}\n{shown}"
        yield Hidden("neg_option_lists", wrapped(text, rng), None, None)


def common_grams(exam: Exams, prose: Markov, rng: random.Random) -> Iterator[Hidden]:
    """Yield prose with eight words running of a GSM8K item: any eight, and often used ones."""
    texts = [item.text.split() for item in exam.items("gsm8k")]
    grams = [" ".join(words[3:11]) for words in texts if len(words) > 12]
    seen: dict[str, int] = {}
    for words in texts:
        for gram in {" ".join(words[i : i + 8]) for i in range(len(words) - 7)}:
            seen[gram] = seen.get(gram, 0) + 1
    often = [gram for gram, count in seen.items() if count > 1]
    for label, pool in (("any_8gram", grams), ("common_8gram", often)):
        for _ in range(2000):
            held = prose.words(120, rng).split(" ")
            yield passed(label, " ".join([*held[:60], rng.choice(pool), *held[60:]]))


def real_text(exam: Exams, data: Path, train: list[dict[str, Any]], rng: random.Random) -> Any:
    """Yield real text of the exams' kind: training splits, other exams, chats, library code."""
    for row in train:
        turns = (row["question"], row["answer"])
        yield passed("gsm8k_train", *turns[: rng.randint(1, 2)])
    used = {row["problem"] for row in exam.rows["math500"]}
    for row in jsonl(data / "math_test.jsonl"):
        if row["problem"] not in used:
            yield passed("math_test", row["problem"], row["solution"])
    for row in jsonl(data / "ifbench_test.jsonl"):
        yield passed("ifbench", row["prompt"])
    for name in XSTEST:
        for cells in table(data / name):
            yield passed("xstest", cells["prompt"], cells["completion"])
    for name in MODULES:
        for _, thing in inspect.getmembers(importlib.import_module(name)):
            if inspect.isfunction(thing) or inspect.isclass(thing):
                try:
                    yield passed("code", "Explain this code.", inspect.getsource(thing)[:4000])
                except (OSError, TypeError):
                    continue


def chains(
    train: list[dict[str, Any]], prose: Markov, count: int, rng: random.Random
) -> Iterator[Hidden]:
    """Yield random chains: of GSM8K's training split, of a manual, and `count` of mixed chats."""
    problems = Markov(row["question"] for row in train)
    solved = Markov(re.sub(r"<<[^>]*>>", "", row["answer"]) for row in train)
    manual = Markov(pydoc_data.topics.topics.values())
    for _ in range(count // 5):
        yield passed("markov_problems", problems.words(rng.randint(20, 120), rng))
    for _ in range(count // 12):
        yield passed("markov_solutions", "Solve it.", solved.words(rng.randint(20, 120), rng))
    for _ in range(count // 6):
        yield passed("markov_manual", manual.words(rng.randint(40, 250), rng))
    for _ in range(count):
        asked, told = rng.randint(20, 200), rng.randint(40, 250)
        yield passed("markov_prose", prose.words(asked, rng), prose.words(told, rng))


def negatives(
    exam: Exams,
    data: Path,
    prose: Markov,
    train: list[dict[str, Any]],
    count: int,
    rng: random.Random,
) -> Iterator[Hidden]:
    """Yield all documents without an item."""
    yield from same_frame(exam, rng)
    yield from common_grams(exam, prose, rng)
    yield from real_text(exam, data, train, rng)
    yield from chains(train, prose, count, rng)
