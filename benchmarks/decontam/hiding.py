"""Documents that hold an exam item, each labelled with the way it was hidden.

Nothing here knows how items are found again.
"""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from benchmarks.decontam.exam_sets import Exams, Item
from benchmarks.decontam.markov import Markov
from benchmarks.decontam.paraphrases import PARAPHRASES
from benchmarks.decontam.perturb import CHANGES, TYPOGRAPHY, kind_of
from benchmarks.decontam.wordlists import FILLER

Turn = tuple[str, str]
LEADS = (
    "Can you help me with this one? ", "Please solve the following problem.\n\n", "hey, quick q: ",
    "I found this in a textbook and got stuck:\n", "Question: ", "My teacher asked: ", "",
)  # fmt: skip
TAILS = (
    "\n\nThink step by step.", " Explain your reasoning please.", "\nThanks!", "", "\nAnswer:",
    " Give only the final number.",
)  # fmt: skip
ENCODED = ("rot13", "base64", "reversed", "leet", "hex")
# What is done to real exams beside GSM8K: every stage has to hold on other kinds of text too.
OTHERS = (
    "sub_10", "typos_2", "first_50", "last_50", "sentence_shuffle",
    *(way for way in TYPOGRAPHY if way != "verbatim"),
)  # fmt: skip
ENOUGH_WORDS = 10  # a shorter half is a phrase, not a piece of an item


class Hidden(NamedTuple):
    """A document: its class, its turns, the item in it if any, and what a reader would call it."""

    label: str
    turns: list[Turn]
    item: Item | None
    kind: str | None


def wrapped(text: str, rng: random.Random) -> list[Turn]:
    """Return a chat whose user asks the text among other words."""
    return [
        ("user", rng.choice(LEADS) + text + rng.choice(TAILS)),
        ("assistant", "Let me work it out. " + " ".join(rng.choices(FILLER, k=30))),
    ]


def changed(label: str, item: Item, rng: random.Random, name: str | None = None) -> Hidden:
    """Return a document that is the item, changed in the way of that name."""
    text = CHANGES[label](item.text, rng)
    return Hidden(name or label, [("user", text)], item, kind_of(label, item.text, text))


def in_prompts(
    item: Item, prose: Markov, others: Sequence[str], rng: random.Random
) -> Iterator[Hidden]:
    """Yield documents in which the item stands as it is, inside something longer."""
    text = item.text
    shots = "\n\n".join(
        f"Question: {o}\nAnswer: {rng.randint(1, 99)}" for o in rng.sample(others, 3)
    )
    long = prose.words(600, rng).split(" ")
    for label, turns in (
        ("wrapped", wrapped(text, rng)),
        ("embedded", [("user", " ".join([*long[:300], text, *long[300:]]))]),
        ("few_shot", [("user", f"{shots}\n\nQuestion: {text}\nAnswer:")]),
        ("assistant_turn", [("user", "Write a hard problem."), ("assistant", text)]),
        ("system_turn", [("system", text), ("user", "Answer the problem above.")]),
        ("tool_turn", [("user", "Look it up."), ("tool", f'{{"result": "{text}"}}')]),
        ("question_answer", [("user", text), ("assistant", item.answer or "")]),
    ):
        yield Hidden(label, turns, item, "verbatim")


def over_turns(item: Item, prose: Markov, rng: random.Random) -> Iterator[Hidden]:
    """Yield documents in which the item is spread over two or three turns."""
    words = item.text.split(" ")
    cut = sorted(rng.sample(range(3, max(6, len(words) - 2)), 2)) if len(words) > 8 else [3, 5]
    parts = [" ".join(words[a:b]) for a, b in zip([0, *cut], [*cut, len(words)], strict=True)]
    replies = ["Got it, please go on.", "I see. What else do you know about it?"]
    near = [("user", parts[0]), ("assistant", replies[0]), ("user", parts[1])]
    near += [("assistant", replies[1]), ("user", parts[2])]
    yield Hidden("multi_turn", near, item, "near")
    far = [("user", parts[0]), ("assistant", prose.words(150, rng)), ("user", " ".join(parts[1:]))]
    yield Hidden("multi_turn_far", far, item, "near")


def answers(item: Item) -> Iterator[Hidden]:
    """Yield documents with the item's answer and not its question."""
    solution = item.answer or ""
    plain = re.sub(r"<<[^>]*>>", "", solution)
    for label, text in (("answer_only", solution), ("answer_plain", plain)):
        yield Hidden(label, [("user", "Check this:"), ("assistant", text)], item, "answer")


def changed_in_prompts(item: Item, prose: Markov, rng: random.Random) -> Iterator[Hidden]:
    """Yield documents with a changed copy inside something longer."""
    for label in ("numbers", "names", "names_numbers"):
        text = CHANGES[label](item.text, rng)
        kind = kind_of(label, item.text, text)
        yield Hidden(f"wrapped_{label}", wrapped(text, rng), item, kind)
    long = prose.words(600, rng).split(" ")
    text = " ".join([*long[:200], CHANGES["sub_10"](item.text, rng), *long[200:]])
    yield Hidden("embedded_sub_10", [("user", text)], item, "near")


def code(item: Item, rng: random.Random) -> Iterator[Hidden]:
    """Yield documents with a programming item, edited as code is."""
    solution, prompt = item.answer or "", item.text
    renamed = prompt + solution
    for i, word in enumerate(sorted(set(re.findall(r"\b([a-z_]{3,}) =", solution)))):
        renamed = re.sub(rf"\b{word}\b", f"v{i}", renamed)
    function = re.search(r"def (\w+)", prompt)
    if function:
        renamed = re.sub(rf"\b{function.group(1)}\b", rng.choice(FILLER), renamed)
    bare = re.sub(r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', "", prompt, flags=re.S)
    joined = "\n".join(line for line in (prompt + solution).split("\n") if line.strip())
    reformatted = re.sub(r"\s*([=+*/<>-]+)\s*", r" \1 ", joined).replace('"""', "'''")
    yield Hidden("code_verbatim", [("user", prompt)], item, "verbatim")
    yield Hidden("code_solution", [("user", prompt), ("assistant", prompt + solution)], item, None)
    yield Hidden("code_renamed", [("user", "Review:"), ("assistant", renamed)], item, None)
    yield Hidden("code_reindented", [("user", textwrap.indent(prompt, "\t"))], item, "verbatim")
    yield Hidden("code_reformatted", [("user", f"```python\n{reformatted}\n```")], item, None)
    if len(re.findall(r"\w+", solution)) >= 15:
        yield Hidden("code_solution_only", [("assistant", solution)], item, "answer")
        yield Hidden("code_no_docstring", [("assistant", bare + solution)], item, None)
    doc = re.search(r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', prompt, re.S)
    words = (doc.group(1) or doc.group(2)).split(">>>")[0].split() if doc else []
    if len(words) >= ENOUGH_WORDS:
        yield Hidden(
            "code_docstring", [("user", f"Write a function. {' '.join(words)}")], item, None
        )


def _shown(options: Sequence[str], style: str) -> str:
    marks = {"A": "{}. ", "a": "({}) ", "1": "{}) "}[style]
    tags = {"A": "ABCDEFGH", "a": "abcdefgh", "1": "12345678"}[style]
    return "\n".join(marks.format(t) + o for t, o in zip(tags, options, strict=False))


def choices(row: dict[str, Any], item: Item, rng: random.Random, name: str) -> Iterator[Hidden]:
    """Yield documents with a multiple-choice item, its choices as they are, moved or gone."""
    options, stem = row["choices"], item.text
    mixed = rng.sample(options, len(options))
    text = f"{stem}\n{_shown(options, 'A')}"
    edited = {label: CHANGES[label](text, rng) for label in ("sub_10", "typos_2")}
    for label, shown in (
        ("verbatim", text),
        ("shuffled", f"{stem}\n{_shown(mixed, 'a')}"),
        ("relabelled", f"{stem}\n{_shown(options, '1')}"),
        ("answered", f"{stem} {options[row['answer']]}"),
        *edited.items(),
        ("stem", stem),
    ):
        if label not in ("stem", "answered") or len(stem.split()) >= ENOUGH_WORDS:
            # Where only choices are edited the question itself is as it was.
            kind = "near" if label in edited and stem not in shown else None
            yield Hidden(f"{name}_{label}", wrapped(shown, rng), item, kind)


def _halves(item: Item, task: str, label: str, rng: random.Random) -> Hidden:
    hidden = changed(label, item, rng, f"{task}_{label}")
    if label.endswith("_50") and len(hidden.turns[0][1].split()) < ENOUGH_WORDS:
        return hidden._replace(label=f"{task}_{label}_scrap")
    return hidden


def positives(
    exam: Exams, prose: Markov, train: Sequence[str], each: int, rng: random.Random
) -> Iterator[Hidden]:
    """Yield all documents with an item, `each` of every way where there are so many items."""
    gsm = exam.items("gsm8k")
    for label in CHANGES:
        for item in rng.sample(gsm, each):
            hidden = changed(label, item, rng)
            yield hidden
            if label in ENCODED:
                text = f"Decode this and solve it: {hidden.turns[0][1]}"
                yield Hidden(f"{label}_wrapped", [("user", text)], item, None)
    for item in rng.sample(gsm, each):
        yield from in_prompts(item, prose, train, rng)
        yield from over_turns(item, prose, rng)
        yield from answers(item)
        yield from changed_in_prompts(item, prose, rng)
    for number, text in PARAPHRASES.items():
        yield Hidden("paraphrase", [("user", text)], gsm[number], "paraphrase")
        yield Hidden("paraphrase_wrapped", wrapped(text, rng), gsm[number], "paraphrase")
    programs = exam.items("humaneval")
    for item in rng.sample(programs, min(each, len(programs))):
        yield from code(item, rng)
    for task in ("ifeval", "math500", "harmbench", "boilerplate", "short"):
        pool = [i for i in exam.items(task) if len(i.text) > 20]
        for item in rng.sample(pool, min(each, len(pool))):
            yield Hidden(f"{task}_verbatim", [("user", item.text)], item, "verbatim")
            yield Hidden(f"{task}_wrapped", wrapped(item.text, rng), item, "verbatim")
            for label in OTHERS if task in ("ifeval", "math500") else ():
                yield _halves(item, task, label, rng)
    for task in ("choices", "mmlu"):
        pairs = list(zip(exam.items(task), exam.rows[task], strict=True))
        for item, row in rng.sample(pairs, min(each, len(pairs))):
            yield from choices(row, item, rng, "mc" if task == "choices" else task)
