"""The semantic stage: sentence embeddings confirm what rare words and numbers only suggest.

The model is a folder or a hub name that `transformers` can load; its token embeddings are averaged
and normalised, as the sentence-transformers models are trained for. Only pairs that the lexical
stages nominate are embedded, so that a scan stays a matter of reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decontam.index import ExamIndex
from decontam.second import SCALE
from decontam.verdicts import REPHRASED
from proctor.errors import ProctorError

MOST_TOKENS = 256
MOST_CHARACTERS = 2000
BATCH = 32
NOMINATED = 0.10  # likeness from which on a pair is worth embedding
LEAST = 0.92  # of cosine + LIKENESS * likeness; 3 in 1,000 GSM8K training questions reach it
LIKENESS = 0.5


class Encoder:
    """Embeds texts with one model; holds it in memory until it is let go."""

    def __init__(self, model: str | Path) -> None:
        import torch
        import transformers

        try:
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(str(model))
            self._model: Any = transformers.AutoModel.from_pretrained(str(model))
        except (OSError, ValueError) as error:
            raise ProctorError(
                f"no sentence model can be loaded from {model} ({error}): give a folder with "
                "config.json, model.safetensors and a tokenizer"
            ) from error
        self._torch = torch
        self._model.eval()

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return an array (texts, dimensions) of unit length rows."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows: dict[int, npt.NDArray[np.float32]] = {}
        for first in range(0, len(order), BATCH):
            picked = order[first : first + BATCH]
            held = self._tokenizer(
                [texts[i] for i in picked],
                padding=True,
                truncation=True,
                max_length=MOST_TOKENS,
                return_tensors="pt",
            )
            with self._torch.inference_mode():
                states = self._model(**held).last_hidden_state
            mask = held["attention_mask"].unsqueeze(-1)
            means = (states * mask).sum(1) / mask.sum(1)
            means = self._torch.nn.functional.normalize(means, dim=1).numpy()
            rows.update(zip(picked, means, strict=True))
        return np.stack([rows[i] for i in range(len(texts))]) if texts else np.zeros((0, 1), "f4")


def confirmed(
    encoder: Encoder,
    index: ExamIndex,
    texts_of: Callable[[int], list[str]],
    pairs: list[list[int]],
) -> list[list[int]]:
    """Return (document, unit, verdict, scaled likeness) pairs without those nominated as
    paraphrases that the embeddings do not bear out."""
    doubtful = [pair for pair in pairs if pair[2] == REPHRASED]
    texts: dict[str, int] = {}
    wanted = []
    for document, unit, _, scaled in doubtful:
        held = [text for text in texts_of(document) if text.strip()]
        own = texts.setdefault(index.text_of(unit), len(texts))
        # A turn by itself, or the whole: a question stands alone or is spread over a chat.
        there = [texts.setdefault(text[:MOST_CHARACTERS], len(texts)) for text in held]
        wanted.append((document, unit, own, there, scaled / SCALE))
    rows = encoder.encode(list(texts))
    borne_out = {
        (document, unit)
        for document, unit, own, there, likeness in wanted
        if max((float(rows[own] @ rows[t]) for t in there), default=0.0) + LIKENESS * likeness
        >= LEAST
    }
    return [p for p in pairs if p[2] != REPHRASED or (p[0], p[1]) in borne_out]
