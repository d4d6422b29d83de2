"""A document is on disk what it is in memory, whatever was done to it."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import LayoutError
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.layouts import Erase, Layout, Paint, palette_from_grid
from ui.document_json import document_to_json
from ui.document_store import DocumentStore
from ui.documents import Document


def make_layout(seed: int = 0) -> Layout:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(5, 6, 8)).astype(np.float32)
    grid = EmbeddingGrid(vectors, np.ones((5, 6), bool), GridGeometry((5, 6), 5e-7), "tiny-1")
    return Layout(grid, palette_from_grid(grid, n_swatches=3)[0])


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    return DocumentStore(tmp_path)


@pytest.fixture
def document(store: DocumentStore) -> Document:
    document = store.create()
    document.set_layout(make_layout(), "tiny")
    swatch = document.need_layout().palette.swatches[1]
    for row in range(3):
        document.edit(Paint(((row, 0), (row, 1)), swatch.id, "mean"))
    document.edit(Erase(((4, 4),)))
    document.undo()
    return document


def test_a_saved_document_opens_as_it_was(store: DocumentStore, document: Document, tmp_path: Path) -> None:
    document.set_points("pca", np.ones((30, 2), np.float32), document.points_key)
    store.save(document)
    again = DocumentStore(tmp_path).get(document.id)
    assert again is not None
    assert document_to_json(again) == document_to_json(document)
    assert again.need_layout().redo().grid() == document.need_layout().redo().grid()


def test_changes_are_saved_by_themselves(store: DocumentStore, document: Document, tmp_path: Path) -> None:
    store.close()
    again = DocumentStore(tmp_path).get(document.id)
    assert again is not None
    assert again.version == document.version


def test_a_document_made_a_moment_ago_is_listed(store: DocumentStore) -> None:
    store._stop.set()  # nothing is saved by the clock
    document = store.create()
    document.set_layout(make_layout(), "tiny")
    assert [one["id"] for one in store.recent()] == [document.id]


def test_documents_that_nobody_holds_leave_memory_but_the_last_ones(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.document_store.KEPT_OPEN", 2)
    made = [store.create() for _ in range(5)]
    for document in made:
        document.set_layout(make_layout(), "tiny")
        store.save(document)
    names, known = [document.id for document in made], [weakref.ref(document) for document in made]
    held = made[0]
    del made, document
    assert [one() is not None for one in known] == [True, False, False, True, True]
    assert store.get(names[0]) is held  # one object, whoever asks
    assert store.get(names[1]).need_layout() == make_layout()  # read again


def test_a_change_by_whoever_held_a_document_last_is_saved(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.document_store.KEPT_OPEN", 1)
    document = store.create()
    document.set_layout(make_layout(), "tiny")
    store.save(document)
    name = document.id
    for _ in range(3):
        store.create()
    document.rename("as a job leaves it")
    del document
    assert store.get(name).name == "as a job leaves it"
    for _ in range(3):
        store.create()
    store.close()
    assert store.get(name).name == "as a job leaves it"


def test_a_document_that_was_deleted_is_not_saved_by_a_job_that_goes_on(store: DocumentStore) -> None:
    document = store.create()
    document.set_layout(make_layout(), "tiny")
    store.save(document)
    store.delete(document)
    document.rename("too late")
    store.close()
    assert store.get(document.id) is None


def test_an_edit_that_does_not_fit_changes_nothing(document: Document) -> None:
    before = document_to_json(document)
    with pytest.raises(LayoutError):
        document.edit(Erase(((99, 0),)))
    assert document_to_json(document) == before


def test_edited_cells_are_those_that_differ_from_the_base(document: Document) -> None:
    _, edited = document.labels()
    assert [tuple(cell) for cell in np.argwhere(edited)] == [(row, col) for row in range(3) for col in range(2)]


def test_points_of_a_grid_that_is_gone_are_not_taken(document: Document) -> None:
    old = document.points_key
    document.set_layout(make_layout(1), "tiny")
    assert not document.set_points("umap", np.zeros((30, 2)), old)
    assert document.points == {}


def test_what_the_saved_document_no_longer_names_is_removed(
    store: DocumentStore, document: Document, tmp_path: Path
) -> None:
    store.save(document)
    document.set_layout(make_layout(1), "tiny")
    store.save(document)
    assert len(list((tmp_path / document.id).glob("grid-*.npz"))) == 1
    assert len(list((tmp_path / document.id).glob("palette-*.npz"))) == 1


@pytest.mark.parametrize("identity", ["", "..", "../documents", "0" * 31, "g" * 32])
def test_what_is_no_id_opens_nothing(store: DocumentStore, identity: str) -> None:
    assert store.get(identity) is None


def test_a_broken_document_is_not_opened_and_not_listed(
    store: DocumentStore, document: Document, tmp_path: Path
) -> None:
    store.save(document)
    store.close()
    (tmp_path / document.id / "document.json").write_text("{", encoding="utf-8")
    fresh = DocumentStore(tmp_path)
    assert fresh.get(document.id) is None
    assert fresh.recent() == []


def test_a_layout_over_another_grid_is_one_step_of_undo_also_after_opening_again(
    store: DocumentStore, document: Document, tmp_path: Path
) -> None:
    before = document.need_layout()
    other = Layout(make_layout(1).base, before.palette)
    document.jump_to(other, "growth")
    document.edit(Erase(((0, 0),)))
    document.undo()
    store.save(document)
    again = DocumentStore(tmp_path).get(document.id)
    assert again is not None
    for held in (document, again):
        assert held.need_layout().base == other.base
        held.undo()
        assert (held.need_layout().base, held.need_layout().edits) == (before.base, before.edits)
        held.redo()
        assert held.need_layout().base == other.base


def test_going_on_from_result_to_result_is_one_step_and_growing_is_one_each(document: Document) -> None:
    before = document.need_layout()
    grids = [make_layout(seed).base for seed in (1, 2, 3)]
    for grid, why in zip(grids, ("result", "result", "growth"), strict=True):
        document.jump_to(Layout(grid, before.palette), why)
    document.undo()
    assert document.need_layout().base == grids[1]
    document.undo()
    assert document.need_layout().base == before.base
