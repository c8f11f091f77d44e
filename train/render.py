"""Conversations to tokens, with the positions a loss may look at.

Every assistant turn is learnt from, its end token included; nothing else is. A template with
`{% generation %}` marks says itself what the assistant wrote. Any other template is rendered
turn by turn, and what a turn adds after the generation prompt is the assistant's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from proctor.errors import ProctorError
from train.rows import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORE = -100
_BATCH = 512


class Rendered(NamedTuple):
    """Token ids and labels per conversation; a label of -100 is left out of the loss.

    `truncated` counts conversations cut at the maximum length, `dropped` those that then had
    no assistant token left and are absent from the lists.
    """

    input_ids: list[list[int]]
    labels: list[list[int]]
    truncated: int
    dropped: int


def render(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Sequence[Message]], max_length: int
) -> Rendered:
    """Tokenise conversations through the chat template, cut at `max_length` tokens from the left.

    Raises:
        ProctorError: the template fails on a conversation, or renders an answer differently
            once more turns follow it, so that its tokens cannot be told.
    """
    marked = has_generation_marks(tokenizer)
    ids: list[list[int]] = []
    labels: list[list[int]] = []
    truncated = dropped = 0
    for start in range(0, len(conversations), _BATCH):
        batch = conversations[start : start + _BATCH]
        pairs = _by_marks(tokenizer, batch) if marked else _by_turns(tokenizer, batch)
        for row_ids, mask in pairs:
            truncated += len(row_ids) > max_length
            row_labels = [
                token if keep else IGNORE for token, keep in zip(row_ids, mask, strict=True)
            ][:max_length]
            if all(label == IGNORE for label in row_labels):
                dropped += 1
                continue
            ids.append(row_ids[:max_length])
            labels.append(row_labels)
    return Rendered(ids, labels, truncated, dropped)


def has_generation_marks(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Tell whether the chat template marks what the assistant generates."""
    template = tokenizer.chat_template
    texts = template.values() if isinstance(template, dict) else [template or ""]
    return any("generation %}" in text or "generation -%}" in text for text in texts)


def render_prompts(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Sequence[Message]]
) -> list[list[int]]:
    """Tokenise prompts, each ending where the assistant would begin to write."""
    ids: list[list[int]] = []
    for start in range(0, len(prompts), _BATCH):
        ids.extend(_template(tokenizer, prompts[start : start + _BATCH], prompt=True)["input_ids"])
    return ids


class RenderedPairs(NamedTuple):
    """Token ids per pair, as TRL's collator for pairs takes them.

    `kept` are the places of the pairs that are in the lists: those whose prompt leaves room for
    an answer. `cut` counts the pairs of which an answer will be cut.
    """

    prompt_ids: list[list[int]]
    chosen_ids: list[list[int]]
    rejected_ids: list[list[int]]
    kept: list[int]
    cut: int


def render_pairs(
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[Message]],
    chosen: Sequence[Sequence[Message]],
    rejected: Sequence[Sequence[Message]],
    *,
    max_length: int,
) -> RenderedPairs:
    """Tokenise preference pairs through the chat template.

    An answer begins where the prompt with its generation prompt and the whole conversation part,
    as in TRL; the prompt is shortened to what both answers continue.
    """
    asked = render_prompts(tokenizer, prompts)
    good, bad = (
        render_whole(tokenizer, [[*p, *a] for p, a in zip(prompts, answers, strict=True)])
        for answers in (chosen, rejected)
    )
    rendered = RenderedPairs([], [], [], [], 0)
    cut = 0
    for place, (prompt, yes, no) in enumerate(zip(asked, good, bad, strict=True)):
        shared = min(_same(prompt, yes), _same(prompt, no))
        if shared >= max_length:
            continue
        rendered.kept.append(place)
        rendered.prompt_ids.append(prompt[:shared])
        rendered.chosen_ids.append(yes[shared:])
        rendered.rejected_ids.append(no[shared:])
        cut += max(len(yes), len(no)) > max_length
    return rendered._replace(cut=cut)


def _same(first: Sequence[int], second: Sequence[int]) -> int:
    length = min(len(first), len(second))
    if first[:length] == second[:length]:
        return length
    return next(place for place in range(length) if first[place] != second[place])


def render_whole(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Sequence[Message]]
) -> list[list[int]]:
    """Tokenise whole conversations, the last answer's end token included."""
    ids: list[list[int]] = []
    for start in range(0, len(conversations), _BATCH):
        ids.extend(_template(tokenizer, conversations[start : start + _BATCH])["input_ids"])
    return ids


def _by_marks(
    tokenizer: PreTrainedTokenizerBase, batch: Sequence[Sequence[Message]]
) -> list[tuple[list[int], list[int]]]:
    encoded = _template(tokenizer, batch, marks=True)
    return list(zip(encoded["input_ids"], encoded["assistant_masks"], strict=True))


def _by_turns(
    tokenizer: PreTrainedTokenizerBase, batch: Sequence[Sequence[Message]]
) -> list[tuple[list[int], list[int]]]:
    whole = _template(tokenizer, batch)["input_ids"]
    masks = [[0] * len(ids) for ids in whole]
    spans = [
        (row, end)
        for row, messages in enumerate(batch)
        for end, turn in enumerate(messages)
        if turn["role"] == "assistant"
    ]
    before = _template(tokenizer, [batch[row][:end] for row, end in spans], prompt=True)
    after = _template(tokenizer, [batch[row][: end + 1] for row, end in spans])
    for (row, end), prompt, answered in zip(
        spans, before["input_ids"], after["input_ids"], strict=True
    ):
        if whole[row][: len(answered)] != answered or answered[: len(prompt)] != prompt:
            raise ProctorError(
                f"the chat template renders turn {end + 1} differently once more turns follow, so "
                "its tokens cannot be told apart: mark the assistant's part of the template with "
                "{% generation %} and {% endgeneration %}"
            )
        masks[row][len(prompt) : len(answered)] = [1] * (len(answered) - len(prompt))
    return list(zip(whole, masks, strict=True))


def _template(
    tokenizer: PreTrainedTokenizerBase,
    batch: Sequence[Sequence[Message]],
    *,
    prompt: bool = False,
    marks: bool = False,
) -> dict[str, list[list[int]]]:
    from jinja2 import TemplateError

    try:
        encoded: Any = tokenizer.apply_chat_template(
            [
                [{"role": turn["role"], "content": turn["content"]} for turn in messages]
                for messages in batch
            ],
            add_generation_prompt=prompt,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=marks,
        )
    except TemplateError as error:
        raise ProctorError(f"the chat template refuses a conversation ({error})") from error
    return {name: encoded[name] for name in encoded}
