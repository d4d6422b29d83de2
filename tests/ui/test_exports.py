"""Images in other formats are the result, say what they are, and leave nothing behind on the server."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ssldiff_core.embeddings.grid import EmbeddingGrid
from tests.ui.results import add_result
from tests.ui.test_documents import make_layout
from ui.documents import Document
from ui.records import ResultRecord
from ui.results import result_folder, result_pixels
from ui.workspace import Workspace

PLACE = {"crs": "EPSG:32636", "transform": [0.3, 0.0, 450_000.0, 0.0, -0.3, 35_000.0]}


@pytest.fixture
def record(workspace: Workspace, document: Document) -> ResultRecord:
    layout = make_layout()
    grid: EmbeddingGrid = replace(layout.base, source=PLACE)
    document.set_layout(replace(layout, base=grid), "tiny")
    return add_result(workspace, document)


def address(document: Document, record: ResultRecord, ending: str) -> str:
    return f"/documents/{document.id}/results/{record.id}/export.{ending}"


def pixels(workspace: Workspace, document: Document, record: ResultRecord) -> np.ndarray:
    return result_pixels(result_folder(workspace, document, record), (record.width, record.height))


def test_a_geotiff_lies_where_its_reference_lies(
    client: TestClient, workspace: Workspace, document: Document, record: ResultRecord
) -> None:
    import rasterio

    answer = client.get(address(document, record, "cog.tif"))
    assert answer.headers["content-disposition"] == 'attachment; filename="noise.cog.tif"'
    with rasterio.MemoryFile(answer.content) as memory, memory.open() as image:
        assert image.crs.to_epsg() == 32636
        assert (image.bounds.left, image.bounds.top) == pytest.approx((450_000, 35_000))
        assert np.array_equal(image.read().transpose(1, 2, 0), pixels(workspace, document, record))
        assert "SYNTHETIC" in image.tags()["TIFFTAG_IMAGEDESCRIPTION"]


def test_deep_zoom_holds_the_image_tile_by_tile(
    client: TestClient, workspace: Workspace, document: Document, record: ResultRecord
) -> None:
    with zipfile.ZipFile(io.BytesIO(client.get(address(document, record, "dzi.zip")).content)) as archive:
        names = archive.namelist()
        top = max(int(name.split("/")[1]) for name in names if name.count("/") == 2)
        first = next(name for name in names if f"/{top}/0_0." in name)
        tile = np.asarray(Image.open(io.BytesIO(archive.read(first))))
        assert np.array_equal(tile, pixels(workspace, document, record)[: tile.shape[0], : tile.shape[1]])
        assert any(name.endswith(".manifest.json") for name in names)
        described = next(archive.read(name) for name in names if name.endswith(".dzi"))
    assert b"SYNTHETIC" in described


def test_a_result_without_a_place_is_no_geotiff_and_an_unknown_ending_nothing(
    client: TestClient, workspace: Workspace, document: Document
) -> None:
    record = add_result(workspace, document)
    answer = client.get(address(document, record, "cog.tif"))
    assert (answer.status_code, "OME-TIFF" in answer.json()["error"]) == (422, True)
    assert client.get(address(document, record, "exe")).status_code == 404


def test_an_image_comes_with_its_labels_pixel_on_pixel(
    client: TestClient, workspace: Workspace, document: Document, record: ResultRecord
) -> None:
    answer = client.get(f"/documents/{document.id}/results/{record.id}/pair.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="noise.pair.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        image, labels = (np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in ("image.png", "labels.png"))
        shapes = json.loads(archive.read("labels.geojson"))
        manifest = json.loads(archive.read("image.png.manifest.json"))
    assert np.array_equal(image, pixels(workspace, document, record))
    assert labels.shape == image.shape[:2]
    cells = document.labels()[0]
    assert (labels[64::128, 64::128] == cells + 1).all()  # in the middle of each cell
    names = {feature["properties"]["classification"]["name"] for feature in shapes["features"]}
    assert names == {document.need_layout().palette.names[index] for index in np.unique(cells)}
    assert manifest["settings"]["seed"] == record.seed
    assert list(workspace.config.data_dir.glob(".out-*")) == []


def test_what_was_sent_is_removed(
    client: TestClient, workspace: Workspace, document: Document, record: ResultRecord
) -> None:
    assert client.get(address(document, record, "tif")).status_code == 200
    assert list(workspace.config.data_dir.glob(".out-*")) == []
