"""Content digests: an id is the digest of everything that determines the content."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def canonical_json(value: Any) -> bytes:
    """Return the one UTF-8 encoding of a JSON value: sorted keys, no spaces, finite numbers.

    Lone surrogates, which UTF-8 cannot carry, are written as their `\\udXXX` escapes.

    Raises:
        ValueError: the value holds NaN, an infinity or something that is not JSON.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    try:
        return text.encode()
    except UnicodeEncodeError:
        return "".join(
            f"\\u{ord(c):04x}" if 0xD800 <= ord(c) <= 0xDFFF else c for c in text
        ).encode()


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON as 64 hex digits."""
    return digest_bytes(canonical_json(value))


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits, read in 1 MiB pieces."""
    running = hashlib.sha256()
    with path.open("rb") as handle:
        while piece := handle.read(_CHUNK):
            running.update(piece)
    return running.hexdigest()


def finite_or_none(value: float) -> float | None:
    """Return the number, or None where JSON has no way to write it (NaN, infinities)."""
    return value if math.isfinite(value) else None
