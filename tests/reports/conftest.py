"""Fixtures of reports: an empty store, and a small one with a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from smallworld import small_world
from storehouse import Storehouse


@pytest.fixture
def house(tmp_path: Path) -> Storehouse:
    """An empty store."""
    return Storehouse(tmp_path / "store")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Storehouse:
    """A small store with a run; shared, so never written to."""
    return small_world(Storehouse(tmp_path_factory.mktemp("world") / "store"))


@pytest.fixture
def own_world(tmp_path: Path) -> Storehouse:
    """A small store of one's own."""
    return small_world(Storehouse(tmp_path / "own"))
