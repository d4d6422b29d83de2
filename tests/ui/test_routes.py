"""The routes: what they give, what they refuse, and in which words."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ssldiff_core.layouts.layout import Layout
from tests.ui.pictures import draw_scene
from ui.config import static_version
from ui.documents import Document


def scene_id(client: TestClient, name: str) -> tuple[str, str]:
    scene = next(scene for scene in client.get("/library").json()["scenes"] if scene["name"] == name)
    return scene["id"], scene["version"]


def test_a_tile_is_the_scene_at_its_place_and_may_be_cached_for_good(client: TestClient) -> None:
    identity, version = scene_id(client, "areas.ome.tif")
    answer = client.get(f"/tiles/{identity}/{version}/3/1_2.jpg")
    assert "immutable" in answer.headers["cache-control"]
    tile = np.asarray(Image.open(io.BytesIO(answer.content)), np.float32)
    assert np.abs(tile - draw_scene()[512:768, 256:512]).mean() < 8


def test_a_tile_of_an_older_version_of_the_file_is_not_there(client: TestClient) -> None:
    identity, _ = scene_id(client, "areas.ome.tif")
    assert client.get(f"/tiles/{identity}/000000000000/0/0_0.jpg").status_code == 404


def test_a_file_that_is_no_scene_is_refused_in_the_users_words(client: TestClient) -> None:
    identity, version = scene_id(client, "false.svs")
    answer = client.post("/documents", json={"scene": identity})
    assert answer.status_code == 422
    assert "false.svs" in answer.json()["error"]
    assert client.get(f"/thumbnails/{identity}/{version}.jpg").status_code == 204


def test_changes_asked_for_by_another_site_are_refused(client: TestClient, document: Document) -> None:
    path = f"/documents/{document.id}/edits"
    body = {"kind": "erase", "version": 1, "cells": [[0, 0]]}
    assert client.post(path, json=body, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post(path, json=body, headers={"Origin": "http://testserver"}).status_code == 200


@pytest.mark.parametrize(
    "edit",
    [
        {"kind": "erase", "version": 1, "cells": [[9, 9]]},
        {"kind": "erase", "version": 1, "cells": []},
        {"kind": "erase", "version": 1, "cells": "all"},
        {"kind": "paint", "version": 1, "cells": [[0, 0]], "swatch": "none"},
        {"kind": "burn", "version": 1},
    ],
)
def test_an_edit_that_does_not_fit_is_told_and_changes_nothing(
    client: TestClient, document: Document, edit: dict[str, object]
) -> None:
    before = document.version
    answer = client.post(f"/documents/{document.id}/edits", json=edit)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert document.version == before


def test_a_stroke_over_the_socket_is_answered_and_told_to_every_page(client: TestClient, document: Document) -> None:
    swatch = document.need_layout().palette.swatches[2]
    edit = {"kind": "paint", "version": 1, "cells": [[0, 0], [0, 1]], "swatch": swatch.id}
    path = f"/documents/{document.id}/live"
    with client.websocket_connect(path) as painter, client.websocket_connect(path) as watcher:
        assert painter.receive_json()["type"] == watcher.receive_json()["type"] == "document"
        painter.send_json({"seq": 7, "edit": edit})
        answers = [painter.receive_json(), painter.receive_json()]
        assert sorted(answer["type"] for answer in answers) == ["ack", "layout"]
        assert watcher.receive_json()["edits"] == 1
        painter.send_text("no json")
        assert painter.receive_json() == {"type": "error", "seq": None, "error": "This stroke was not understood."}


def test_points_are_float32_of_x_y_and_what_they_are_of(client: TestClient, document: Document) -> None:
    key = document.points_key
    n = sum(len(swatch.vectors) for swatch in document.need_layout().palette.swatches)
    document.set_points("pca", np.arange(2 * n).reshape(n, 2), key)
    points = np.frombuffer(client.get(f"/documents/{document.id}/points/{key}/pca.f32").content, "<f4")
    assert points.reshape(-1, 3)[1].tolist() == [2.0, 3.0, 0.0]


def test_what_another_grid_or_palette_replaced_is_answered_by_nothing(client: TestClient, document: Document) -> None:
    for path in (f"points/{'0' * 16}/pca.f32", f"points/{document.points_key}/none.f32", "exemplars/gone/0.jpg"):
        assert client.get(f"/documents/{document.id}/{path}").status_code == 204


def test_without_a_scene_the_points_outlive_a_layout_that_is_replaced(client: TestClient, document: Document) -> None:
    key, layout = document.points_key, document.need_layout()
    document.set_points("pca", np.ones((30, 2)), key)
    other = layout.base.with_vectors(layout.base.vectors[::-1])
    assert other != layout.base
    document.jump_to(Layout(other, layout.palette))
    assert client.get(f"/documents/{document.id}/points/{key}/pca.f32").status_code == 200
    assert document.set_points("umap", np.zeros((30, 2)), key)  # which was being made meanwhile


@pytest.mark.parametrize("path", ["..%2fserver.py", "none.js", "..%2f..%2fapp.py"])
def test_static_files_come_from_their_folder_alone(client: TestClient, path: str) -> None:
    assert client.get(f"/static/{static_version()}/scripts/{path}").status_code == 404


def test_the_pages_scripts_name_no_other_host(client: TestClient) -> None:
    text = client.get(f"/static/{static_version()}/scripts/viewer.js").text
    assert "import" in text
    assert "http:" not in text
    assert "https:" not in text
