"""On a stage nothing comes in from outside, nobody sees what others made by name, and the gallery is synthetic."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.ui.results import add_result
from tests.ui.test_documents import make_layout
from ui.config import AppConfig
from ui.documents import Document
from ui.routes import add_routes
from ui.workspace import Workspace


@pytest.fixture
def stage(tmp_path: Path, root: Path) -> tuple[TestClient, Document, Workspace]:
    workspace = Workspace(AppConfig(root=root, data_dir=tmp_path, kiosk=True))
    app = FastAPI()
    add_routes(app, workspace)
    document = workspace.documents.create()
    document.set_layout(make_layout(), "tiny")
    add_result(workspace, document)
    workspace.documents.save(document)
    return TestClient(app), document, workspace


@pytest.mark.parametrize(
    "path",
    ["uploads", "document-files", *(f"documents/{{id}}/{what}" for what in ("palette/file", "palette/save", "delete"))],
)
def test_what_is_closed_on_a_stage_is_refused(stage: tuple[TestClient, Document, Workspace], path: str) -> None:
    client, document, _ = stage
    answer = client.post("/" + path.format(id=document.id), files={"file": ("a.png", b"x")})
    assert (answer.status_code, "not possible" in answer.json()["error"]) == (403, True)


def test_the_file_of_a_document_is_not_taken_away(stage: tuple[TestClient, Document, Workspace]) -> None:
    client, document, _ = stage
    assert client.get(f"/documents/{document.id}/file").status_code == 403


def test_the_gallery_holds_results_and_demos_and_never_a_scene_of_the_folder(
    stage: tuple[TestClient, Document, Workspace],
) -> None:
    client, _, workspace = stage
    facts = client.get("/kiosk").json()
    origins = {workspace.library.get(one["id"]).origin for one in facts["pictures"]}
    assert (facts["kiosk"], origins) == (True, {"result", "demo"})
    first = facts["pictures"][0]
    assert client.get(f"/kiosk/pictures/{first['id']}/{first['version']}.jpg").content[:2] == b"\xff\xd8"
    entry = next(entry for entry in workspace.library.listing() if entry.name == "areas.ome.tif")
    assert client.get(f"/kiosk/pictures/{entry.id}/{entry.version}.jpg").status_code == 404
    assert client.get("/library").json()["recent"] == []


def test_elsewhere_there_is_no_stage(client: TestClient) -> None:
    assert client.get("/kiosk").json() == {"kiosk": False}
