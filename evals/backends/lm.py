"""An engine as an lm-eval model, so that `lm_eval` itself can run on it.

For side-by-side runs and for users of `lm_eval.simple_evaluate(model=EngineLM(engine), …)`; the
examiner does not need it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lm_eval.api.model import LM

from evals.backends import Engine
from evals.records import Request, Response, sample_seed
from evals.tasks.exam import sampling_from
from proctor.errors import ProctorError


class EngineLM(LM):  # type: ignore[misc]
    """Serves lm-eval's requests from an engine.

    Args:
        engine: holds the checkpoint.
        seed: of sampled responses.
    """

    def __init__(self, engine: Engine, *, seed: int = 0) -> None:
        super().__init__()
        self.engine = engine
        self.seed = seed

    @property
    def tokenizer_name(self) -> str:
        """A name for lm-eval's request cache: engine, version and dtype."""
        return f"{self.engine.name}-{self.engine.version}-{self.engine.dtype}"

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Return a placeholder: the engine renders conversations itself."""
        return "engine" if chat_template else None

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return a conversation through the checkpoint's chat template."""
        return self.engine.render(chat_history, not add_generation_prompt)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Return one text per request; requests that share their options go together.

        Raises:
            ProctorError: a request cannot be answered.
        """
        groups: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            groups.setdefault(json.dumps(request.args[1], sort_keys=True), []).append(place)
        texts = [""] * len(requests)
        for options, places in groups.items():
            sampling = sampling_from(json.loads(options), self.seed)
            asked = [
                Request(prompt, sample_seed(self.seed, prompt, 0))
                for prompt in (requests[place].args[0] for place in places)
            ]
            for batch in self.engine.generate(asked, sampling):
                for position, response in batch:
                    texts[places[position]] = _checked(response).text
        return texts

    def loglikelihood(
        self, requests: list[Any], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """Return (log-likelihood, is greedy) per request.

        Raises:
            ProctorError: a request cannot be answered.
        """
        pairs: Sequence[tuple[str, str]] = [request.args for request in requests]
        found: dict[int, tuple[float, bool]] = {}
        for batch in self.engine.loglikelihood(pairs):
            for position, response in batch:
                weighed = _checked(response)
                found[position] = (float(weighed.logprob or 0.0), bool(weighed.greedy))
        return [found[place] for place in range(len(pairs))]

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """Refuse: perplexity tasks are not examined here.

        Raises:
            ProctorError: always.
        """
        raise ProctorError("perplexity tasks are not supported: use lm-eval's own backends")


def _checked(response: Response) -> Response:
    if response.error is not None:
        raise ProctorError(f"a request could not be answered: {response.error}")
    return response
