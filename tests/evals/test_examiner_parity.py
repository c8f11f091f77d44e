"""Sample by sample the same as lm-eval's own run on the same checkpoint and data."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from evals.backends import Batch
from evals.backends.constant import ConstantEngine
from evals.backends.hf import HfEngine
from evals.backends.lm import EngineLM
from evals.examiner import examine
from evals.records import Checkpoint, Request, Response, Sampling
from evals.suites import Suite, SuiteTask, suite_of_tasks
from harness.responses import ResponseStore

LIMIT = 12


def _stock(folder: Path, data_dir: Path) -> list[str]:
    """Write lm-eval's own gsm8k and MATH task files, pointed at local data."""
    import lm_eval

    stock = Path(lm_eval.__file__).parent / "tasks"
    (folder / "gsm8k_local.yaml").write_text(
        f"include: {stock}/gsm8k/gsm8k.yaml\n"
        "task: gsm8k_local\ntag: null\ndataset_path: json\ndataset_name: null\nnum_fewshot: 2\n"
        f"dataset_kwargs: {{data_files: {{train: {data_dir}/gsm8k_train.jsonl, "
        f"test: {data_dir}/gsm8k_test.jsonl}}}}\n"
        "generation_kwargs: {until: ['Question:'], do_sample: false, max_gen_toks: 32}\n"
        "metadata: {version: 3, metric: exact_match, filter: flexible-extract}\n"
    )
    (folder / "choices_local.yaml").write_text(
        "task: choices_local\ndataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {data_dir}/gsm8k_test.jsonl}}}}\n"
        "test_split: test\noutput_type: multiple_choice\ndoc_to_text: '{{question}}'\n"
        "doc_to_choice: ['yes', 'no, never', 'perhaps so']\ndoc_to_target: 1\nnum_fewshot: 0\n"
        "metric_list:\n"
        "  - {metric: acc, aggregation: mean, higher_is_better: true}\n"
        "  - {metric: acc_norm, aggregation: mean, higher_is_better: true}\n"
        "metadata: {version: 1}\n"
    )
    return ["gsm8k_local", "choices_local"]


@pytest.mark.parametrize("chat", [False, True])
def test_the_same_as_lm_eval_on_transformers(other_checkpoint, data_dir, tmp_path, chat):
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    torch.set_num_threads(1)
    names = _stock(tmp_path, data_dir)
    theirs = simple_evaluate(
        model=HFLM(pretrained=str(other_checkpoint), device="cpu", dtype="float32", batch_size=1),
        tasks=names,
        limit=LIMIT,
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        apply_chat_template=chat,
        fewshot_as_multiturn=chat,
        bootstrap_iters=0,
    )["samples"]
    suite = Suite(
        name="parity", role="dev", tasks=tuple(SuiteTask(name=n, chat=chat) for n in names)
    )
    ours = examine(
        Checkpoint(other_checkpoint, "0" * 64, "other"),
        suite,
        HfEngine(other_checkpoint),
        ResponseStore(tmp_path / "responses"),
        limit=LIMIT,
        include=[tmp_path],
    )
    rows = {name: [row for row in ours.rows.to_pylist() if row["task"] == name] for name in names}
    flexible = [s for s in theirs["gsm8k_local"] if s["filter"] == "flexible-extract"]
    assert len(flexible) == len(rows["gsm8k_local"]) == LIMIT
    for sample, row in zip(flexible, rows["gsm8k_local"], strict=True):
        assert row["prompt"] == sample["arguments"][0][0]
        assert row["response"] == sample["resps"][0][0]
        assert row["score"] == sample["exact_match"]
        assert row["extracted"] == sample["filtered_resps"][0]
    for sample, row in zip(theirs["choices_local"], rows["choices_local"], strict=True):
        assert row["score"] == sample["acc"]


def test_lm_eval_runs_on_our_engine_with_the_same_answers(other_checkpoint, data_dir, tmp_path):
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    torch.set_num_threads(1)
    names = _stock(tmp_path, data_dir)
    samples = [
        simple_evaluate(
            model=model,
            tasks=names,
            limit=LIMIT,
            task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
            bootstrap_iters=0,
        )["samples"]
        for model in (
            HFLM(pretrained=str(other_checkpoint), device="cpu", dtype="float32", batch_size=1),
            EngineLM(HfEngine(other_checkpoint)),
        )
    ]
    for theirs, ours in zip(samples[0][names[0]], samples[1][names[0]], strict=True):
        assert ours["resps"] == theirs["resps"]
    for theirs, ours in zip(samples[0][names[1]], samples[1][names[1]], strict=True):
        for their, our in zip(theirs["filtered_resps"], ours["filtered_resps"], strict=True):
            assert our[0] == pytest.approx(their[0], abs=1e-3)
            assert our[1] == their[1]


class Scripted(ConstantEngine):
    """Answers each prompt as a script says: no model, so both sides score the same texts."""

    def __init__(self, script: Callable[[str], str]) -> None:
        super().__init__("scripted")
        self.script = script

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Batch]:
        yield [(i, Response(self.script(r.prompt), 1, 1)) for i, r in enumerate(requests)]


def _theirs(names: Sequence[str], folder: Path, engine: Scripted) -> dict[str, list[Any]]:
    """Return lm-eval's samples by task, in file order, the engine answering."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    samples = simple_evaluate(
        model=EngineLM(engine),
        tasks=list(names),
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
    )["samples"]
    return {name: sorted(samples[name], key=lambda sample: sample["doc_id"]) for name in names}


def _point_at(folder: Path, name: str, stock: str, data: Path) -> str:
    """Write a stock lm-eval task under another name, its data a local file."""
    import lm_eval

    (folder / f"{name}.yaml").write_text(
        f"include: {Path(lm_eval.__file__).parent}/tasks/{stock}.yaml\n"
        f"task: {name}\ntag: null\ndataset_path: json\ndataset_name: null\ntest_split: test\n"
        f"dataset_kwargs: {{data_files: {{test: {data}}}}}\n"
    )
    return name


def _ours(task: str, engine: Scripted, folder: Path) -> list[dict[str, Any]]:
    somebody = Checkpoint(folder, "0" * 64, "scripted")
    cache = ResponseStore(folder / "responses")
    examination = examine(somebody, suite_of_tasks([task]), engine, cache, data_dir=folder)
    rows: list[dict[str, Any]] = examination.rows.to_pylist()
    return rows


MATH_FORMS = (
    "So the answer is ${gold}$.",
    "Thus \\boxed{{{gold}}}.",
    "Final Answer: The final answer is ${gold}$. I hope it is correct.",
    "Thus \\boxed{{{wrong}}}.",
    "First \\boxed{{{wrong}}}, no: \\boxed{{{gold}}}",
    "I do not know.",
    "{solution}",
    "Final Answer: The final answer is ${wrong}$. I hope it is correct.",
)
FORMULA, BOX, PHRASE, _, TWO_BOXES, _, SOLUTION, _ = range(len(MATH_FORMS))


def test_math_500_scores_as_lm_eval_does(data_dir, tmp_path, monkeypatch):
    """Scripted answers to MATH-500: a formula, boxes, the Minerva phrase; right, wrong and none.

    The prompt and `math_verify`, lm-eval's flexible metric, are the same for every sample but one
    kind; the two strict metrics agree wherever the answer has the one form that they read:

    * two boxes, the right one last: the published rule takes the last box, so we say right;
      math-verify reads several boxes as one answer of several parts and says wrong;
    * `exact_match` of `minerva_math500` reads the Minerva phrase alone, so it is 0 for a right
      answer in a box or a formula;
    * `exact_match` of `hendrycks_math500` reads what stands between the first and the last dollar
      sign (else the whole text), so it is 0 for a box, and for a solution with several formulas.

    lm-eval's check for the ANTLR version that its own LaTeX parser wants is answered here: the
    parser is not needed for answers spelt as the reference spells them.
    """
    pytest.importorskip("antlr4")
    version = importlib.metadata.version
    wanted = {"antlr4-python3-runtime": "4.11.1"}
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: wanted.get(name) or version(name)
    )
    lines = (data_dir / "math500_test.jsonl").read_text().splitlines()[:80]
    data = tmp_path / "math500_test.jsonl"
    data.write_text("\n".join(lines) + "\n")
    rows = [json.loads(line) for line in lines]
    answers = {}
    for place, row in enumerate(rows):
        after = [*rows[place + 1 :], *rows[:place]]
        wrong = next(other["answer"] for other in after if other["answer"] != row["answer"])
        form = MATH_FORMS[place % len(MATH_FORMS)]
        answers[row["problem"].strip()] = form.format(
            gold=row["answer"], wrong=wrong, solution=row["solution"]
        )

    def script(prompt: str) -> str:
        asked = prompt.rpartition("Problem:")[2]
        return answers[asked.removesuffix("Solution:").removesuffix("Answer:").strip()]

    engine = Scripted(script)
    minerva = _point_at(tmp_path, "minerva_local", "minerva_math/minerva_math500", data)
    hendrycks = _point_at(tmp_path, "hendrycks_local", "hendrycks_math/hendrycks_math500", data)
    theirs = _theirs([minerva, hendrycks], tmp_path, engine)
    ours = _ours("math500_4shot", engine, tmp_path)
    assert len(ours) == len(theirs[minerva]) == len(theirs[hendrycks]) == len(rows)
    right = {FORMULA, BOX, PHRASE, TWO_BOXES, SOLUTION}
    for place, row in enumerate(ours):
        form = place % len(MATH_FORMS)
        flexible, strict = theirs[minerva][place], theirs[hendrycks][place]
        assert row["prompt"] == flexible["arguments"][0][0]
        assert row["response"] == flexible["resps"][0][0]
        assert row["score"] == (form in right)
        assert flexible["math_verify"] == (0 if form == TWO_BOXES else row["score"])
        assert flexible["exact_match"] == (row["score"] if form == PHRASE else 0)
        # Of the forms with one formula the phrase and the plain sentence are right.
        assert strict["exact_match"] == (row["score"] if form in (FORMULA, PHRASE) else 0)


# lm-eval reads these two with nltk's "punkt" data, which it downloads.
NEEDS_DOWNLOAD = {"length_constraints:number_sentences", "change_case:capital_word_frequency"}
PROSE = "the river runs past the old mill and the children walk home along the bank in summer"
IFEVAL_FORMS = (
    "{prompt}\n\n"
    + PROSE
    + ".\n\n* one point\n* another\n\nP.S. Do not forget [name] and [address].",
    "<<A title>>\n\n" + " ".join([PROSE] * 20),
    '"' + PROSE.upper() + '"',
    '```json\n["' + PROSE + '"]\n```',
    "Section 1\nWords, *marked* and **more marked** here.\n***\nSECTION 2\n*again*.\n***\nThree, "
    "with a comma.\n\nIs there anything else I can help with?",
    "First answer to the request.\n******\nSecond answer, quite another one.",
    "Sure, here it is:\n\n" + PROSE + "\n\nMy answer is yes.",
    "",
)


@pytest.mark.parametrize("shift", [0, 3, 6])
def test_ifeval_scores_as_lm_eval_does(data_dir, tmp_path, monkeypatch, shift):
    """Eight scripted answers over IFEval's prompts: every instruction, strict and loose.

    Both sides agree on every instruction but for what is named here:

    * `keywords:letter_frequency` with a letter that is none ("#", "!"): lm-eval draws a letter at
      random in its place, so its verdict changes from run to run; we count the character;
    * prompts with `length_constraints:number_sentences` or `change_case:capital_word_frequency`
      are left out: lm-eval downloads nltk's "punkt" data for them, and we split by rules of our
      own (`evals.verifiers.sentences`), which have tests of their own.

    The language is detected with a fixed seed on both sides; lm-eval by itself sets none.
    """
    nltk = pytest.importorskip("nltk")
    langdetect = pytest.importorskip("langdetect")
    pytest.importorskip("immutabledict")
    monkeypatch.setattr(nltk, "download", lambda *_, **__: False)
    monkeypatch.setattr(langdetect.DetectorFactory, "seed", 0)
    lines = (data_dir / "ifeval_input.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    kept = [row for row in rows if not NEEDS_DOWNLOAD & set(row["instruction_id_list"])]
    data = tmp_path / "ifeval_input.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in kept))
    answers = {
        row["prompt"]: IFEVAL_FORMS[(place + shift) % 8].replace("{prompt}", row["prompt"])
        for place, row in enumerate(kept)
    }
    engine = Scripted(answers.__getitem__)
    name = _point_at(tmp_path, "ifeval_local", "ifeval/ifeval", data)
    theirs = _theirs([name], tmp_path, engine)[name]
    ours = _ours("ifeval", engine, tmp_path)
    assert len(ours) == len(theirs) == len(kept)
    followed = 0
    for row, sample, document in zip(ours, theirs, kept, strict=True):
        assert row["prompt"] == sample["arguments"][0][0]
        details = json.loads(row["details"])
        same = []
        for place, (identity, kwargs) in enumerate(
            zip(document["instruction_id_list"], document["kwargs"], strict=True)
        ):
            letter = kwargs.get("letter") or "a"
            same.append(identity != "keywords:letter_frequency" or letter.isalpha())
            for rule in ("strict", "loose"):
                mine, their = details[f"instructions_{rule}"], sample[f"inst_level_{rule}_acc"]
                assert not same[-1] or mine[place] == their[place], (identity, kwargs, rule)
                followed += mine[place]
        if all(same):
            assert row["score"] == sample["prompt_level_loose_acc"]
            assert details["prompt_strict"] == sample["prompt_level_strict_acc"]
    assert 200 < followed < 600
