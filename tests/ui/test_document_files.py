"""A document comes back from its file as it was; a file that is no such thing leaves nothing behind."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.errors import LayoutError
from ssldiff_core.layouts import Paint
from ssldiff_core.scenes.probe import probe_files
from tests.ui.results import add_result
from tests.ui.test_documents import make_layout
from ui import document_files
from ui.config import AppConfig
from ui.document_files import duplicate_document, read_document_file, write_document_file
from ui.document_json import document_to_json
from ui.documents import Document
from ui.proposals import Proposed, keep_proposal, load_proposal, proposals_to_json
from ui.workspace import Workspace

LIMIT = 1 << 30
PROPOSED = "proposals/0123456789ab-3.npz"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = Workspace(AppConfig(data_dir=tmp_path / "data"))
    yield made
    made.close()


@pytest.fixture
def document(workspace: Workspace) -> Document:
    made = workspace.documents.create()
    made.set_layout(make_layout(), "tiny")
    swatch = made.need_layout().palette.swatches[1]
    made.edit(Paint(((0, 0), (0, 1)), swatch.id, "mean"))
    made.set_points("pca", np.ones((30, 2), np.float32), made.points_key)
    add_result(workspace, made)
    told = {"prompt": "a river", "seed": 3, "phrases": ["a river"]}
    grid = replace(make_layout(1).base, source={"text": told})
    keep_proposal(workspace, made, Proposed("0123456789ab", grid, ("'moat' is unknown",), ((0, 1),)))
    return made


@pytest.fixture
def packed(workspace: Workspace, document: Document, tmp_path: Path) -> Path:
    path = tmp_path / "saved.ssldiff"
    write_document_file(workspace.documents, document, path)
    return path


def load(workspace: Workspace, path: Path, limit: int = LIMIT) -> Document:
    with path.open("rb") as file:
        return read_document_file(workspace.documents, file, limit)


def comparable(document: Document) -> dict[str, object]:
    """All of a document but what names it."""
    body = json.loads(json.dumps(document_to_json(document)).replace(document.id, "ID"))
    body["results"] = [record | {"scene_version": ""} for record in body["results"]]  # goes with the file
    return {key: value for key, value in body.items() if key not in ("version",)} | {"layout": body["layout"]["labels"]}


def test_what_is_loaded_is_what_was_saved_under_a_new_id(
    workspace: Workspace, document: Document, packed: Path
) -> None:
    again = load(workspace, packed)
    assert again.id != document.id
    assert comparable(again) == comparable(document)
    assert again.need_layout().undo().grid() == document.need_layout().undo().grid()
    old, new = (workspace.library.get(d.results[0].scene_id).path.read_bytes() for d in (document, again))
    assert old == new
    assert workspace.library.get(again.results[0].scene_id).version == again.results[0].scene_version


def test_layouts_of_a_sentence_go_with_the_document_into_its_file_and_its_copies(
    workspace: Workspace, document: Document, packed: Path
) -> None:
    shown = proposals_to_json(workspace, document)
    assert [one["text"] for one in shown["proposals"]] == ["a river"]
    for other in (load(workspace, packed), duplicate_document(workspace.documents, document)):
        assert proposals_to_json(workspace, other) == shown
        assert load_proposal(workspace, other, "0123456789ab-3").kept == ((0, 1),)


def test_a_copy_lives_on_its_own(workspace: Workspace, document: Document) -> None:
    copy = duplicate_document(workspace.documents, document)
    copy.undo()
    assert len(document.need_layout().edits) == 1
    workspace.documents.delete(document)
    assert workspace.documents.get(document.id) is None
    assert workspace.library.get(copy.results[0].scene_id).path.is_file()


def repack(packed: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The file with its parts changed."""
    with zipfile.ZipFile(packed) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return packed


def _npz(shape: tuple[int, ...]) -> bytes:
    """An archive whose one array tells a shape that it does not have."""
    array, archive = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": "<f4", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("vectors.npy", array.getvalue() + bytes(16))
    return archive.getvalue()


def _document(parts: dict[str, bytes], **changes: object) -> None:
    parts["document.json"] = json.dumps(json.loads(parts["document.json"]) | changes).encode()


def _proposal(parts: dict[str, bytes], **changes: object) -> None:
    (record,) = json.loads(parts["proposals/proposals.json"])["proposals"]
    parts["proposals/proposals.json"] = json.dumps({"proposals": [record | changes]}).encode()


BAD: dict[str, Callable[[dict[str, bytes]], None]] = {
    "a path out of the folder": lambda parts: parts.update({"../evil.json": b"{}"}),
    "an absolute path": lambda parts: parts.update({"/etc/evil": b"x"}),
    "a program": lambda parts: parts.update({"run.py": b"print()"}),
    "a path in a result": lambda parts: parts.update({"results/0123456789ab/../../../evil.json": b"{}"}),
    "no header": lambda parts: parts.pop("ssldiff.json"),
    "another kind": lambda parts: parts.update({"ssldiff.json": b'{"kind": "cake", "version": 1}'}),
    "a later format": lambda parts: parts.update({"ssldiff.json": b'{"kind": "ssldiff document", "version": 9}'}),
    "a bomb": lambda parts: parts.update({"results/0123456789ab/image.ome.tif": bytes(64 << 20)}),
    "an array that tells a shape it has not": lambda parts: parts.update({"grid-0.npz": _npz((1 << 20, 1 << 20))}),
    "a grid elsewhere": lambda parts: _document(parts, grid="../../secret.npz"),
    "no grid": lambda parts: [parts.pop(name) for name in list(parts) if name.startswith("grid-")],
    "results that are none": lambda parts: _document(parts, results=[{"id": "../.."}]),
    "a text for a document": lambda parts: parts.update({"document.json": b"[1]"}),
    "a layout that is no grid": lambda parts: parts.update({PROPOSED: parts["palette-1.npz"]}),
    "a layout that is missing": lambda parts: parts.pop(PROPOSED),
    "a layout of another name": lambda parts: _proposal(parts, key="../../document"),
    "a layout whose cells are none": lambda parts: _proposal(parts, kept=["all"]),
    "a layout without notes": lambda parts: _proposal(parts, notes=None),
    "a layout under a strange name": lambda parts: parts.update({"proposals/run.npz": parts[PROPOSED]}),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_with_something_else_in_it_is_refused_and_leaves_nothing(
    workspace: Workspace, packed: Path, what: str, tmp_path: Path
) -> None:
    before = sorted(path for path in tmp_path.rglob("*") if "jobs" not in path.parts)
    with pytest.raises(LayoutError, match="open this file"):
        load(workspace, repack(packed, BAD[what]))
    assert sorted(path for path in tmp_path.rglob("*") if "jobs" not in path.parts) == before


def test_an_image_that_a_reader_dies_of_is_refused_and_leaves_nothing(
    workspace: Workspace, packed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(document_files, "probe_files", partial(probe_files, code="import os; os.abort()"))
    before = sorted((tmp_path / "data" / "documents").iterdir())
    with pytest.raises(LayoutError, match="an image in it is damaged"):
        load(workspace, packed)
    assert sorted((tmp_path / "data" / "documents").iterdir()) == before


def test_what_is_no_zip_or_cut_off_or_too_large_is_refused(workspace: Workspace, packed: Path) -> None:
    with pytest.raises(LayoutError, match="larger than"):
        load(workspace, packed, limit=1000)
    content = packed.read_bytes()
    for wrong in (b"", b"PK no zip", content[: len(content) // 2], content[:-200] + bytes(200)):
        packed.write_bytes(wrong)
        with pytest.raises(LayoutError):
            load(workspace, packed)


def test_a_damaged_part_is_refused(workspace: Workspace, packed: Path) -> None:
    content = bytearray(packed.read_bytes())
    with zipfile.ZipFile(packed) as archive:
        entry = next(item for item in archive.infolist() if item.filename.endswith(".ome.tif"))
    content[entry.header_offset + 2000] ^= 255
    packed.write_bytes(content)
    with pytest.raises(LayoutError):
        load(workspace, packed)
