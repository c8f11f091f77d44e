"""From new tokens to a response, the same on every backend."""

from __future__ import annotations

from collections.abc import Sequence

from evals.backends.text import TextCodec
from evals.records import Response


def finished(
    codec: TextCodec,
    tokens_in: int,
    tokens: Sequence[int],
    stop: Sequence[str],
    eos: frozenset[int],
    *,
    ended: bool = False,
) -> Response:
    """Return the response that new tokens make: cut at a stop string, the end token left out.

    `ended` says that the backend stopped by itself, where it does not hand the end token over.
    """
    closed = bool(tokens) and tokens[-1] in eos
    text, count, cut = codec.cut(tokens[:-1] if closed else tokens, stop)
    why = "stop" if closed or cut or ended else "length"
    return Response(text, tokens_in, count if cut else len(tokens), why)


def refused(tokens: int, most: int) -> Response:
    """Return the error of a prompt that the model cannot take."""
    if tokens == 0:
        return Response("", 0, 0, error="the prompt has no tokens")
    return Response("", tokens, 0, error=f"the prompt has {tokens} tokens, the model takes {most}")


def fits(tokens: int, most: int) -> bool:
    """Whether a prompt has tokens and leaves room for at least one more."""
    return 0 < tokens < most
