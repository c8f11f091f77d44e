"""A process that promotes and appends for ever: what `crashes` starts and kills.

Acknowledges every finished write by a line in its own file, after the ledger's fsync returned.
"""

from __future__ import annotations

import json
import os
import random
import struct
import sys
from itertools import count
from pathlib import Path

from harness.checkpoints import register_checkpoint
from harness.ledger import Ledger
from harness.registry import Registry
from proctor.errors import ProctorError

ALIASES = ("champion", "math-champion")


def make_checkpoint(folder: Path, number: int) -> Path:
    """Write the smallest folder that counts as a checkpoint."""
    folder.mkdir(parents=True)
    tensor = {"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    header = json.dumps(tensor).encode()
    data = struct.pack("<Q", len(header)) + header + struct.pack("<f", number)
    (folder / "model.safetensors").write_bytes(data)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    return folder


def prepare(workspace: Path, checkpoints: int) -> list[str]:
    """Fill a workspace with checkpoints and set the aliases; return the digests."""
    digests = []
    for number in range(checkpoints):
        folder = make_checkpoint(workspace / "made" / str(number), number)
        digests.append(register_checkpoint(folder, workspace))
    registry = Registry(workspace, Ledger(workspace / "ledger.jsonl"))
    for alias in ALIASES:
        registry.appoint(alias, digests[0], "the first")
    return digests


def work(workspace: Path, name: str) -> None:
    """Promote random checkpoints, append looks, and acknowledge, until killed."""
    ledger = Ledger(workspace / "ledger.jsonl")
    registry = Registry(workspace, ledger)
    digests = sorted(p.name for p in (workspace / "checkpoints").iterdir() if len(p.name) == 64)
    acknowledged = os.open(workspace / f"{name}.acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    rng = random.Random(name)
    for turn in count():
        if turn % 4 == 3:
            record = ledger.append("look", {"by": name, "turn": turn})
        else:
            alias, candidate = rng.choice(ALIASES), rng.choice(digests)
            current = registry.get(alias)
            verdict = {"verdict": "promote", "candidate": candidate, "against": current}
            try:
                record = registry.promote(
                    alias, candidate, expected=current, verdict=verdict | {"turn": [name, turn]}
                )
            except ProctorError as error:
                if "judge the candidate" in str(error):
                    continue
                raise
        os.write(acknowledged, f"{record.seq} {record.hash}\n".encode())


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2])
