"""Which two examinations a person means who names two checkpoints."""

from __future__ import annotations

import difflib

from harness.reporting.archive import Archive, Sat, read_archive
from harness.reporting.comparing import Pairs, compare
from harness.reporting.people import People
from harness.store import Workspace
from proctor.errors import ProctorError, UsageError
from reports.model import Comparison

_SHORTEST = 4


def compare_named(
    workspace: Workspace, before: str, after: str, suite: str | None, *, shown: int
) -> list[Comparison]:
    """Compare two checkpoints by alias, name, digest or its beginning, a comparison a suite.

    Raises:
        UsageError: a name fits none or several, or both are the same checkpoint.
        ProctorError: no suite was taken by both, or its rows are sealed.
    """
    archive = read_archive(workspace)
    people, pairs = People.of(archive), Pairs(archive)
    first, second = find(people, before), find(people, after)
    if first == second:
        raise UsageError(f"{before!r} and {after!r} are the same checkpoint {first[:16]}")
    shared = _shared(archive, first, second, suite)
    return [compare(archive, people, pairs, a, b, shown=shown) for a, b in shared]


def find(people: People, name: str) -> str:
    """Return the digest that an alias, a name, a digest or its beginning stands for.

    Raises:
        UsageError: it fits none, or several.
    """
    aliases = {alias: digest for digest, held in people.aliases.items() for alias in held}
    if name in aliases:
        return aliases[name]
    known = {*people.names, *people.aliases}
    fits = {digest for digest in known if people.names.get(digest) == name}
    if not fits and len(name) >= _SHORTEST:
        fits = {digest for digest in known if digest.startswith(name)}
    if len(fits) == 1:
        return next(iter(fits))
    if fits:
        digests = ", ".join(sorted(digest[:16] for digest in fits))
        raise UsageError(f"{name!r} fits several checkpoints ({digests}): give a digest")
    near = difflib.get_close_matches(name, [*aliases, *people.names.values()], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; see `proctor report --format table`"
    raise UsageError(f"there is no checkpoint {name!r}{hint}")


def _shared(archive: Archive, first: str, second: str, suite: str | None) -> list[tuple[Sat, Sat]]:
    newest = [_newest(archive, digest) for digest in (first, second)]
    both = sorted(newest[0].keys() & newest[1].keys())
    if suite is not None:
        both = [name for name in both if name == suite]
    open_ = [name for name in both if not archive.sealed(newest[0][name].suite)]
    if both and not open_:
        raise ProctorError(
            f"the rows of {', '.join(both)} are sealed: compare on a dev suite, or see "
            "`proctor unseen release`"
        )
    if not open_:
        what = f"suite {suite}" if suite else "any suite"
        raise ProctorError(
            f"{first[:12]} and {second[:12]} were not both examined on {what}: run `proctor eval` "
            "on both"
        )
    return [(newest[0][name], newest[1][name]) for name in open_]


def _newest(archive: Archive, digest: str) -> dict[str, Sat]:
    """Return a checkpoint's newest whole examination of every suite."""
    mine = [one for one in archive.examinations if one.checkpoint == digest]
    mine.sort(key=lambda one: (one.whole, str(one.manifest.get("created", "")), one.id))
    return {str(one.suite["name"]): one for one in mine}
