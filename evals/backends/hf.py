"""The transformers backend: one model in this process, on the GPU where there is one.

Prompts are grouped by length and decoded in batches bounded by rows and by the memory of their
key-value cache. Greedy answers do not depend on the batch beyond float rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from evals.backends import Batch
from evals.backends.answers import finished, fits, refused
from evals.backends.decoding import decode_batch
from evals.backends.folder import Dtype, ModelFolder, load_part
from evals.records import Request, Response, Sampling
from proctor.memory import keep_freed_memory

_CPU_CACHE_BYTES = 2 << 30
_GPU_CACHE_SHARE = 0.6
_LOGIT_CELLS = 1 << 27


class HfEngine:
    """Answers with `transformers`. Weights are safetensors only, and no remote code runs.

    Args:
        folder: the checkpoint.
        device: "cuda", "cpu"…; by default the GPU where there is one.
        dtype: "auto" is the checkpoint's own on a GPU and float32 on the CPU.
        batch_size: the most rows at once.

    Raises:
        ProctorError: the folder does not hold a model that loads.
    """

    name = "hf"
    devices = 1

    def __init__(
        self,
        folder: Path,
        *,
        device: str | None = None,
        dtype: Dtype = "auto",
        batch_size: int = 256,
    ) -> None:
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        if self.device == "cpu":
            keep_freed_memory()
        self._wanted: Dtype = dtype
        self.batch_size = batch_size
        transformers.utils.logging.disable_progress_bar()
        self.version = (
            f"transformers-{transformers.__version__}+torch-{torch.__version__}"
            f"+{self.device.split(':')[0]}"
        )
        self.swap(folder)

    def swap(self, folder: Path) -> None:
        """Take another checkpoint; its weights are read when the first request comes."""
        self._model: Any = None
        self.source = ModelFolder(folder)
        self.codec, self.max_length = self.source.codec, self.source.max_length
        self.dtype = self.source.dtype(self._wanted, cpu=self.device == "cpu")

    def load(self) -> None:
        """Read the weights, unless that is done."""
        _ = self.model

    @property
    def model(self) -> Any:
        """The model, loaded when it is first needed."""
        if self._model is None:
            weights = load_part(
                "model",
                "AutoModelForCausalLM",
                self.source.path,
                dtype=self.dtype,
                use_safetensors=True,
            )
            self._model = weights.to(self.device).eval()
        return self._model

    @property
    def has_chat_template(self) -> bool:
        """Whether the checkpoint brings a chat template."""
        return self.codec.has_chat_template

    def render(self, messages: Sequence[Mapping[str, str]], open_answer: bool) -> str:
        """Return a conversation through the chat template."""
        return self.codec.render(messages, open_answer)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Batch]:
        """Yield responses batch by batch, longest prompts first."""
        prompts = self.codec.encode([request.prompt for request in requests])
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        wanted = [i for i in order if fits(len(prompts[i]), self.max_length)]
        if len(wanted) < len(order):
            unfit = sorted(set(order) - set(wanted))
            yield [(i, refused(len(prompts[i]), self.max_length)) for i in unfit]
        for places in self._batches(wanted, prompts, sampling.max_tokens):
            yield self._decode(places, prompts, requests, sampling)

    def _decode(
        self,
        places: Sequence[int],
        prompts: Sequence[list[int]],
        requests: Sequence[Request],
        sampling: Sampling,
    ) -> Batch:
        limits = [min(sampling.max_tokens, self.max_length - len(prompts[i])) for i in places]
        answers = decode_batch(
            self.model,
            [prompts[i] for i in places],
            limits=limits,
            eos=self.source.eos,
            pad=self.codec.pad,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seeds=[requests[i].seed for i in places],
            stopped=self.codec.stop_finder(sampling.stop),
        )
        return [
            (i, finished(self.codec, len(prompts[i]), tokens, sampling.stop, self.source.eos))
            for i, tokens in zip(places, answers, strict=True)
        ]

    def _batches(
        self, order: Sequence[int], prompts: Sequence[list[int]], new: int
    ) -> Iterator[list[int]]:
        """Cut positions, longest prompt first, into batches that fit the memory."""
        room = self._cache_tokens()
        start = 0
        while start < len(order):
            width = len(prompts[order[start]]) + min(new, self.max_length)
            rows = max(1, min(self.batch_size, room // width))
            yield list(order[start : start + rows])
            start += rows

    def _cache_tokens(self) -> int:
        """Return how many tokens of key-value cache fit in memory."""
        config: Any = self.model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        # The buffers double while they grow, and the prompt's activations stand beside them.
        cells = config.num_hidden_layers * heads * size
        each = 3 * 2 * int(cells) * int(self.model.dtype.itemsize)
        if self.device.startswith("cuda"):
            free, _ = torch.cuda.mem_get_info()
            return max(1, int(_GPU_CACHE_SHARE * free) // each)
        return max(1, _CPU_CACHE_BYTES // each)

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> Iterator[Batch]:
        """Yield the log-likelihood of each continuation after its context."""
        encoded = [self.codec.encode_pair(*pair) for pair in pairs]
        order = sorted(range(len(pairs)), key=lambda i: -sum(map(len, encoded[i])))
        good = []
        for i in order:
            context, tail = encoded[i]
            if not context or not tail or len(context) + len(tail) > self.max_length:
                yield [(i, refused(len(context) + len(tail), self.max_length))]
            else:
                good.append(i)
        room, cells = self._cache_tokens(), _LOGIT_CELLS // self.model.config.vocab_size
        start = 0
        while start < len(good):
            width = sum(map(len, encoded[good[start]]))
            rows = max(1, min(self.batch_size, room // width, cells // width))
            places = good[start : start + rows]
            yield self._weigh(places, [encoded[i] for i in places])
            start += rows

    @torch.inference_mode()
    def _weigh(self, places: Sequence[int], pairs: Sequence[tuple[list[int], list[int]]]) -> Batch:
        # The last token is predicted from the ones before it and never read. Padding is on the
        # right, where causal attention cannot see it.
        texts = [(context + tail)[:-1] for context, tail in pairs]
        width = max(map(len, texts))
        ids = torch.tensor([t + [self.codec.pad] * (width - len(t)) for t in texts])
        logits = self.model(input_ids=ids.to(self.device), use_cache=False).logits
        batch: Batch = []
        for row, (place, (context, tail)) in enumerate(zip(places, pairs, strict=True)):
            scores = logits[row, len(context) - 1 : len(texts[row])].float().log_softmax(-1).cpu()
            target = torch.tensor(tail)
            total = float(scores.gather(-1, target[:, None]).sum())
            greedy = bool((scores.argmax(-1) == target).all())
            batch.append(
                (place, Response("", len(context), len(tail), logprob=total, greedy=greedy))
            )
        return batch

    def close(self) -> None:
        """Free the model."""
        self._model = None
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
