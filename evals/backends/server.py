"""Any OpenAI-compatible server: `vllm serve`, SGLang, llama.cpp, a hosted endpoint.

With a checkpoint folder the prompt is tokenised here and sent to `/completions`, so that a server
answers the very tokens other backends would; without one, conversations go to `/chat/completions`.
Requests are tried again when the server is busy, fails or drops the connection.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from evals.backends import Batch
from evals.backends.answers import finished, fits, refused
from evals.backends.folder import ModelFolder
from evals.records import Request, Response, Sampling
from proctor.errors import ProctorError, UsageError

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_HOPELESS = frozenset({401, 403, 404})
_MOST_WAIT = 60.0
_MOST_BYTES = 64 << 20
_DEAD_AFTER = 8


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try: seconds and counts."""

    timeout: float = 600.0
    tries: int = 6
    first_wait: float = 0.5


class ServerEngine:
    """Answers through HTTP.

    Args:
        url: the base, such as `http://localhost:8000/v1`; https and http only.
        folder: the served checkpoint, for its tokenizer and template.
        model: the model's name on the server; by default the first it lists.
        concurrency: the most requests at once.
        patience: timeout and tries of a request.
        key: sent as a bearer token; by default OPENAI_API_KEY.

    Raises:
        ProctorError: the server cannot be reached or lists no model.
    """

    name = "server"

    def __init__(
        self,
        url: str,
        *,
        folder: Path | None = None,
        model: str | None = None,
        concurrency: int = 32,
        patience: Patience = Patience(),
        key: str | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{url!r} is not a server's address: give http://HOST:PORT/v1")
        self.url = url.rstrip("/")
        self.concurrency = concurrency
        self.patience = patience
        token = key if key is not None else os.environ.get("OPENAI_API_KEY", "")
        self._headers = {"content-type": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._pool = urllib3.PoolManager(maxsize=concurrency, retries=False)
        self._failures = 0
        self._given_up = threading.Event()
        self.source = ModelFolder(folder) if folder is not None else None
        self.max_length = self.source.max_length if self.source else 1 << 30
        listed = self._models()
        self.model = model or str(listed[0]["id"])
        about = next((entry for entry in listed if entry.get("id") == self.model), {})
        self.max_length = min(self.max_length, int(about.get("max_model_len") or 1 << 30))
        # What the server cuts answers at shapes them as much as the model does.
        self.version = f"{self.model}@{about.get('owned_by', 'unknown')}+max-{self.max_length}"
        self.dtype = "served"

    def _models(self) -> list[dict[str, Any]]:
        status, body = self._once("GET", "/models", None)
        listed = body.get("data") if isinstance(body, Mapping) else None
        if status != 200 or not listed:
            raise ProctorError(f"the server at {self.url} lists no model (status {status})")
        return [dict(entry) for entry in listed]

    def swap(self, folder: Path) -> None:
        """Refuse: a server keeps the model it was started with.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"the server at {self.url} keeps its model: examine one checkpoint per server, "
            "or use --backend vllm"
        )

    @property
    def has_chat_template(self) -> bool:
        """Whether conversations can be sent: by the folder's template, else by the server's."""
        return self.source is None or self.source.codec.has_chat_template

    def render(self, messages: Sequence[Mapping[str, str]], open_answer: bool) -> str:
        """Return a conversation through the template; without a folder, as JSON."""
        if self.source is not None:
            return self.source.codec.render(messages, open_answer)
        return json.dumps({"messages": [dict(m) for m in messages], "open": open_answer})

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Batch]:
        """Yield responses as they come."""
        jobs: list[tuple[int, list[int], dict[str, Any]]] = []
        prompts = self._tokens(requests)
        unfit: Batch = []
        for i, (request, tokens) in enumerate(zip(requests, prompts, strict=True)):
            if self.source is not None and not fits(len(tokens), self.max_length):
                unfit.append((i, refused(len(tokens), self.max_length)))
            else:
                jobs.append((i, tokens, self._body(request, tokens, sampling)))
        if unfit:
            yield unfit
        yield from self._run(jobs, sampling)

    def _tokens(self, requests: Sequence[Request]) -> list[list[int]]:
        if self.source is None:
            return [[] for _ in requests]
        return self.source.codec.encode([request.prompt for request in requests])

    def _body(self, request: Request, tokens: Sequence[int], sampling: Sampling) -> dict[str, Any]:
        room = self.max_length - len(tokens)
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": min(sampling.max_tokens, room),
            "temperature": sampling.temperature,
        }
        if sampling.temperature > 0:
            body |= {"top_p": sampling.top_p, "seed": request.seed}
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if self.source is not None:
            # vLLM hands the new tokens over when asked; other servers ignore the field.
            return body | {"prompt": list(tokens), "return_token_ids": True}
        if request.prompt.startswith('{"messages":'):
            conversation = json.loads(request.prompt)
            if conversation["open"]:
                body |= {"continue_final_message": True, "add_generation_prompt": False}
            return body | {"messages": conversation["messages"]}
        return body | {"messages": [{"role": "user", "content": request.prompt}]}

    def _run(
        self, jobs: Sequence[tuple[int, list[int], dict[str, Any]]], sampling: Sampling
    ) -> Iterator[Batch]:
        waiting = iter(jobs)
        self._given_up.clear()
        with ThreadPoolExecutor(self.concurrency) as workers:
            running: dict[Future[Response], int] = {}

            def start() -> None:
                for place, tokens, body in waiting:
                    running[workers.submit(self._answer, tokens, body, sampling)] = place
                    if len(running) >= 2 * self.concurrency:
                        return

            try:
                start()
                while running:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    batch = [(running.pop(future), future.result()) for future in done]
                    start()
                    yield batch
            finally:
                self._given_up.set()
                workers.shutdown(wait=False, cancel_futures=True)

    def _answer(
        self, tokens: Sequence[int], body: Mapping[str, Any], sampling: Sampling
    ) -> Response:
        path = "/completions" if self.source is not None else "/chat/completions"
        outcome = self._patiently(path, body)
        if isinstance(outcome, str):
            return Response("", len(tokens), 0, error=outcome)
        try:
            choice = outcome["choices"][0]
            usage = outcome.get("usage") or {}
            ended = choice.get("finish_reason") != "length"
            new = choice.get("token_ids")
            if self.source is not None and new is not None:
                codec, eos = self.source.codec, self.source.eos
                return finished(codec, len(tokens), new, sampling.stop, eos, ended=ended)
            text = choice["text"] if self.source is not None else choice["message"]["content"]
            return Response(
                str(text or ""),
                int(usage.get("prompt_tokens") or len(tokens)),
                int(usage.get("completion_tokens") or 0),
                "stop" if ended else "length",
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            return Response(
                "", len(tokens), 0, error=f"the server's answer is malformed: {error!r}"
            )

    def _patiently(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | str:
        """Return the server's answer, or the sentence that says why there is none.

        Raises:
            ProctorError: the server refuses every request, or has failed many in a row.
        """
        reason = ""
        pause = self.patience.first_wait
        for attempt in range(self.patience.tries):
            if attempt:
                # Spread out, so that all that were turned away do not come back together.
                if self._given_up.wait(pause * (0.5 + random.random())):
                    break
                pause = min(2 * pause, _MOST_WAIT)
            try:
                status, answer = self._once("POST", path, body)
            except ProctorError as error:
                reason = str(error)
                continue
            if status == 200 and isinstance(answer, dict):
                self._failures = 0
                return answer
            reason = f"status {status}: {_message(answer)}"
            if status in _HOPELESS:
                raise ProctorError(f"the server at {self.url} refuses requests ({reason})")
            if status not in _AGAIN:
                return f"the server refused the request ({reason})"
            pause = max(pause, min(_MOST_WAIT, _retry_after(answer)))
        self._failures += 1
        if self._failures >= _DEAD_AFTER:
            raise ProctorError(
                f"the server at {self.url} failed {self._failures} requests in a row, each tried "
                f"{self.patience.tries} times ({reason}): what is answered is kept; run the same "
                "command when it is back"
            )
        return f"no answer after {self.patience.tries} tries ({reason})"

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, Any]:
        try:
            response = self._pool.request(
                method,
                self.url + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=self._headers,
                timeout=urllib3.Timeout(connect=10.0, read=self.patience.timeout),
                redirect=False,
                preload_content=False,
            )
            try:
                data = response.read(_MOST_BYTES + 1)
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ProctorError(
                f"the server at {self.url} does not answer ({type(error).__name__})"
            ) from error
        if len(data) > _MOST_BYTES:
            raise ProctorError(f"the server at {self.url} sent over {_MOST_BYTES >> 20} MiB")
        try:
            answer: Any = json.loads(data)
        except (ValueError, RecursionError):
            answer = {"error": {"message": data[:200].decode("utf-8", "replace")}}
        if isinstance(answer, dict) and "retry-after" in response.headers:
            answer["retry_after"] = response.headers["retry-after"]
        return response.status, answer

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> Iterator[Batch]:
        """Yield errors: the OpenAI protocol does not give the likelihood of a given text."""
        reason = "log-likelihood tasks need --backend hf or vllm"
        yield [(i, Response("", 0, 0, error=reason)) for i in range(len(pairs))]

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()


def _message(answer: Any) -> str:
    error = answer.get("error", answer) if isinstance(answer, Mapping) else answer
    text = error.get("message", error) if isinstance(error, Mapping) else error
    return " ".join(str(text).split())[:200]


def _retry_after(answer: Any) -> float:
    try:
        return float(answer["retry_after"])
    except (KeyError, TypeError, ValueError):
        return 0.0
