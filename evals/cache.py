"""What the examiner and its judges need of a response cache; the hall keeps the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from evals.records import Response


class ResponseCache(Protocol):
    """Where responses survive a crash."""

    def get(self, keys: Sequence[str]) -> Mapping[str, Response]:
        """Return the responses that are known, by key."""
        ...

    def put(self, batch: Mapping[str, Response]) -> None:
        """Keep a batch; once this returns, no crash loses it."""
        ...
