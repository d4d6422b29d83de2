"""Regions are bookmarked with the document, and varied in one job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssldiff_core.errors import LayoutError, SettingsError
from tests.ui.pictures import write_ome_tiff
from tests.ui.tiny_models import write_tiny_models
from ui import handlers
from ui.bookmarks import add_bookmark, remove_bookmark, vary_all
from ui.config import AppConfig
from ui.document_store import DocumentStore
from ui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    (tmp_path / "root").mkdir()
    write_ome_tiff(tmp_path / "root" / "areas.ome.tif")
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(write_tiny_models(tmp_path / "models")))
    made = Workspace(AppConfig(root=tmp_path / "root", data_dir=tmp_path / "data"))
    yield made
    made.close()


def test_every_bookmarked_region_is_drawn_with_every_seed_where_it_lies(workspace: Workspace, tmp_path: Path) -> None:
    scene = next(entry for entry in workspace.library.listing() if entry.origin == "root")
    document = handlers.open_scene(workspace, scene.id)
    with pytest.raises(LayoutError):
        vary_all(workspace, document, {"count": 2, "steps": 1})
    region = {"y": 0, "rows": 2, "cols": 3, "pixel_size_m": 5e-7}
    for x in (0, 256):
        add_bookmark(workspace, document, {"x": x, **region})
    with pytest.raises(SettingsError):
        add_bookmark(workspace, document, {"x": 0, **region, "pixel_size_m": 0.3})
    job = vary_all(workspace, document, {"count": 2, "steps": 1, "seed": 5})
    end = time.monotonic() + 120
    while job.active and time.monotonic() < end:
        time.sleep(0.05)
    assert (job.state, job.message) == ("done", "")
    assert [(record.seed, record.origin_l0[0]) for record in document.results] == [(5, 0), (6, 0), (5, 256), (6, 256)]
    assert {(record.width, record.height) for record in document.results} == {(384, 256)}
    remove_bookmark(workspace, document, document.bookmarks[0].id)
    workspace.documents.save(document)
    again = DocumentStore(tmp_path / "data" / "documents").get(document.id)
    assert again is not None
    assert again.bookmarks == document.bookmarks
