"""What a stage costs above bare TRL with the same settings: seconds, loss curve, memory.

    python benchmarks/train/overhead.py [--repeats 5] [--steps 60]      seconds and loss curves
    python benchmarks/train/overhead.py --memory                        peak memory

Bare TRL is a script as its documentation shows one: load, build the trainer, train, save. Both
sides train a model of 148 thousand parameters (memory: 26 million) on generated sums with the
same options, record every step and save the result. Runs alternate, and the ratio is that of
the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

Mark = namedtuple("Mark", "score")
STAGES = ("sft", "dpo", "rlvr")
TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'assistant' %}<|assistant|>"
    "{% generation %}{{ m.content }}<|end|>{% endgeneration %}"
    "{% else %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def even(instance: Mapping[str, Any], response: str) -> Mark:
    return Mark(float(bool(response) and ord(response[0]) % 2 == 0))


def make_base(folder: Path, hidden: int = 64, layers: int = 2) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=640,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([row["prompt"] + row["completion"] for row in sums(500)], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>", padding_side="left"
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=640,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=fast.pad_token_id,
        eos_token_id=fast.eos_token_id,
        bos_token_id=fast.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def sums(count: int) -> list[dict[str, str]]:
    return [
        {"prompt": f"What is {i} plus {i % 7}?", "completion": f"The answer is {i + i % 7}."}
        for i in range(count)
    ]


def rows_of(stage: str, count: int) -> list[dict[str, Any]]:
    if stage == "sft":
        return [dict(row) for row in sums(count)]
    if stage == "dpo":
        return [
            {"prompt": row["prompt"], "chosen": row["completion"], "rejected": f"It is {i}."}
            for i, row in enumerate(sums(count))
        ]
    return [
        {"prompt": row["prompt"], "scorer": "even", "instance": {"n": i}}
        for i, row in enumerate(sums(count))
    ]


def settings_of(stage: str, steps: int) -> dict[str, Any]:
    if stage == "rlvr":
        return {
            "learning_rate": 3e-4,
            "prompts": 16,
            "samples": 8,
            "max_new": 40,
            "steps": steps,
            "beta": 0.0,
            "unended": None,
            "loss_type": "dr_grpo",
            "scale_rewards": "none",
            "threads": 1,
        }
    return {"learning_rate": 1e-3, "batch_size": 32, "steps": steps, "threads": 1}


def ours(stage: str, base: Path, data: Path, out: Path, steps: int) -> list[float]:
    import importlib

    module = importlib.import_module(f"train.stages.{stage}")
    extra: dict[str, Any] = {"scorers": {"even": even}} if stage == "rlvr" else {}
    result = module.run(
        base, data, module.Settings(**settings_of(stage, steps)), out, seed=0, **extra
    )
    return [entry["loss"] for entry in result.log]


def bare(stage: str, base: Path, data: Path, out: Path, steps: int) -> list[float]:
    """Train with TRL alone, as its documentation shows it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.trainer_callback import PrinterCallback

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    trainer = {"sft": bare_sft, "dpo": bare_dpo, "rlvr": bare_grpo}[stage](
        model, tokenizer, rows, out, steps
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    trainer.save_model(str(out))
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def shared(out: Path, steps: int) -> dict[str, Any]:
    return {
        "output_dir": str(out),
        "max_steps": steps,
        "seed": 0,
        "data_seed": 0,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def bare_sft(model: Any, tokenizer: Any, rows: Any, out: Path, steps: int) -> Any:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    args = SFTConfig(
        **shared(out, steps),
        learning_rate=1e-3,
        per_device_train_batch_size=32,
        warmup_steps=0.03,
        max_length=512,
        assistant_only_loss=True,
    )
    turns = [{"messages": user(row["prompt"]) + said(row["completion"])} for row in rows]
    return SFTTrainer(
        model=model, args=args, train_dataset=Dataset.from_list(turns), processing_class=tokenizer
    )


def bare_dpo(model: Any, tokenizer: Any, rows: Any, out: Path, steps: int) -> Any:
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    args = DPOConfig(
        **shared(out, steps),
        learning_rate=1e-3,
        per_device_train_batch_size=32,
        warmup_steps=0.1,
        max_length=512,
        loss_type="sigmoid_norm",
        beta=5.0,
    )
    pairs = [
        {
            "prompt": user(row["prompt"]),
            "chosen": said(row["chosen"]),
            "rejected": said(row["rejected"]),
        }
        for row in rows
    ]
    return DPOTrainer(
        model=model, args=args, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer
    )


def bare_grpo(model: Any, tokenizer: Any, rows: Any, out: Path, steps: int) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from train.policy import prompt_order

    def reward(completions: Any, **_: Any) -> list[float]:
        return [10.0 * even({}, completion[0]["content"]).score for completion in completions]

    args = GRPOConfig(
        **shared(out, steps),
        learning_rate=3e-4,
        lr_scheduler_type="constant",
        per_device_train_batch_size=128,
        num_generations=8,
        max_completion_length=40,
        beta=0.0,
        loss_type="dr_grpo",
        scale_rewards="none",
        shuffle_dataset=False,
    )
    prompts = Dataset.from_list([{"prompt": user(row["prompt"])} for row in rows])
    return GRPOTrainer(
        model=model,
        args=args,
        reward_funcs=reward,
        train_dataset=prompts.select(prompt_order(len(rows), 16, steps, seed=0)),
        processing_class=tokenizer,
    )


def write(folder: Path, stage: str, count: int) -> Path:
    data = folder / f"{stage}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows_of(stage, count)))
    return data


Side = Callable[[str, Path, Path, Path, int], list[float]]


def compare(stage: str, repeats: int, steps: int) -> dict[str, Any]:
    sides: dict[str, Side] = {"bare": bare, "ours": ours}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    curves: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base, data = make_base(folder / "base"), write(folder, stage, 640)
        for repeat in range(repeats + 1):
            for side, run in sides.items():
                started = time.process_time()
                curves[side] = run(stage, base, data, folder / f"{side}{repeat}", steps)
                if repeat:  # the first round warms imports and caches
                    seconds[side].append(time.process_time() - started)
    medians = {side: statistics.median(values) for side, values in seconds.items()}
    return {
        "stage": stage,
        "bare_cpu_seconds": round(medians["bare"], 3),
        "ours_cpu_seconds": round(medians["ours"], 3),
        "overhead": round(medians["ours"] / medians["bare"] - 1, 4),
        "largest_loss_difference": max(
            abs(a - b) for a, b in zip(curves["bare"], curves["ours"], strict=True)
        ),
    }


def peak(stage: str, side: str) -> float:
    """Return the peak resident memory in MiB of a process that runs three steps."""
    code = (
        "import resource, sys, tempfile; from pathlib import Path; "
        f"sys.path.insert(0, {str(Path(__file__).parent)!r}); import overhead as o; "
        "folder = Path(tempfile.mkdtemp()); base = o.make_base(folder / 'base', 512, 8); "
        f"data = o.write(folder, {stage!r}, 64); "
        f"o.{side}({stage!r}, base, data, folder / 'out', 3); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    output = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, check=True, text=True
    ).stdout
    return float(output.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--stages", nargs="*", default=list(STAGES), choices=STAGES)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    for stage in options.stages:
        if options.memory:
            found = {side: round(peak(stage, side), 1) for side in ("bare", "ours")}
            print(json.dumps({"stage": stage, "peak_mib": found}), flush=True)
        else:
            print(json.dumps(compare(stage, options.repeats, options.steps)), flush=True)


if __name__ == "__main__":
    main()
