"""Opens the judges that `--judge [KIND=]BACKEND:MODEL_OR_URL` names.

The door between a command line and `evals.judges`; what a judge is asked is no business of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from proctor.digest import digest_json
from proctor.errors import UsageError

if TYPE_CHECKING:
    from evals.judges.model import Judge

BACKENDS = ("hf", "vllm", "server")


class JudgeName(NamedTuple):
    """One `--judge`: the kinds of judging it is for, the backend, and a folder or URL."""

    kinds: tuple[str, ...]
    backend: str
    where: str


def read_judge(text: str) -> JudgeName:
    """Read `[KIND=]BACKEND:MODEL_OR_URL`; without a kind the judge is for every kind.

    Raises:
        UsageError: the text is not of that form.
    """
    from evals.judges.settings import KINDS

    head, colon, where = text.partition(":")
    kind, equals, backend = head.rpartition("=")
    known = backend in BACKENDS and (not equals or kind in KINDS)
    if not (colon and where and known):
        raise UsageError(
            f"--judge {text!r} is not [KIND=]BACKEND:MODEL_OR_URL with KIND among "
            f"{', '.join(KINDS)} and BACKEND among {', '.join(BACKENDS)}: give for example "
            "hf:models/judge or wildguard=server:http://localhost:8000/v1"
        )
    return JudgeName((kind,) if equals else KINDS, backend, where)


@contextmanager
def open_judges(
    texts: Sequence[str], *, dtype: str = "auto", prompt: Path | None = None
) -> Iterator[Mapping[str, Judge]]:
    """Open the named judges and close them again; a judge that names its kind comes first.

    `prompt` is a file with the prompt that a safety judge was trained with.

    Raises:
        UsageError: a name is malformed, or two judges are for the same kind.
        ProctorError: a judge does not load, or its server does not answer.
    """
    template = _template(prompt) if prompt is not None else None
    named: dict[str, JudgeName] = {}
    names = [read_judge(text) for text in texts]
    for name in sorted(names, key=lambda one: len(one.kinds)):
        fresh = [kind for kind in name.kinds if kind not in named]
        if not fresh:
            raise UsageError(
                f"--judge {name.backend}:{name.where} judges nothing: the others are for "
                f"{', '.join(name.kinds)} already, give one judge for each kind"
            )
        named |= dict.fromkeys(fresh, name)
    judges: dict[JudgeName, Judge] = {}
    try:
        for name in names:
            judges[name] = _opened(name, dtype)
        found = {kind: judges[name] for kind, name in named.items()}
        if template is not None and "wildguard" in found:
            found["wildguard"] = replace(found["wildguard"], template=template)
        yield found
    finally:
        for judge in judges.values():
            judge.engine.close()


def _template(path: Path) -> str:
    from evals.judges.wildguard import check_template

    try:
        return check_template(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{path} cannot be read as a prompt ({error})") from error


def _opened(name: JudgeName, dtype: str) -> Judge:
    from evals.backends.opening import open_engine
    from evals.judges.model import Judge
    from evals.records import Checkpoint
    from harness.examinations import checkpoint_at

    if name.backend == "server":
        from evals.backends.server import ServerEngine

        # A server shows no weights: who judges is known by its address and its model's name.
        server = ServerEngine(name.where)
        digest = digest_json({"url": server.url, "model": server.model})
        return Judge(Checkpoint(Path(), digest, server.model), server)
    checkpoint = checkpoint_at(Path(name.where))
    engine = open_engine(name.backend, checkpoint.folder, dtype=dtype)  # type: ignore[arg-type]
    return Judge(checkpoint, engine)
