"""A labelled corpus of chat documents with exam items hidden in them, and many that hold none.

    python benchmarks/decontam/corpus.py DATA_DIR OUT_DIR [--documents 60000] [--each 100]

Writes `source.jsonl` (chat documents), `exam-*.jsonl` and `labels.jsonl`: for each document its
class, the task and instance hidden in it (or none) and the kind a reader would call it.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import inspect
import json
import random
import re
import statistics
import string
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from paraphrases import PARAPHRASES
from perturb import CHANGES, FILLER, both, names, numbers

KIND = {
    "numbers": "template", "names": "template", "names_numbers": "template",
    "sub_10": "near", "typos_2": "near", "sub_5": "near", "del_10": "near", "ins_10": "near",
    "verbatim": "verbatim", "upper": "verbatim", "whitespace": "verbatim",
    "homoglyph": "verbatim", "full_width": "verbatim", "zero_width": "verbatim",
}  # fmt: skip
LEADS = (
    "Can you help me with this one? ", "Please solve the following problem.\n\n", "hey, quick q: ",
    "I found this in a textbook and got stuck:\n", "Question: ", "My teacher asked: ", "",
)  # fmt: skip
TAILS = (
    "\n\nThink step by step.", " Explain your reasoning please.", "\nThanks!", "", "\nAnswer:",
    " Give only the final number.",
)  # fmt: skip
TEMPLATES = (
    "Read the following statement carefully and decide whether it is true or false. Explain your "
    "decision in no more than two sentences, then write your final answer on a new line.\n\n{}",
    "You are given a short situation and a question about it. Choose the most plausible answer and "
    "reply with nothing but the letter of your choice.\n\nSituation: {}\n\nAnswer:",
)
SUBJECTS = [
    "harbour",
    "glacier",
    "violin",
    "parliament",
    "orchard",
    "submarine",
    "archive",
    "festival",
    "railway",
    "volcano",
]
VERBS = [
    "opened",
    "collapsed",
    "reopened",
    "doubled",
    "moved",
    "vanished",
    "expanded",
    "closed",
    "burned",
    "froze",
]
PLACES = [
    "Bergen",
    "Kyoto",
    "Lima",
    "Tallinn",
    "Accra",
    "Hobart",
    "Quito",
    "Minsk",
    "Dakar",
    "Oslo",
    "Perth",
    "Riga",
    "Zagreb",
]


class Item(NamedTuple):
    task: str
    number: int
    text: str
    answer: str | None


class Hidden(NamedTuple):
    label: str
    turns: list[tuple[str, str]]
    item: Item | None
    kind: str | None


class Markov:
    """Order-2 prose from the words of some texts."""

    def __init__(self, texts: list[str]) -> None:
        self.after: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.starts = []
        for text in texts:
            words = text.split()
            if len(words) > 3:
                self.starts.append((words[0], words[1]))
            for a, b, c in zip(words, words[1:], words[2:], strict=False):
                self.after[a, b].append(c)

    def words(self, count: int, rng: random.Random) -> str:
        a, b = rng.choice(self.starts)
        out = [a, b]
        while len(out) < count:
            follow = self.after.get((a, b))
            if not follow:
                a, b = rng.choice(self.starts)
                out += [a, b]
                continue
            a, b = b, rng.choice(follow)
            out.append(b)
        return " ".join(out)


def jsonl(path: Path) -> list[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as handle:
        return [json.loads(line) for line in handle.read().split("\n") if line.strip()]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def statement(rng: random.Random) -> str:
    return (
        f"The {rng.choice(SUBJECTS)} near {rng.choice(PLACES)} {rng.choice(VERBS)} in "
        f"{rng.randint(1700, 2020)} after a {rng.choice(FILLER)} {rng.choice(SUBJECTS)} was "
        f"{rng.choice(VERBS)} by the {rng.choice(FILLER)} council."
    )


def choice_item(rng: random.Random) -> tuple[str, list[str]]:
    subject, place = rng.choice(SUBJECTS), rng.choice(PLACES)
    stem = (
        f"In the {rng.choice(FILLER)} theory of the {subject} that scholars in {place} proposed, "
        f"which {rng.choice(FILLER)} factor explains most of the {rng.choice(FILLER)} "
        f"{rng.choice(VERBS)} {rng.choice(SUBJECTS)}?"
    )
    options = [
        f"the {a} {rng.choice(SUBJECTS)} of {rng.choice(PLACES)}" for a in rng.sample(FILLER, 4)
    ]
    return stem, options


def exams(data: Path, rng: random.Random) -> dict[str, list[dict[str, Any]]]:
    boilerplate = [{"question": TEMPLATES[i % 2].format(statement(rng))} for i in range(200)]
    short = [
        {"question": f"{rng.choice(['Who designed', 'When was', 'Where is', 'Why did'])} the "
         f"{rng.choice(FILLER)} {rng.choice(SUBJECTS)} of {rng.choice(PLACES)}?"}
        for _ in range(200)
    ]  # fmt: skip
    choices = []
    for _ in range(200):
        stem, options = choice_item(rng)
        choices.append({"question": stem, "choices": options, "answer": rng.randrange(4)})
    return {
        "gsm8k": jsonl(data / "gsm8k_test.jsonl"),
        "humaneval": jsonl(data / "HumanEval.jsonl.gz"),
        "ifeval": jsonl(data / "ifeval_input.jsonl"),
        "math500": jsonl(data / "math500_test.jsonl"),
        "harmbench": [
            {"prompt": r["Behavior"]} for r in table(data / "harmbench_behaviors_text_all.csv")
        ],
        "boilerplate": boilerplate,
        "short": short,
        "choices": choices,
    }


def items(exam: dict[str, list[dict[str, Any]]], task: str) -> list[Item]:
    out = []
    for number, row in enumerate(exam[task]):
        text = row.get("question") or row.get("prompt") or row.get("problem")
        answer = row.get("canonical_solution") or row.get("solution") or row.get("answer")
        out.append(Item(task, number, str(text), answer if isinstance(answer, str) else None))
    return out


def wrapped(text: str, rng: random.Random) -> list[tuple[str, str]]:
    return [
        ("user", rng.choice(LEADS) + text + rng.choice(TAILS)),
        ("assistant", "Let me work it out. " + " ".join(rng.choices(FILLER, k=30))),
    ]


def placed(item: Item, prose: Markov, others: list[str], rng: random.Random) -> Iterator[Hidden]:
    text, solution = item.text, item.answer or ""
    words = text.split(" ")
    cut = sorted(rng.sample(range(3, max(6, len(words) - 2)), 2)) if len(words) > 8 else [3, 5]
    parts = [" ".join(words[a:b]) for a, b in zip([0, *cut], [*cut, len(words)], strict=True)]
    filler = ["Got it, please go on.", "I see. What else do you know about it?"]
    shots = "\n\n".join(
        f"Question: {o}\nAnswer: {rng.randint(1, 99)}" for o in rng.sample(others, 3)
    )
    plain = re.sub(r"<<[^>]*>>", "", solution)

    def hide(label: str, turns: list[tuple[str, str]], kind: str | None = None) -> Hidden:
        return Hidden(label, turns, item, kind)

    long = prose.words(600, rng).split(" ")
    yield hide("wrapped", wrapped(text, rng), "verbatim")
    yield hide("embedded", [("user", " ".join([*long[:300], text, *long[300:]]))], "verbatim")
    yield hide("few_shot", [("user", f"{shots}\n\nQuestion: {text}\nAnswer:")], "verbatim")
    yield hide(
        "assistant_turn", [("user", "Write a hard problem."), ("assistant", text)], "verbatim"
    )
    yield hide("system_turn", [("system", text), ("user", "Answer the problem above.")], "verbatim")
    yield hide("tool_turn", [("user", "Look it up."), ("tool", f'{{"result": "{text}"}}')])
    yield hide("question_answer", [("user", text), ("assistant", solution)], "verbatim")
    turns = [("user", parts[0]), ("assistant", filler[0]), ("user", parts[1])]
    yield hide("multi_turn", [*turns, ("assistant", filler[1]), ("user", parts[2])])
    far = [("user", parts[0]), ("assistant", prose.words(150, rng)), ("user", " ".join(parts[1:]))]
    yield hide("multi_turn_far", far)
    yield hide("answer_only", [("user", "Check this:"), ("assistant", solution)], "answer")
    yield hide("answer_plain", [("user", "Check this:"), ("assistant", plain)], "answer")
    yield hide("wrapped_numbers", wrapped(numbers(text, rng), rng), "template")
    yield hide("wrapped_names", wrapped(names(text, rng), rng), "template")
    yield hide("wrapped_names_numbers", wrapped(both(text, rng), rng), "template")
    embedded = CHANGES["sub_10"](text, rng)
    yield hide(
        "embedded_sub_10", [("user", " ".join([*long[:200], embedded, *long[200:]]))], "near"
    )


def code_hidden(item: Item, rng: random.Random) -> Iterator[Hidden]:
    solution = item.answer or ""
    words = sorted(set(re.findall(r"\b([a-z_]{3,}) =", solution)))
    renamed = item.text + solution
    for i, word in enumerate(words):
        renamed = re.sub(rf"\b{word}\b", f"v{i}", renamed)
    function = re.search(r"def (\w+)", item.text)
    if function:
        renamed = re.sub(rf"\b{function.group(1)}\b", rng.choice(FILLER), renamed)
    doc = re.search(r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', item.text, re.S)
    yield Hidden("code_verbatim", [("user", item.text)], item, "verbatim")
    yield Hidden(
        "code_with_solution", [("user", item.text), ("assistant", item.text + solution)], item, None
    )
    yield Hidden("code_renamed", [("user", "Review:"), ("assistant", renamed)], item, None)
    yield Hidden("code_reindented", [("user", textwrap.indent(item.text, "\t"))], item, None)
    if len(re.findall(r"\w+", solution)) >= 15:
        yield Hidden("code_solution_only", [("assistant", solution)], item, "answer")
    if doc:
        words = " ".join((doc.group(1) or doc.group(2)).split(">>>")[0].split())
        yield Hidden("code_docstring", [("user", f"Write a function. {words}")], item, None)


def choice_hidden(row: dict[str, Any], item: Item, rng: random.Random) -> Iterator[Hidden]:
    def shown(options: list[str], style: str) -> str:
        marks = {"A": "{}. ", "a": "({}) ", "1": "{}) "}[style]
        tags = {"A": "ABCD", "a": "abcd", "1": "1234"}[style]
        return "\n".join(marks.format(t) + o for t, o in zip(tags, options, strict=True))

    options = row["choices"]
    yield Hidden("mc_verbatim", wrapped(f"{item.text}\n{shown(options, 'A')}", rng), item, None)
    mixed = rng.sample(options, 4)
    yield Hidden("mc_shuffled", wrapped(f"{item.text}\n{shown(mixed, 'a')}", rng), item, None)
    yield Hidden("mc_relabelled", wrapped(f"{item.text}\n{shown(options, '1')}", rng), item, None)
    yield Hidden("mc_stem", wrapped(item.text, rng), item, None)


def positives(
    exam: dict[str, Any], prose: Markov, train: list[str], each: int, rng: random.Random
) -> Iterator[Hidden]:
    gsm = items(exam, "gsm8k")
    for label, change in CHANGES.items():
        for item in rng.sample(gsm, each):
            yield Hidden(label, [("user", change(item.text, rng))], item, KIND.get(label))
            if label in ("rot13", "base64", "reversed", "leet"):
                break_out = f"Decode this and solve it: {change(item.text, rng)}"
                yield Hidden(f"{label}_wrapped", [("user", break_out)], item, None)
    for item in rng.sample(gsm, each):
        yield from placed(item, prose, train, rng)
    for number, text in PARAPHRASES.items():
        yield Hidden("paraphrase", [("user", text)], gsm[number], "paraphrase")
        yield Hidden("paraphrase_wrapped", wrapped(text, rng), gsm[number], "paraphrase")
    code = items(exam, "humaneval")
    for item in rng.sample(code, min(each, len(code))):
        yield from code_hidden(item, rng)
    for task in ("ifeval", "math500", "harmbench", "boilerplate", "short"):
        pool = [i for i in items(exam, task) if len(i.text) > 20]
        for item in rng.sample(pool, min(each, len(pool))):
            yield Hidden(f"{task}_verbatim", [("user", item.text)], item, "verbatim")
            yield Hidden(f"{task}_wrapped", wrapped(item.text, rng), item, "verbatim")
            if task in ("ifeval", "math500"):
                for label in ("sub_10", "typos_2", "first_50", "last_50", "latex", "homoglyph"):
                    yield Hidden(
                        f"{task}_{label}", [("user", CHANGES[label](item.text, rng))], item, None
                    )
    for item, row in rng.sample(
        list(zip(items(exam, "choices"), exam["choices"], strict=True)), each
    ):
        yield from choice_hidden(row, item, rng)


def negatives(  # noqa: PLR0912 - one family after another
    exam: dict[str, Any],
    data: Path,
    prose: Markov,
    train: list[dict[str, Any]],
    count: int,
    rng: random.Random,
) -> Iterator[Hidden]:
    mathy = Markov([row["question"] for row in train])
    solved = Markov([re.sub(r"<<[^>]*>>", "", row["answer"]) for row in train])
    for row in train:
        turns = [("user", row["question"])]
        if rng.random() < 0.5:
            turns.append(("assistant", row["answer"]))
        yield Hidden("neg_gsm8k_train", turns, None, None)
    for _ in range(2000):
        template = rng.choice(TEMPLATES)
        yield Hidden("neg_boilerplate", [("user", template.format(statement(rng)))], None, None)
    grams = [
        g
        for i in items(exam, "gsm8k")
        for w in [i.text.split()]
        for g in [" ".join(w[3:11])]
        if len(w) > 12
    ]
    for _ in range(1000):
        held = prose.words(120, rng).split(" ")
        yield Hidden(
            "neg_common_8gram",
            [("user", " ".join([*held[:60], rng.choice(grams), *held[60:]]))],
            None,
            None,
        )
    used = {row["problem"] for row in exam["math500"]}
    for row in jsonl(data / "math_test.jsonl"):
        if row["problem"] not in used:
            yield Hidden(
                "neg_math_test",
                [("user", row["problem"]), ("assistant", row["solution"])],
                None,
                None,
            )
    for row in jsonl(data / "ifbench_test.jsonl"):
        yield Hidden("neg_ifbench", [("user", row["prompt"])], None, None)
    for name in ("xstest_completions_mistralinstruct.csv", "xstest_completions_llama2orig.csv"):
        for row in table(data / name):
            yield Hidden(
                "neg_xstest",
                [("user", row["prompt"]), ("assistant", row["completion"])],
                None,
                None,
            )
    for module in (statistics, textwrap, string, random, json, csv, argparse, inspect, gzip):
        for _, thing in inspect.getmembers(module):
            if inspect.isfunction(thing) or inspect.isclass(thing):
                try:
                    code = inspect.getsource(thing)
                except (OSError, TypeError):
                    continue
                yield Hidden(
                    "neg_code", [("user", "Explain this code."), ("assistant", code)], None, None
                )
    for _ in range(1000):
        stem, options = choice_item(rng)
        shown = "\n".join(f"{t}. {o}" for t, o in zip("ABCD", options, strict=True))
        yield Hidden("neg_choices", [("user", f"{stem}\n{shown}")], None, None)
    for _ in range(count // 6):
        yield Hidden(
            "neg_markov_math", [("user", mathy.words(rng.randint(20, 120), rng))], None, None
        )
    for _ in range(count // 12):
        text = solved.words(rng.randint(20, 120), rng)
        yield Hidden(
            "neg_markov_solutions", [("user", "Solve it."), ("assistant", text)], None, None
        )
    for _ in range(count):
        turns = [("user", prose.words(rng.randint(20, 200), rng))]
        turns.append(("assistant", prose.words(rng.randint(40, 250), rng)))
        yield Hidden("neg_prose", turns, None, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--documents", type=int, default=60_000)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    exam = exams(options.data, rng)
    train = jsonl(options.data / "gsm8k_train.jsonl")
    names_ = ("xstest_completions_mistralinstruct.csv", "xstest_completions_llama2orig.csv")
    spoken = [row["completion"] for name in names_ for row in table(options.data / name)]
    asked = {row["problem"] for row in exam["math500"]}
    rest = [row for row in jsonl(options.data / "math_test.jsonl") if row["problem"] not in asked]
    solved = [row["solution"] for row in rest[:1500]]
    prose = Markov([*spoken, *spoken, *solved, *(row["question"] for row in train[:800])])
    hidden = list(positives(exam, prose, [row["question"] for row in train], options.each, rng))
    hidden += negatives(exam, options.data, prose, train, options.documents, rng)
    rng.shuffle(hidden)
    options.out.mkdir(parents=True, exist_ok=True)
    for task, rows in exam.items():
        lines = [json.dumps(row) for row in rows]
        (options.out / f"{task}.jsonl").write_text("\n".join(lines) + "\n")
    with (
        (options.out / "source.jsonl").open("w") as source,
        (options.out / "labels.jsonl").open("w") as labels,
    ):
        for h in hidden:
            messages = [{"role": r, "content": t} for r, t in h.turns]
            source.write(json.dumps({"messages": messages}, ensure_ascii=rng.random() < 0.5) + "\n")
            label = {"class": h.label, "kind": h.kind}
            if h.item:
                label |= {"task": h.item.task, "instance": h.item.number}
            labels.write(json.dumps(label) + "\n")


if __name__ == "__main__":
    main()
