"""Matches on disk while a scan runs, so that memory does not grow with what is found."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decontam.matches import match_table

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 8192


class Spool:
    """Takes rows of matches and gives them back as one table over a file that is already gone."""

    def __init__(self) -> None:
        import pyarrow as pa

        self._folder = tempfile.TemporaryDirectory(prefix="proctor-matches-")
        self._path = Path(self._folder.name) / "matches.arrow"
        self._held: list[Sequence[Any]] = []
        self._writer = pa.ipc.new_file(str(self._path), match_table([]).schema)
        self.rows = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take rows with the fields of `Match`, in order."""
        self._held += rows
        self.rows += len(rows)
        if len(self._held) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(match_table(self._held))
            self._held = []

    def table(self) -> pa.Table:
        """Return everything taken; call once. The table is read from the file as it is used."""
        import pyarrow as pa

        self._flush()
        self._writer.close()
        table = pa.ipc.open_file(pa.memory_map(str(self._path))).read_all()
        self._folder.cleanup()  # the mapping keeps the content until the table is let go
        return table
