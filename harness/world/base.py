"""The base model of the small world: tokenizer, random weights, one minute of reading.

170 thousand parameters in a Llama configuration. Trained with a fixed number of steps on one
thread so that two runs on one machine give the same weights. Not a trainer for anything else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.world.prose import prose
from proctor.digest import digest_json
from proctor.memory import keep_freed_memory

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ("<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{% for m in messages %}"
    "{% if m.role == 'assistant' %}<|assistant|>"
    "{% generation %}{{ m.content }}<|end|>{% endgeneration %}"
    "{% else %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@dataclass(frozen=True)
class BaseSettings:
    """All that determines the base model's weights."""

    seed: int = 0
    vocabulary: int = 1024
    hidden: int = 64
    layers: int = 2
    heads: int = 4
    intermediate: int = 192
    context: int = 2048
    steps: int = 1500
    batch: int = 16
    row: int = 96
    muon_rate: float = 0.03
    adam_rate: float = 6e-3
    version: int = 1


def build_tokenizer(settings: BaseSettings) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on prose in which every digit is one token."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(r" ?\d"), behavior="isolated")
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    rng = random.Random(f"{settings.seed}:tokenizer")
    tokenizer.train_from_iterator(islice(prose(rng), 4000), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        bos_token="<|bos|>",
        eos_token="<|end|>",
        padding_side="left",
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build_model(settings: BaseSettings, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Return a Llama with random weights drawn from the seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=settings.intermediate,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=settings.context,
        tie_word_embeddings=True,
        initializer_range=0.05,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


def _batches(settings: BaseSettings, tokenizer: PreTrainedTokenizerFast) -> Iterator[torch.Tensor]:
    """Yield token ids [batch, row + 1] cut from one stream of passages."""
    import torch

    rng = random.Random(f"{settings.seed}:prose")
    passages, buffer = prose(rng), list[int]()
    need = settings.batch * (settings.row + 1)
    while True:
        while len(buffer) < need:
            for ids in tokenizer(list(islice(passages, 256)))["input_ids"]:
                buffer += [tokenizer.bos_token_id, *ids]
        yield torch.tensor(buffer[:need]).view(settings.batch, settings.row + 1)
        del buffer[:need]


def _optimizers(model: LlamaForCausalLM, settings: BaseSettings) -> list[Any]:
    import torch

    inside = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    muon = torch.optim.Muon(inside, lr=settings.muon_rate, weight_decay=0.0)
    adam = torch.optim.AdamW(rest, lr=settings.adam_rate, weight_decay=0.0, betas=(0.9, 0.98))
    decay = [
        torch.optim.lr_scheduler.LambdaLR(one, lambda step: max(0.02, 1 - step / settings.steps))
        for one in (muon, adam)
    ]
    return [muon, adam, *decay]


def train_base(
    folder: Path, settings: BaseSettings, progress: Callable[[int, int, float], None]
) -> None:
    """Train the base model and save it with its tokenizer into `folder`.

    `progress` gets (step, steps, loss) about every 50 steps.
    """
    import torch

    keep_freed_memory()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    tokenizer = build_tokenizer(settings)
    model = build_model(settings, tokenizer)
    steppers = _optimizers(model, settings)
    model.train()
    for step, ids in enumerate(islice(_batches(settings, tokenizer), settings.steps), 1):
        logits = model(input_ids=ids[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        for one in steppers:
            one.step()
        model.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == settings.steps:
            progress(step, settings.steps, float(loss.detach()))
    model.eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    torch.set_num_threads(threads)


def base_identity(settings: BaseSettings) -> dict[str, Any]:
    """Return everything that determines the base model, for its cache digest.

    The grammar of the prose is code; a long enough sample of what it makes stands for it.
    """
    import torch
    import transformers

    sample = list(islice(prose(random.Random(f"{settings.seed}:identity")), 2000))
    return {
        "settings": asdict(settings),
        "prose": digest_json(sample),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
