"""A file of annotations, or a label mask, becomes the layout by the swatches that the user chooses."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ssldiff_core.layouts import label_map
from ui.documents import Document
from ui.handlers import apply_edit
from ui.workspace import Workspace

CELL = 128


def square(name: str | None, left: float, top: float, right: float, bottom: float) -> dict[str, Any]:
    """A feature as QuPath writes it; corners in cells."""
    ring = [[x * CELL, y * CELL] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))]
    properties = {} if name is None else {"classification": {"name": name, "color": [200, 0, 0]}}
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}


def geojson(*features: dict[str, Any]) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def mask(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def send(client: TestClient, document: Document, name: str, content: bytes) -> Any:
    return client.post(f"/documents/{document.id}/annotations", files={"file": (name, content)})


def lay(client: TestClient, document: Document, token: str, **swatches: str) -> Any:
    return client.post(f"/documents/{document.id}/annotations/lay", json={"token": token, "swatches": swatches})


def swatch(document: Document, index: int) -> str:
    return document.need_layout().palette.swatches[index].id


def test_classes_are_asked_for_and_painted_in_one_step_of_undo(client: TestClient, document: Document) -> None:
    own = document.need_layout().palette.swatches[1].name
    before = document.need_layout()
    found = send(
        client, document, "a.geojson", geojson(square("Tumor", 0, 0, 2, 2), square(f"{own}: sort", 3, 1, 5, 3))
    )
    body = found.json()
    classes = {one["name"]: one for one in body["classes"]}
    assert classes["Tumor"] == {"name": "Tumor", "areas": 1, "colour": "#c80000", "swatch": ""}
    assert classes[f"{own}: sort"]["swatch"] == swatch(document, 1)
    assert "pixels of the canvas" in body["place"]
    answer = lay(client, document, body["token"], Tumor=swatch(document, 2), **{f"{own}: sort": swatch(document, 1)})
    assert answer.status_code == 200
    labels = label_map(document.need_layout())
    assert (labels[:2, :2] == 2).all()
    assert (labels[1:3, 3:5] == 1).all()
    document.undo()
    assert document.need_layout().grid() == before.grid()


def test_a_class_may_be_left_out_or_erased(client: TestClient, document: Document) -> None:
    before = label_map(document.need_layout())
    content = geojson(
        square("A", 0, 0, 1, 1), square("B", 1, 0, 2, 1), square(None, 2, 0, 3, 1), square("C", 3, 0, 4, 1)
    )
    token = send(client, document, "a.json", content).json()["token"]
    lay(client, document, token, A="", B="erase", C=swatch(document, 0), **{"": swatch(document, 2)})
    labels = label_map(document.need_layout())
    assert labels[0, :4].tolist() == [before[0, 0], -1, 2, 0]


def test_a_mask_of_any_size_lies_over_the_whole_layout(client: TestClient, document: Document) -> None:
    values = np.zeros((50, 60))
    values[:20, 30:] = 7
    body = send(client, document, "mask.png", mask(values)).json()
    assert [one["name"] for one in body["classes"]] == ["7"]
    assert "over the whole layout" in body["place"]
    before = label_map(document.need_layout())
    lay(client, document, body["token"], **{"7": swatch(document, 2)})
    labels = label_map(document.need_layout())
    assert (labels[:2, 3:] == 2).all()
    assert np.array_equal(labels[2:], before[2:])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("mask.png", mask(np.ones((50, 50))), "shape of the layout"),
        ("mask.png", b"no picture", "no image"),
        ("a.geojson", b"{", "neither GeoJSON nor a mask"),
        ("a.geojson", b"[1, 2]", "no GeoJSON"),
        ("a.geojson", geojson(), "no area"),
        ("a.txt", b"hello", "neither GeoJSON nor a mask"),
    ],
)
def test_what_is_no_layout_is_said_without_a_path_of_the_server(
    client: TestClient, document: Document, name: str, content: bytes, said: str
) -> None:
    answer = send(client, document, name, content)
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert "/tmp" not in answer.json()["error"]


def test_annotations_beside_the_layout_and_tokens_of_others_are_refused(
    client: TestClient, workspace: Workspace, document: Document
) -> None:
    token = send(client, document, "a.geojson", geojson(square("A", 50, 50, 52, 52))).json()["token"]
    assert "lies on the canvas" in lay(client, document, token, A=swatch(document, 0)).json()["error"]
    other = workspace.documents.create()
    other.set_layout(document.need_layout(), "tiny")
    assert "no longer kept" in lay(client, other, token, A=swatch(document, 0)).json()["error"]


def test_the_layout_goes_on_like_any_other(client: TestClient, workspace: Workspace, document: Document) -> None:
    token = send(client, document, "a.geojson", geojson(square("A", 0.5, 0.5, 2.5, 2.5))).json()["token"]
    lay(client, document, token, A=swatch(document, 2))
    edit = {"version": 1, "kind": "paint", "cells": [[4, 4]], "swatch": swatch(document, 0)}
    apply_edit(workspace, document, edit)
    assert len(document.need_layout().divided_cells()[0]) > 0
    for _ in range(2):
        apply_edit(workspace, document, {"kind": "undo"})
    assert not document.need_layout().edits
