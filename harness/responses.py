"""The response cache: append-only JSONL shards that any number of processes write at once.

A key is 64 hex digits, the first 32 for who answers (checkpoint and engine): they name the folder
its shards lie in. Every process appends to shards of its own and fsyncs each batch, so a crash
costs at most the batch that was being written. A line carries the CRC of its own bytes: torn or
damaged lines are skipped and counted. What determines a key is `evals.paper`'s business.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import orjson

from evals.records import Response
from proctor.errors import ProctorError
from proctor.files import explain_os_errors, fsync_folder

_SCOPE = 32
_HEX = frozenset("0123456789abcdef")
_CRC_BYTES = len(b',"crc":"00000000"}\n')
_KEY_AT = len(b'{"key":"')


class ResponseStore:
    """Responses by key, under one folder. Safe for threads, processes and forks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged = 0
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._open: dict[str, BinaryIO] = {}

    def get(self, keys: Sequence[str]) -> dict[str, Response]:
        """Return the responses known for `keys`; of two for one key, the one stored first.

        Raises:
            ProctorError: a shard cannot be read.
        """
        scopes: dict[str, set[str]] = {}
        for key in keys:
            scopes.setdefault(_scope(key), set()).add(key)
        found: dict[str, Response] = {}
        self.damaged = 0
        for scope, wanted in scopes.items():
            for shard in sorted((self.folder / scope).glob("*.jsonl")):
                for key, response in self._read(shard, wanted):
                    found.setdefault(key, response)
        return found

    def put(self, batch: Mapping[str, Response]) -> None:
        """Append a batch and fsync it.

        Raises:
            ProctorError: the disk is full or refuses; nothing stored before is lost.
        """
        lines: dict[str, list[bytes]] = {}
        for key, response in batch.items():
            lines.setdefault(_scope(key), []).append(_line(key, response))
        with self._lock:
            if self._pid != os.getpid():
                self._open, self._pid = {}, os.getpid()
            for scope, new in lines.items():
                self._append(scope, b"".join(new))

    def _append(self, scope: str, data: bytes) -> None:
        folder = self.folder / scope
        with explain_os_errors(folder):
            handle = self._open.get(scope)
            created = handle is None
            try:
                if handle is None:
                    folder.mkdir(parents=True, exist_ok=True)
                    name = f"{time.time_ns():020d}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
                    handle = (folder / name).open("xb", buffering=0)
                    self._open[scope] = handle
                view = memoryview(data)
                while view:
                    view = view[handle.write(view) :]
                os.fsync(handle.fileno())
            except OSError:
                # What follows a half-written line must not be appended to it.
                dropped = self._open.pop(scope, None)
                if dropped is not None:
                    dropped.close()
                raise
            if created:
                fsync_folder(folder)
                fsync_folder(self.folder)

    def _read(self, shard: Path, wanted: Collection[str]) -> Iterator[tuple[str, Response]]:
        try:
            handle = shard.open("rb")
        except OSError as error:
            raise ProctorError(f"{shard} cannot be read ({error.strerror})") from error
        with handle:
            for line in handle:
                key = line[_KEY_AT : _KEY_AT + 64].decode("ascii", "replace")
                if key not in wanted:
                    continue
                response = _parsed(line)
                if response is None:
                    self.damaged += 1
                else:
                    yield key, response

    def close(self) -> None:
        """Close the shards; the store may be used again afterwards."""
        with self._lock:
            for handle in self._open.values():
                handle.close()
            self._open = {}

    def __enter__(self) -> ResponseStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _scope(key: str) -> str:
    if len(key) != 64 or not _HEX.issuperset(key):
        raise ValueError(f"{key!r} is not a response key: 64 hex digits")
    return key[:_SCOPE]


def _line(key: str, response: Response) -> bytes:
    fields: dict[str, Any] = {"key": key}
    fields |= {name: value for name, value in response._asdict().items() if value is not None}
    body = orjson.dumps(fields)
    return body[:-1] + b',"crc":"%08x"}\n' % zlib.crc32(body)


def _parsed(line: bytes) -> Response | None:
    """Return the response of a line, None where the line is torn or damaged."""
    body = line[:-_CRC_BYTES] + b"}"
    if line[-_CRC_BYTES:] != b',"crc":"%08x"}\n' % zlib.crc32(body):
        return None
    try:
        fields = orjson.loads(body)
        del fields["key"]
        return Response(**fields)
    except (json.JSONDecodeError, KeyError, TypeError):
        return None
