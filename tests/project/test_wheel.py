"""A wheel built from the tree holds everything, and runs from any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import TREE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=TREE, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content alone; what it needs comes from the environment."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(installed: Path, folder: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def test_the_wheel_holds_code_page_and_assets_once(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    here = {
        file.relative_to(TREE).as_posix() for folder in ("ssldiff_core", "ui") for file in (TREE / folder).rglob("*.py")
    }
    assert here <= set(names)
    shipped = {file.relative_to(TREE / "assets").as_posix() for file in (TREE / "assets").rglob("*") if file.is_file()}
    inside = {name.removeprefix("ssldiff_core/_assets/") for name in names if name.startswith("ssldiff_core/_assets/")}
    assert inside == shipped
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ssldiff_core", "ui"}


def test_the_installed_wheel_finds_its_weights_from_any_folder(installed: Path, tmp_path: Path) -> None:
    said = run_installed(installed, tmp_path, "-m", "ssldiff_core.cli", "models", "--json")
    folders = [Path(model["folder"]) for model in json.loads(said)["models"] if model["present"]]
    assert {folder.name for folder in folders} == {"tissue", "aerial"}
    assert all(folder.is_relative_to(installed) and folder.is_dir() for folder in folders)


def test_the_installed_wheel_can_serve_the_page(installed: Path, tmp_path: Path) -> None:
    code = "import ui.server, ssldiff_core; print(ui.server.__file__, ssldiff_core.__file__)"
    said = run_installed(installed, tmp_path, "-c", code)
    assert all(Path(name).is_relative_to(installed) for name in said.split())
