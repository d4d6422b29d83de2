"""A blinded set tells readers nothing but the pictures, and its maker everything."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.ui.results import add_result
from ui.documents import Document
from ui.records import SceneRef
from ui.workspace import Workspace

COUNT = 6


@pytest.fixture
def made(client: TestClient, workspace: Workspace, document: Document) -> dict[str, str]:
    """A set of a document over the scene of the root, and the addresses of maker and reader."""
    entry = next(entry for entry in workspace.library.listing() if entry.name == "areas.ome.tif")
    document.set_scene(SceneRef(entry.id, entry.name, entry.version, (1400, 1300), 5e-7, 5e-7), "tiny")
    record = add_result(workspace, document)
    maker = f"/documents/{document.id}/reader-sets"
    answer = client.post(maker, json={"results": [record.id], "count": COUNT, "side_px": 128})
    assert answer.status_code == 200, answer.text
    return {"id": answer.json()["id"], "maker": maker, "reader": f"/reader-sets/{answer.json()['id']}"}


def read_key(client: TestClient, made: dict[str, str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(f"{made['maker']}/{made['id']}/key.csv").text)))


def test_half_is_real_and_the_key_is_the_one_that_was_sealed(client: TestClient, made: dict[str, str]) -> None:
    rows = read_key(client, made)
    assert sorted(row["kind"] for row in rows) == ["real"] * 3 + ["synthetic"] * 3
    sealed = client.get(made["maker"]).json()["sets"][0]["key_sha256"]
    key = client.get(f"{made['maker']}/{made['id']}/key.csv").content
    assert sealed == hashlib.sha256(key).hexdigest()


def test_images_of_both_kinds_say_and_look_the_same_outside(client: TestClient, made: dict[str, str]) -> None:
    content = client.get(f"{made['maker']}/{made['id']}/images.zip").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        images = [Image.open(io.BytesIO(archive.read(name))) for name in names if name.endswith(".png")]
    assert len(images) == COUNT
    assert not any("key" in name for name in names)
    outsides = {(image.size, image.mode, tuple(sorted(image.info.items()))) for image in images}
    assert len(outsides) == 1
    assert "SYNTHETIC" in str(outsides)


def test_a_reader_sees_no_score_before_the_last_answer_and_the_first_answer_counts(
    client: TestClient, made: dict[str, str]
) -> None:
    kinds = {row["name"]: row["kind"] == "synthetic" for row in read_key(client, made)}
    progress = client.get(f"{made['reader']}/progress?reader=Anna").json()
    assert sorted(progress["left"]) == sorted(kinds)
    for name in progress["left"]:
        assert progress["score"] is None
        for synthetic in (kinds[name], not kinds[name]):
            body = {"reader": "Anna", "name": name, "synthetic": synthetic}
            progress = client.post(f"{made['reader']}/answers", json=body).json()
    assert progress["score"]["correct"] == COUNT
    scores = csv.DictReader(io.StringIO(client.get(f"{made['maker']}/{made['id']}/scores.csv").text))
    assert [(row["reader"], row["accuracy"]) for row in scores] == [("Anna", "1.0")]


def test_a_readers_name_is_no_formula_and_no_path(client: TestClient, made: dict[str, str]) -> None:
    name = read_key(client, made)[0]["name"]
    for reader in ("=cmd()", "../../x", "<img src=x>"):
        body = {"reader": reader, "name": name, "synthetic": True}
        assert client.post(f"{made['reader']}/answers", json=body).status_code == 200
    text = client.get(f"{made['maker']}/{made['id']}/scores.csv").text
    assert "'=cmd()" in text
    assert client.post(f"{made['reader']}/answers", json={"reader": " ", "name": name}).status_code == 422


def test_a_reader_reaches_neither_key_nor_document(
    client: TestClient, made: dict[str, str], document: Document
) -> None:
    page = client.get(f"{made['reader']}/read")
    assert (page.status_code, document.id in page.text) == (200, False)
    for path in ("key.csv", "scores.csv", "images/key.csv", "images/..%2fkey.csv.png", "images/../key.csv"):
        assert client.get(f"{made['reader']}/{path}").status_code == 404, path
    other = "0" * 32
    assert client.get(f"/documents/{other}/reader-sets/{made['id']}/key.csv").status_code == 404
    assert client.get(f"/reader-sets/{other}/read").status_code == 404


@pytest.mark.parametrize("wrong", [{"count": 1}, {"count": 1000}, {"side_px": 99}, {"results": []}])
def test_a_set_that_cannot_be_cut_is_told_and_leaves_nothing(
    client: TestClient, workspace: Workspace, document: Document, made: dict[str, str], wrong: dict[str, object]
) -> None:
    body = {"results": [document.results[0].id], "count": COUNT, "side_px": 128, **wrong}
    assert client.post(made["maker"], json=body).status_code == 422
    assert len(list((workspace.config.data_dir / "reader-sets").iterdir())) == 1
