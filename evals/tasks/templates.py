"""Compiles each Jinja template of an lm-eval task once.

lm-eval compiles them again for every document, about 85 % of its own CPU time. A task's
`doc_to_*` may be a callable, so each template string is replaced by one that renders the
compiled template and then reads the text as lm-eval does (`lm_eval.api.task.ConfigurableTask`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Document = Mapping[str, Any]


@lru_cache(maxsize=4096)
def _compiled(template: str) -> Callable[..., str]:
    from lm_eval.utils import env

    render: Callable[..., str] = env.from_string(template).render
    return render


def compile_templates(task: Any) -> None:
    """Replace the template strings of an lm-eval task in place by compiled ones."""
    features = set(task.features)
    config, shots = task.config, task.fewshot_cfg
    has_choices = config.doc_to_choice is not None
    readers = {
        "doc_to_text": lambda text: _number(text) if has_choices else text,
        "doc_to_target": lambda text: _target(text, has_choices),
        "doc_to_choice": ast.literal_eval,
    }
    for field, read in readers.items():
        for holder, keep in ((config, False), (shots, True)):
            template = getattr(holder, field)
            if isinstance(template, str) and template not in features:
                setattr(holder, field, _rendered(template, read, keep))
    task.resolve_field = _resolve_field
    if config.gen_prefix is not None and config.gen_prefix not in features:
        task.doc_to_prefix = lambda doc: _compiled(config.gen_prefix)(**doc)


def _rendered(template: str, read: Callable[[str], Any], keep: bool) -> Callable[[Document], Any]:
    render = _compiled(template)
    if not keep:
        return lambda doc: read(render(**doc))
    # Few-shot documents live as long as the task's sampler and come back for every instance, so
    # their rendering is kept under their identity.
    kept: dict[int, Any] = {}

    def rendered(doc: Document) -> Any:
        if id(doc) not in kept:
            kept[id(doc)] = (read(render(**doc)), doc)
        return kept[id(doc)][0]

    return rendered


def _resolve_field(doc: Document, field: str | None = None) -> Any:
    if not field:
        return None
    return doc[field] if field in doc else _compiled(field)(**doc)


def _number(text: str) -> Any:
    return ast.literal_eval(text) if text.isdigit() else text


def _target(text: str, has_choices: bool) -> Any:
    if text.isdigit() and has_choices:
        return ast.literal_eval(text)
    if len(text) >= 2 and text[0] == "[" and text[-1] == "]":
        try:
            return ast.literal_eval(text)
        except (SyntaxError, ValueError):
            return text
    return text
