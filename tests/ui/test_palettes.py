"""Swatches, palettes, strokes under way and the clipboard, as a page asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ssldiff_core.layouts.directions import to_unit
from tests.ui.test_documents import make_layout
from ui.config import AppConfig
from ui.documents import Document
from ui.records import SceneRef
from ui.routes import add_routes
from ui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = Workspace(AppConfig(data_dir=tmp_path))
    yield made
    made.close()


@pytest.fixture
def client(workspace: Workspace) -> TestClient:
    app = FastAPI()
    add_routes(app, workspace)
    return TestClient(app)


def make_document(workspace: Workspace, seed: int = 0) -> Document:
    document = workspace.documents.create()
    document.set_layout(make_layout(seed), "tiny")
    return document


@pytest.fixture
def document(workspace: Workspace) -> Document:
    return make_document(workspace)


def names(document: Document) -> list[str]:
    return list(document.need_layout().palette.names)


def ids(document: Document) -> list[str]:
    return [swatch.id for swatch in document.need_layout().palette.swatches]


def post(client: TestClient, into: Document, path: str, **body: Any) -> Any:
    answer = client.post(f"/documents/{into.id}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_pieces_of_a_stroke_are_one_edit_and_equal_the_stroke_at_once(
    client: TestClient, workspace: Workspace, document: Document
) -> None:
    paint = {"kind": "paint", "version": 1, "swatch": ids(document)[1], "mode": "sample", "strength": 0.5, "seed": 4}
    whole = make_document(workspace)
    cells = [[2, col] for col in range(5)]
    post(client, whole, "edits", **paint, cells=cells)
    for piece in (cells[:2], cells[2:3], cells[3:]):
        post(client, document, "edits", **paint, cells=piece, stroke="a")
    assert len(document.need_layout().edits) == 1
    assert document.need_layout().grid() == whole.need_layout().grid()
    document.undo()
    assert document.need_layout().grid() == document.need_layout().base


def test_a_stroke_that_is_abandoned_leaves_nothing_and_takes_back_nobody_elses_edit(
    client: TestClient, document: Document
) -> None:
    erase = {"kind": "erase", "version": 1}
    post(client, document, "edits", **erase, cells=[[0, 0]], stroke="a")
    post(client, document, "edits", kind="abandon", stroke="a")
    assert document.need_layout().edits == document.need_layout().undone == ()
    post(client, document, "edits", **erase, cells=[[0, 0]], stroke="b")
    post(client, document, "edits", **erase, cells=[[1, 1]])
    post(client, document, "edits", kind="abandon", stroke="b")
    post(client, document, "edits", **erase, cells=[[0, 1]], stroke="b")
    assert len(document.need_layout().edits) == 3


def test_merge_delete_reorder_and_mix_can_be_taken_back_one_by_one(client: TestClient, document: Document) -> None:
    first, second, third = ids(document)
    start = names(document)
    post(client, document, "palette/order", swatches=[third, first, second])
    assert names(document) == [start[2], start[0], start[1]]
    mixed = post(client, document, "palette/mix", swatch=first, other=third, share=0.25)["swatch"]
    assert ids(document)[-1] == mixed
    post(client, document, "palette/remove", swatch=second)
    merged = post(client, document, "palette/merge", swatches=[first, mixed])
    assert names(document) == [start[2], start[0]]
    assert merged["palette"]["last_change"].startswith("Merged")
    for _ in range(4):
        post(client, document, "palette/undo")
    assert names(document) == start
    assert client.post(f"/documents/{document.id}/palette/undo").status_code == 422


def test_cells_painted_with_a_swatch_keep_their_embedding_when_its_making_is_taken_back(
    client: TestClient, document: Document
) -> None:
    mixed = post(client, document, "palette/mix", swatch=ids(document)[0], other=ids(document)[1], share=0.5)["swatch"]
    post(client, document, "edits", kind="paint", version=1, cells=[[1, 1]], swatch=mixed)
    painted = document.need_layout().grid()
    post(client, document, "palette/undo")
    assert document.need_layout().grid() == painted
    assert mixed not in ids(document)


def test_without_a_scene_the_points_follow_the_palette_also_on_disk(
    client: TestClient, workspace: Workspace, document: Document
) -> None:
    document.set_points("pca", np.zeros((30, 2), np.float32), document.points_key)
    workspace.documents.save(document)
    first = ids(document)[0]
    post(client, document, "palette/order", swatches=ids(document)[::-1])
    workspace.documents.save(document)
    points = np.frombuffer(client.get(f"/documents/{document.id}/points/{document.points_key}/pca.f32").content, "<f4")
    of = points.reshape(-1, 3)[:, 2].astype(int)
    assert [ids(document)[k] for k in of[-2:]] == [first, first]
    again = Workspace(AppConfig(data_dir=workspace.config.data_dir)).documents.get(document.id)
    assert np.array_equal(again.points["pca"], document.points["pca"])
    assert document.points["pca"].any()


def test_the_last_swatch_is_not_deleted_and_a_merge_takes_two(client: TestClient, document: Document) -> None:
    for swatch in ids(document)[:2]:
        post(client, document, "palette/remove", swatch=swatch)
    path = f"/documents/{document.id}/palette"
    assert client.post(f"{path}/remove", json={"swatch": ids(document)[0]}).status_code == 422
    assert client.post(f"{path}/merge", json={"swatches": ids(document)}).status_code == 422
    assert client.post(f"{path}/merge", json={"swatches": "all"}).status_code == 422
    assert len(names(document)) == 1


def test_a_swatch_of_cells_holds_their_embeddings_and_one_of_points_those_of_the_points(
    client: TestClient, document: Document
) -> None:
    post(client, document, "edits", kind="erase", version=1, cells=[[0, 1]])
    key = post(client, document, "swatches", cells=[[0, 0], [0, 1], [3, 2]])["swatch"]
    base, palette = document.need_layout().base, document.need_layout().palette
    held = {vector.tobytes() for vector in palette.find(key).vectors}
    assert held == {base.vectors[0, 0].tobytes(), base.vectors[3, 2].tobytes()}
    vectors = document.point_vectors()
    key = post(client, document, "swatches", points=[2, 9, 2])["swatch"]
    held = {vector.tobytes() for vector in document.need_layout().palette.find(key).vectors}
    assert held == {vectors[2].tobytes(), vectors[9].tobytes()}
    for wrong in ({"cells": [[99, 0]]}, {"points": [10**6]}, {"points": []}, {"cells": 3}, {"x": "a", "y": 1}):
        assert client.post(f"/documents/{document.id}/swatches", json=wrong).status_code == 422


def test_cells_copied_in_one_document_are_pasted_into_another_as_they_were(
    client: TestClient, workspace: Workspace, document: Document
) -> None:
    other = make_document(workspace, seed=3)
    block = post(client, document, "copy", cells=[[1, 1], [1, 2], [2, 2]])
    assert (block["rows"], block["cols"], len(block["cells"])) == (2, 2, 3)
    copied = document.need_layout().grid().vectors
    post(client, document, "edits", kind="erase", version=1, cells=[[1, 1], [2, 2]])
    post(client, other, "paste", token=block["token"], row=3, col=-1)
    after, before = other.need_layout().grid().vectors, other.need_layout().base.vectors
    assert np.array_equal(after[3, 0], copied[1, 2])
    assert np.array_equal(after[4, 0], copied[2, 2])
    assert (after != before).any(axis=-1).sum() == 2
    workspace.documents.save(other)
    again = Workspace(AppConfig(data_dir=workspace.config.data_dir)).documents.get(other.id)
    assert again.need_layout().grid() == other.need_layout().grid()
    other.undo()
    assert other.need_layout().grid() == other.need_layout().base


def test_a_paste_that_cannot_be_is_told(client: TestClient, document: Document) -> None:
    path = f"/documents/{document.id}/paste"
    token = post(client, document, "copy", cells=[[0, 0]])["token"]
    for wrong in ({"token": "0" * 32, "row": 0, "col": 0}, {"token": token, "row": 50, "col": 0}, {"token": token}):
        assert client.post(path, json=wrong).status_code == 422
    assert document.need_layout().edits == ()


def test_a_palette_is_saved_by_name_and_used_in_another_document(
    client: TestClient, workspace: Workspace, document: Document
) -> None:
    other = make_document(workspace, seed=5)
    own = ids(other)
    assert post(client, document, "palette/save", name=" ../My/ palette ")["name"] == "My palette"
    assert [palette["name"] for palette in client.get("/palettes").json()["palettes"]] == ["My palette"]
    post(client, other, "palette/take", palette="My palette")
    assert ids(other) == ids(document)
    post(client, other, "palette/undo")
    post(client, other, "palette/take", document=document.id, beside=True)
    assert ids(other) == own + ids(document)
    for name in ("../documents", "My", "..", ""):
        assert client.post(f"/documents/{other.id}/palette/take", json={"palette": name}).status_code == 422


def test_a_palette_goes_through_a_file(client: TestClient, workspace: Workspace, document: Document) -> None:
    other = make_document(workspace, seed=6)
    content = client.get(f"/documents/{document.id}/palette.npz").content
    path = f"/documents/{other.id}/palette/file"
    assert client.post(path, files={"file": ("shared.npz", content)}).status_code == 200
    assert ids(other) == ids(document)
    refused = client.post(path, files={"file": ("notes.npz", b"no palette")})
    assert refused.status_code == 422
    assert "notes.npz" in refused.json()["error"]


def test_the_nearest_patches_of_a_scene_are_cells_nearest_first(client: TestClient, document: Document) -> None:
    document.set_scene(SceneRef("root-0", "scene", "0", (768, 640), 5e-7, 5e-7), "tiny")
    path = f"/documents/{document.id}/swatches/{ids(document)[0]}/nearest?n=5"
    patches = client.get(path).json()["patches"]
    mean, base = document.need_layout().palette.swatches[0].mean, document.need_layout().base
    cosines = (to_unit(base.vectors) @ to_unit(mean)).ravel()
    assert [patch["cell"] for patch in patches] == np.argsort(-cosines)[:5].tolist()
    assert [patch["cosine"] for patch in patches] == pytest.approx(np.sort(cosines)[::-1][:5].tolist())
