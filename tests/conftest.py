"""Fixtures that every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def tree() -> Path:
    """The root of the checkout."""
    return TREE


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared folder beside the checkout; a test that needs it is skipped, saying so, where there is none."""
    folder = TREE.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("there is no shared/data beside the checkout")
    return folder


@pytest.fixture(scope="session")
def shared_data(shared: Path) -> Path:
    """Real slides, scenes and patches, see the README there."""
    return shared / "data"
