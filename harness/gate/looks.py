"""Looks are ledger records: what was examined on which suite, counted, and what stays sealed.

A look is written before its examination starts, so killing a process spends it all the same, and
deleting a workspace's caches brings none back. The same candidate looked at again through the
same settings is the same look: its answers were known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from harness.ledger import Ledger, Record
from proctor.errors import ProctorError

LOOK, RELEASE = "look", "unseen-release"
_MOVES = ("appointment", "promotion", "rollback")


def take_look(
    ledger: Ledger,
    *,
    role: Literal["dev", "unseen"],
    alias: str,
    against: str,
    candidates: Sequence[str],
    suite: str,
    suite_digest: str,
    settings: str = "",
) -> int:
    """Return the number of this look (from 1), writing it down unless it was taken before.

    On dev, looks are counted since the alias last moved: a new incumbent is a new question. On
    unseen they are counted for ever, since what was learnt of the suite stays learnt.
    `candidates` judged together are one look; `settings` is a digest of whatever else would make
    the same candidate answer differently (seed, sampling).

    Raises:
        ProctorError: the suite's unseen rows were released; it is not unseen any more.
    """
    if role == "unseen" and (release := released(ledger, suite_digest)):
        raise ProctorError(
            f"the rows of suite {suite} were released on {release.time[:10]} (ledger record "
            f"{release.seq}): it is not unseen any more, use another suite"
        )
    body: dict[str, Any] = {
        "role": role,
        "alias": alias,
        "against": against,
        "candidates": sorted(candidates),
        "suite": suite,
        "suite_digest": suite_digest,
        "settings": settings,
    }
    earlier = looks(ledger, role=role, alias=alias, suite_digest=suite_digest)
    for number, record in enumerate(earlier, 1):
        if record.body == body:
            return number
    ledger.append(LOOK, body)
    after = looks(ledger, role=role, alias=alias, suite_digest=suite_digest)
    return next(i for i, record in enumerate(after, 1) if record.body == body)


def looks(
    ledger: Ledger, *, role: Literal["dev", "unseen"], alias: str, suite_digest: str
) -> list[Record]:
    """Return the looks that count: on dev those since the alias moved, on unseen all."""
    found: list[Record] = []
    for record in ledger.records():
        if role == "dev" and record.kind in _MOVES and record.body["alias"] == alias:
            found = []
        elif record.kind == LOOK and _same(record.body, role, alias, suite_digest):
            found.append(record)
    return found


def _same(body: dict[str, Any], role: str, alias: str, suite_digest: str) -> bool:
    if body["role"] != role or body["suite_digest"] != suite_digest:
        return False
    return role == "unseen" or bool(body["alias"] == alias)


def release(ledger: Ledger, *, suite: str, suite_digest: str, reason: str) -> Record:
    """Unseal a suite's unseen rows for good; the suite can gate nothing afterwards."""
    earlier = released(ledger, suite_digest)
    if earlier is not None:
        return earlier
    body = {"suite": suite, "suite_digest": suite_digest, "reason": reason}
    return ledger.append(RELEASE, body)


def released(ledger: Ledger, suite_digest: str) -> Record | None:
    """Return the record that released a suite's rows, or None while they are sealed."""
    for record in ledger.records(RELEASE):
        if record.body["suite_digest"] == suite_digest:
            return record
    return None


def require_released(ledger: Ledger, suite: str, suite_digest: str) -> None:
    """Guard every reading of single unseen rows.

    Raises:
        ProctorError: the suite's rows are sealed.
    """
    if released(ledger, suite_digest) is None:
        raise ProctorError(
            f"the rows of the unseen suite {suite} are sealed: `proctor unseen release {suite}` "
            "opens them, and the suite gates nothing afterwards"
        )
