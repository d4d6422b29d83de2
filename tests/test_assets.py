"""Assets are found in the tree, and inside an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssldiff_core import assets


def test_assets_lie_inside_the_package_where_it_has_them_else_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "ssldiff_core"
    package.mkdir()
    monkeypatch.setattr(assets, "_PACKAGE", package)
    assert assets.assets_path("models", "tissue") == tmp_path / "assets" / "models" / "tissue"
    (package / "_assets").mkdir()
    assert assets.assets_path("models", "tissue") == package / "_assets" / "models" / "tissue"
