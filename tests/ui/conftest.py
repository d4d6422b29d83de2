"""A workspace with a folder of scenes, a client of its routes, and a document with a grid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.ui.pictures import write_ome_tiff
from tests.ui.test_documents import make_layout
from tests.ui.tiny_models import write_tiny_models
from ui import handlers
from ui.config import AppConfig
from ui.documents import Document
from ui.routes import add_routes
from ui.workspace import Workspace


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_ome_tiff(folder / "areas.ome.tif")
    (folder / "false.svs").write_text("no slide", encoding="utf-8")
    return folder


@pytest.fixture
def workspace(tmp_path: Path, root: Path) -> Iterator[Workspace]:
    made = Workspace(AppConfig(root=root, data_dir=tmp_path / "data"))
    yield made
    made.close()


@pytest.fixture
def client(workspace: Workspace) -> TestClient:
    app = FastAPI()
    add_routes(app, workspace)
    return TestClient(app)


@pytest.fixture
def document(workspace: Workspace) -> Document:
    made = workspace.documents.create()
    made.set_layout(make_layout(), "tiny")
    return made


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def studio(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace whose models can draw and read, at tiny size."""
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(models))
    made = Workspace(AppConfig(data_dir=tmp_path / "studio"))
    yield made
    made.close()


@pytest.fixture
def canvas(studio: Workspace) -> Document:
    """An empty canvas of the model ``tissue``."""
    return handlers.empty_canvas(studio, "tissue", 6, 6)
