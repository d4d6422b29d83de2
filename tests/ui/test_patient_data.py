"""A name planted into file name, header and label image of a slide is in nothing that leaves the server."""

from __future__ import annotations

import io
import logging
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ssldiff_core.embeddings.embed import _source
from ssldiff_core.scenes import open_scene
from tests.ui.pictures import draw_scene
from tests.ui.results import add_result
from tests.ui.test_documents import make_layout
from ui.config import AppConfig
from ui.documents import Document
from ui.routes import add_routes
from ui.workspace import Workspace

MARKER = "Muster-Erika-4711"
LABEL_COLOUR = (255, 0, 254)
"""Of the label image: no pixel of the slide has it."""


def write_slide(folder: Path) -> Path:
    """A slide named after its patient, whose header names her too, with a label image beside the pixels."""
    import tifffile

    path = folder / f"{MARKER}.tif"
    label = np.full((400, 400, 3), LABEL_COLOUR, np.uint8)
    extra = {"description": f"Aperio {MARKER}|Patient = {MARKER}|MPP = 0.5", "software": MARKER}
    with tifffile.TiffWriter(path) as tiff:
        copyright_tag = [(33432, "s", 0, MARKER, True)]
        tiff.write(draw_scene(), tile=(256, 256), photometric="rgb", metadata=None, extratags=copyright_tag, **extra)
        tiff.write(label, photometric="rgb", metadata=None, description=f"label {MARKER}", subfiletype=1)
    return path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, Workspace]]:
    (tmp_path / MARKER).mkdir()
    write_slide(tmp_path / MARKER)
    workspace = Workspace(AppConfig(root=tmp_path / MARKER, data_dir=tmp_path / "data"))
    app = FastAPI()
    add_routes(app, workspace)
    yield TestClient(app), workspace
    workspace.close()


def drawn(client: TestClient, workspace: Workspace) -> Document:
    """The slide opened as a user does, with a grid that says where it was read, and a result."""
    entry = next(entry for entry in workspace.library.listing() if entry.origin == "root")
    identity = client.post("/documents", json={"scene": entry.id}).json()["id"]
    document = workspace.documents.get(identity)
    assert document is not None
    assert document.scene is not None
    client.post(f"/documents/{identity}/pixel-size", json={"text": "0.5 µm"})
    layout = make_layout()
    with open_scene(entry.path, pixel_size_m=5e-7) as scene:
        scene.alias = document.scene.name
        grid = replace(layout.base, source=_source(scene, layout.base.geometry))
    document.set_layout(replace(layout, base=grid), "tiny")
    add_result(workspace, document)
    workspace.documents.save(document)
    return document


def unpacked(content: bytes) -> Iterator[bytes]:
    """The bytes, and what is packed inside: parts of zips (and .npz), texts and streams of PNG, PDF and TIFF."""
    yield content
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                yield entry.filename.encode()
                yield from unpacked(archive.read(entry))
    for start in [i for i in range(min(len(content), 1 << 16)) if content[i : i + 2] in (b"\x78\x9c", b"\x78\xda")]:
        try:
            yield zlib.decompressobj().decompress(content[start:], 1 << 20)
        except zlib.error:
            continue


def exports_of(document: Document) -> list[str]:
    result = f"/documents/{document.id}/results/{document.results[0].id}"
    kinds = ("image.ome.tif", "image.png", "export.tif", "export.dzi.zip", "labels.png", "labels.geojson")
    papers = ("sheet.png", "sheet.pdf", "manifest.json")
    own = (f"/documents/{document.id}/file", f"/documents/{document.id}/palette.npz", f"/documents/{document.id}")
    return [*(f"{result}/{kind}" for kind in (*kinds, *papers)), *own]


def test_no_export_manifest_document_or_address_holds_the_name(
    served: tuple[TestClient, Workspace], caplog: pytest.LogCaptureFixture
) -> None:
    client, workspace = served
    caplog.set_level(logging.DEBUG)
    document = drawn(client, workspace)
    paths = exports_of(document)
    body = {"results": [document.results[0].id], "count": 2, "side_px": 128}
    made = client.post(f"/documents/{document.id}/reader-sets", json=body).json()
    paths += [f"/documents/{document.id}/reader-sets/{made['id']}/{what}" for what in ("images.zip", "key.csv")]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        said = [str(answer.headers).encode(), path.encode(), *unpacked(answer.content)]
        assert not any(MARKER.encode() in part for part in said), path
    assert MARKER not in caplog.text
    scene = document.scene
    assert scene is not None
    assert scene.name == f"scene {scene.digest[:8]}"


def test_with_the_option_the_name_is_kept(tmp_path: Path) -> None:
    write_slide(tmp_path)
    workspace = Workspace(AppConfig(root=tmp_path, data_dir=tmp_path / "data", keep_source_names=True))
    app = FastAPI()
    add_routes(app, workspace)
    document = drawn(TestClient(app), workspace)
    assert MARKER.lower() in document.name.lower()
    workspace.close()


def test_the_label_image_is_in_no_tile_and_no_thumbnail(served: tuple[TestClient, Workspace]) -> None:
    from PIL import Image

    client, workspace = served
    entry = next(entry for entry in workspace.library.listing() if entry.origin == "root")
    paths = [f"/thumbnails/{entry.id}/{entry.version}.jpg"]
    paths += [f"/tiles/{entry.id}/{entry.version}/3/{x}_{y}.jpg" for x in range(6) for y in range(6)]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        pixels = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
        assert np.abs(pixels - LABEL_COLOUR).sum(axis=-1).min() > 60, path


def test_a_document_finds_its_scene_by_content_under_another_name(
    served: tuple[TestClient, Workspace], tmp_path: Path
) -> None:
    client, workspace = served
    document = drawn(client, workspace)
    file = client.get(f"/documents/{document.id}/file").content
    entry = next(entry for entry in workspace.library.listing() if entry.origin == "root")
    entry.path.rename(entry.path.with_name("other.tif"))
    moved = next(entry for entry in workspace.library.listing() if entry.origin == "root")
    body = client.post("/document-files", files={"file": ("mine.ssldiff", file)}).json()
    assert (body["scene"]["id"], body["scene"]["version"]) == (moved.id, moved.version)
