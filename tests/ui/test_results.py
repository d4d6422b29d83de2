"""What is taken out of a result lies over its image and says what it is; its numbers are those of the grid."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ssldiff_core.layouts import Paint
from tests.ui.results import add_result
from ui.documents import Document
from ui.records import ResultRecord
from ui.results import result_folder
from ui.workspace import Workspace


@pytest.fixture
def record(workspace: Workspace, document: Document) -> ResultRecord:
    swatch = document.need_layout().palette.swatches[2]
    document.edit(Paint(((0, 0), (0, 1), (1, 0)), swatch.id, "mean"))
    return add_result(workspace, document)


def address(document: Document, record: ResultRecord) -> str:
    return f"/documents/{document.id}/results/{record.id}"


def test_the_labels_are_those_of_the_moment_of_drawing(
    client: TestClient, document: Document, record: ResultRecord
) -> None:
    labels, _ = document.labels()
    drawn = labels.copy()
    palette = document.need_layout().palette
    name = palette.swatches[2].name
    document.set_palette(palette.rename(palette.swatches[2].id, "Renamed"))
    document.edit(Paint(((4, 4),), palette.swatches[0].id, "mean"))
    with Image.open(io.BytesIO(client.get(f"{address(document, record)}/labels.png").content)) as image:
        assert image.size == (record.width, record.height)
        assert np.array_equal(np.asarray(image)[64::128, 64::128].astype(int) - 1, drawn)
        assert json.loads(image.info["classes"])["3"] == name
    body = client.get(f"{address(document, record)}/labels.geojson").json()
    corners = np.concatenate([np.array(ring) for f in body["features"] for ring in f["geometry"]["coordinates"]])
    assert corners.min() == 0
    assert corners.max(axis=0).tolist() == [record.width, record.height]


@pytest.mark.parametrize(
    "body",
    [
        "{", "[]", '{"labels": [[0, 1], [2]], "classes": []}', '{"labels": 3, "classes": []}',
        '{"labels": [[0, 1, 2]], "classes": [{"name": "a", "colour": "#000000"}]}',
        '{"labels": [[99999999999999999999]], "classes": []}',
    ],
)  # fmt: skip
def test_damaged_labels_are_refused_in_words(
    client: TestClient, workspace: Workspace, document: Document, record: ResultRecord, body: str
) -> None:
    (result_folder(workspace, document, record) / "labels.json").write_text(body, encoding="utf-8")
    for what in ("labels.png", "labels.geojson", "pair.zip"):
        answer = client.get(f"{address(document, record)}/{what}")
        assert (answer.status_code, "labels" in answer.json()["error"]) == (422, True)


def test_labels_leave_nothing_on_the_server(
    client: TestClient, workspace: Workspace, document: Document, record: ResultRecord
) -> None:
    folder = result_folder(workspace, document, record)
    before = sorted(folder.rglob("*"))
    for what in ("labels.png", "labels.png?ignore_px=8", "labels.geojson"):
        assert client.get(f"{address(document, record)}/{what}").status_code == 200
    assert sorted(folder.rglob("*")) == before
    assert not list(workspace.config.data_dir.glob(".out-*"))


def test_a_band_wider_than_sense_is_refused(client: TestClient, document: Document, record: ResultRecord) -> None:
    answer = client.get(f"{address(document, record)}/labels.png?ignore_px=999")
    assert (answer.status_code, "64 px" in answer.json()["error"]) == (422, True)


def test_a_contact_sheet_is_a_picture_or_a_page(
    client: TestClient, workspace: Workspace, document: Document, record: ResultRecord
) -> None:
    other = add_result(workspace, document, "ba9876543210", seed=8)
    one, both = (
        Image.open(io.BytesIO(client.get(f"{address(document, record)}/sheet.png?with_all={more}").content))
        for more in ("false", "true")
    )
    assert one.width < both.width or one.height < both.height
    assert one.info["Title"].startswith("SYNTHETIC")
    assert client.get(f"{address(document, other)}/sheet.pdf").content.startswith(b"%PDF")
    assert client.get(f"{address(document, other)}/sheet.exe").status_code == 404


@pytest.mark.parametrize("name", ["borders", "main", "swatch"])
def test_a_quantity_has_a_number_for_every_valid_cell(client: TestClient, document: Document, name: str) -> None:
    swatch = document.need_layout().palette.swatches[1]
    document.edit(Paint(((3, 3),), swatch.id, "mean"))
    body = client.get(f"/documents/{document.id}/quantities/{name}?swatch={swatch.id}").json()
    values = np.frombuffer(base64.b64decode(body["values"]), "<f4").reshape(body["rows"], body["cols"])
    assert np.isfinite(values).all()
    if name == "swatch":
        assert values[3, 3] == pytest.approx(1)
        assert values.max() == values[3, 3]


def test_borders_are_high_where_neighbours_differ(client: TestClient, document: Document) -> None:
    first, second = document.need_layout().palette.swatches[:2]
    left = tuple((row, col) for row in range(5) for col in range(3))
    right = tuple((row, col) for row in range(5) for col in range(3, 6))
    document.edit(Paint(left, first.id, "mean"))
    document.edit(Paint(right, second.id, "mean"))
    body = client.get(f"/documents/{document.id}/quantities/borders").json()
    values = np.frombuffer(base64.b64decode(body["values"]), "<f4").reshape(5, 6)
    assert (values[:, [2, 3]] > 0.1).all()
    assert np.allclose(values[:, [0, 1, 4, 5]], 0, atol=1e-6)


@pytest.mark.parametrize("name", ["none", "range", "swatch"])
def test_a_quantity_that_is_not_there_is_told(client: TestClient, document: Document, name: str) -> None:
    assert client.get(f"/documents/{document.id}/quantities/{name}?swatch=none").status_code == 422


def test_a_deleted_result_is_gone_from_document_and_disk(
    client: TestClient, workspace: Workspace, document: Document, record: ResultRecord
) -> None:
    path: Path = workspace.library.get(record.scene_id).path
    assert client.post(f"{address(document, record)}/delete", json={}).json() == {"ok": True}
    assert document.results == ()
    assert not path.exists()
