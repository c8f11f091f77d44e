"""Finds the documents of a task: a file beside its YAML, in the data folder, or on the hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evals.data import Documents, read_documents
from evals.tasks.meta import Hub, TaskFile
from proctor.errors import ProctorError


def splits_of(task: TaskFile, data_dir: Path | None) -> dict[str, Documents]:
    """Return the task's splits, each as its documents in file order.

    Raises:
        ProctorError: the data is missing; the message names the task and what supplies it.
    """
    files = data_files(task)
    paths = {split: _find(name, task, data_dir) for split, name in files.items()}
    missing = [name for split, name in files.items() if paths[split] is None]
    if not missing:
        return {split: read_documents(path) for split, path in paths.items() if path}
    hub = task.meta.hub
    place = f"in {data_dir}" if data_dir else "in a data folder (--data-dir or PROCTOR_DATA)"
    need = f"task {task.name}: put {' and '.join(missing)} {place}"
    if hub is None:
        raise ProctorError(f"{need}, where it was not found")
    return _from_hub(hub, files, need)


def data_files(task: TaskFile) -> dict[str, str]:
    """Return file name by split, as the task names them.

    Raises:
        ProctorError: `dataset_kwargs.data_files` is not a mapping of split to file name.
    """
    files = (task.config.get("dataset_kwargs") or {}).get("data_files")
    if not isinstance(files, Mapping) or not all(isinstance(v, str) for v in files.values()):
        raise ProctorError(
            f"{task.path}: dataset_kwargs.data_files should map splits to file names, "
            "such as {test: gsm8k_test.jsonl}"
        )
    return {str(split): name for split, name in files.items()}


def data_folder(data_dir: Path | None) -> Path | None:
    """Return the data folder: the given one, else PROCTOR_DATA.

    Raises:
        ProctorError: the folder does not exist.
    """
    named = os.environ.get("PROCTOR_DATA")
    folder = data_dir or (Path(named) if named else None)
    if folder is not None and not folder.is_dir():
        raise ProctorError(f"the data folder {folder} does not exist: mend --data-dir")
    return folder


def _find(name: str, task: TaskFile, data_dir: Path | None) -> Path | None:
    for folder in (task.path.parent, data_dir):
        if folder is not None and (folder / name).is_file():
            return folder / name
    return None


def _from_hub(hub: Hub, files: Mapping[str, str], need: str) -> dict[str, Documents]:
    import datasets

    try:
        whole = datasets.load_dataset(hub.path, hub.name)
        return {
            split: Documents(
                _renamed(row, hub.rename) for row in whole[hub.splits.get(split, split)]
            )
            for split in files
        }
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ProctorError(
            f"{need}, or fetch it with `hf download --repo-type dataset {hub.path}` "
            f"(the hub could not be read: {reason})"
        ) from error


def _renamed(row: Mapping[str, Any], rename: Mapping[str, str]) -> dict[str, Any]:
    return {rename.get(key, key): value for key, value in row.items()}
