"""Scenes are opened by id from their own folders, and from nowhere else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ssldiff_core.errors import SceneError, SettingsError
from ui.config import AppConfig
from ui.library import SceneLibrary


@pytest.fixture
def library(tmp_path: Path) -> SceneLibrary:
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    (root / "inner" / "scene.png").write_bytes(b"the library does not read what it lists")
    (root / "list.txt").write_text("no scene", encoding="utf-8")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    return SceneLibrary(AppConfig(root=root, data_dir=tmp_path / "data", max_upload_bytes=1 << 20))


def own(library: SceneLibrary) -> list[str]:
    return [entry.name for entry in library.listing() if entry.origin != "demo"]


def test_only_scenes_inside_the_root_are_listed(library: SceneLibrary) -> None:
    assert own(library) == ["scene.png"]


def test_an_id_says_nothing_of_the_path_and_leads_to_it(library: SceneLibrary) -> None:
    entry = next(entry for entry in library.listing() if entry.name == "scene.png")
    assert "scene" not in entry.id
    assert "path" not in entry.to_json()
    assert library.get(entry.id) == entry


@pytest.mark.parametrize("scene_id", ["", "root-0", "../secret.png", "result-../../x-000000000000"])
def test_an_unknown_id_opens_nothing(library: SceneLibrary, scene_id: str) -> None:
    with pytest.raises(SceneError):
        library.get(scene_id)


def test_a_file_that_becomes_a_link_out_of_the_root_is_no_longer_opened(library: SceneLibrary, tmp_path: Path) -> None:
    entry = next(entry for entry in library.listing() if entry.name == "scene.png")
    entry.path.unlink()
    entry.path.symlink_to(tmp_path / "secret.png")
    with pytest.raises(SceneError):
        library.get(entry.id)


@pytest.mark.parametrize("name", ["../../evil.png", "C:\\dir\\evil.png", "evil.png"])
def test_an_upload_lies_in_the_uploads_folder_under_its_bare_name(library: SceneLibrary, name: str) -> None:
    entry = library.add_upload(name, io.BytesIO(b"x"))
    assert entry.name == "evil.png"
    assert entry.path.parent.parent.name == "uploads"
    library.forget_upload(entry)
    assert own(library) == ["scene.png"]


def test_an_upload_of_another_kind_or_too_large_leaves_nothing(library: SceneLibrary) -> None:
    with pytest.raises(SceneError, match="ends in"):
        library.add_upload("script.py", io.BytesIO(b"x"))
    with pytest.raises(SceneError, match="larger than"):
        library.add_upload("large.tif", io.BytesIO(bytes(2 << 20)))
    assert own(library) == ["scene.png"]


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no folder"):
        AppConfig(root=tmp_path / "missing", data_dir=tmp_path)
