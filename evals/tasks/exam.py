"""An exam: a task with its instances, ready to be asked.

Builds the conversations of a task through lm-eval's few-shot code; knows neither a model nor how
a response is scored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from evals.data import digest_documents, document_bytes
from evals.records import Sampling, replace_surrogates
from evals.tasks.meta import TaskMeta

# lm-eval's own default, so that random few-shot examples are the ones `lm_eval run` draws.
FEW_SHOT_SEED = 1234
_DEFAULT_MAX_TOKENS = 256


class Instance(NamedTuple):
    """One item of a task; `id` is stable under reordering, `cluster` groups related items."""

    id: str
    document: Mapping[str, Any]
    cluster: str | None


class Conversation(NamedTuple):
    """A prompt before any chat template; `messages` is empty where `text` is the whole prompt.

    `open_answer` says that the last message is the beginning of the assistant's answer.
    """

    text: str
    messages: tuple[Mapping[str, str], ...] = ()
    open_answer: bool = False


@dataclass(frozen=True)
class Exam:
    """A loaded task. `task` is lm-eval's object; `limit` is set when only the first n count."""

    name: str
    meta: TaskMeta
    task: Any
    instances: tuple[Instance, ...]
    data_digest: str
    sampling: Sampling
    repeats: int
    few_shot: int
    family: str
    limit: int | None = None

    @property
    def output_type(self) -> str:
        """lm-eval's kind of request: generate_until, multiple_choice, loglikelihood."""
        return str(self.task.OUTPUT_TYPE)

    @property
    def categories(self) -> dict[str, str]:
        """Category by instance id, as the field that `metadata.category` names says it."""
        field = self.meta.category
        return {
            instance.id: str(instance.document[field])
            for instance in self.instances
            if field and instance.document.get(field) not in (None, "")
        }

    def conversations(self, chat: bool) -> Iterator[Conversation | list[Conversation]]:
        """Yield every instance's prompt in order; several for multiple-input tasks.

        In order always, because a random few-shot sampler is one sequence of draws.
        """
        self.task.set_fewshot_seed(seed=FEW_SHOT_SEED)
        for instance in self.instances:
            document = dict(instance.document)
            built = self.task.fewshot_context(
                document,
                num_fewshot=self.few_shot,
                system_instruction=self.meta.system,
                apply_chat_template=chat,
                fewshot_as_multiturn=True,
                chat_template=_capture if chat else None,
                gen_prefix=self.task.doc_to_prefix(document),
            )
            if isinstance(built, list):
                yield [_conversation(one) for one in built]
            else:
                yield _conversation(built)

    def question(self, instance: Instance) -> str:
        """Return the instance's own text without few-shot examples: what a leak would hold."""
        return str(self.task.doc_to_text(dict(instance.document)))

    def target(self, instance: Instance) -> str:
        """Return the reference answer as text, empty where the task has none."""
        target = self.task.doc_to_target(dict(instance.document))
        if isinstance(target, int) and self.task.config.doc_to_choice is not None:
            choices = self.task.doc_to_choice(dict(instance.document))
            return str(choices[target]) if 0 <= target < len(choices) else ""
        if isinstance(target, list):
            return str(target[0]) if target else ""
        return "" if isinstance(target, int) else str(target)


def _capture(messages: list[dict[str, str]], add_generation_prompt: bool) -> Conversation:
    clean = tuple(
        {"role": m["role"], "content": replace_surrogates(m["content"])} for m in messages
    )
    return Conversation("", clean, not add_generation_prompt)


def _conversation(built: str | Conversation) -> Conversation:
    return Conversation(replace_surrogates(built)) if isinstance(built, str) else built


def instances_of(documents: Any, meta: TaskMeta) -> tuple[Instance, ...]:
    """Return the documents as instances, their ids unique.

    The id is the field `meta.id`, else the first 16 hex digits of the document's digest; where
    that repeats, "-2", "-3"… is added in order.
    """
    seen: dict[str, int] = {}
    found = []
    for document in documents:
        named = document.get(meta.id) if meta.id else None
        if named is None:
            named = hashlib.sha256(document_bytes(document)).hexdigest()[:16]
        name = str(named)
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name}-{seen[name]}"
        cluster = document.get(meta.cluster) if meta.cluster else None
        found.append(Instance(unique, document, None if cluster is None else str(cluster)))
    return tuple(found)


def sampling_from(options: Mapping[str, Any], seed: int = 0) -> Sampling:
    """Return the sampling that lm-eval's `generation_kwargs` mean.

    Lengths and temperature are read as `lm_eval.models.utils.normalize_gen_kwargs` reads them.
    """
    aliases = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
    lengths = [options[key] for key in aliases if options.get(key) is not None]
    until = options.get("until") or []
    temperature = float(options.get("temperature") or 0.0)
    if options.get("do_sample") is False:
        temperature = 0.0
    elif options.get("do_sample") and "temperature" not in options:
        temperature = 1.0
    return Sampling(
        max_tokens=int(lengths[0]) if lengths else _DEFAULT_MAX_TOKENS,
        temperature=temperature,
        top_p=float(options.get("top_p", 1.0)),
        stop=tuple(s for s in ([until] if isinstance(until, str) else until) if s),
        seed=seed if temperature > 0 else 0,
    )


def digest_instances(instances: tuple[Instance, ...]) -> str:
    """Return the content digest of a task's instances."""
    return digest_documents(instance.document for instance in instances)
