"""Strokes finer than cells, in a document: one stroke is one edit, what is told is what there is, files keep it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ssldiff_core.layouts import Copy, Erase, Paint, PaintRegion, label_map
from tests.ui.test_documents import make_layout
from ui import handlers
from ui.document_json import document_to_json
from ui.document_store import DocumentStore
from ui.documents import Document
from ui.results import keep_labels, result_labels
from ui.workspace import Workspace

LINE = [[0.5, 0.5], [2.0, 0.7], [2.4, 3.1], [5.2, 4.4]]


def stroke(document: Document, swatch: str, first: int, last: int) -> dict[str, object]:
    return {
        "kind": "paintregion", "version": 1, "swatch": swatch, "seed": 3, "lines": [LINE[first:last]],
        "width_cell": 0.25, "stroke": "a",
    }  # fmt: skip


def test_the_pieces_of_a_fine_stroke_are_one_edit_which_one_undo_takes_back(
    workspace: Workspace, document: Document
) -> None:
    swatch = document.need_layout().palette.swatches[1].id
    whole = document.need_layout().apply(PaintRegion(swatch, (), (tuple(map(tuple, LINE)),), 0.25, seed=3))
    for first, last in ((0, 1), (0, 3), (2, 4)):
        handlers.apply_edit(workspace, document, stroke(document, swatch, first, last))
    assert document.need_layout().edits == whole.edits
    assert document.need_layout().grid() == whole.grid()
    assert document_to_json(document)["layout"]["divided"]["side"] == 16
    handlers.apply_edit(workspace, document, {"kind": "abandon", "stroke": "a"})
    assert document.need_layout().grid() == document.need_layout().base
    assert document_to_json(document)["layout"]["divided"] is None


def test_labels_and_what_is_pending_are_the_same_whether_kept_up_or_told_anew() -> None:
    document = Document()
    document.set_layout(make_layout(), "tiny")
    swatches = [swatch.id for swatch in document.need_layout().palette.swatches]
    document.drawn = document.need_layout().grid()
    edits = (
        Paint(((0, 0), (1, 1)), swatches[0], seed=2),
        PaintRegion(swatches[1], (), (((0.5, 0.5), (4.5, 4.2)),), 0.5),
        Copy((0, 0, 2, 2), (3, 3)),
        Erase(((2, 2),)),
        PaintRegion(swatches[2], ((((0, 0), (6, 0), (6, 5)),),)),
    )

    def check() -> None:
        layout = document.need_layout()
        labels, edited = document.labels()
        assert np.array_equal(labels, label_map(layout))
        assert np.array_equal(edited > 0, layout.touched > 0)
        fresh = Document()
        fresh.layout, fresh.drawn = layout, document.drawn
        assert np.array_equal(document.pending(), fresh.pending())

    for edit in edits:
        document.edit(edit)
        check()
    document.drawn = document.need_layout().grid()
    assert not document.pending().any()
    for _ in range(3):
        document.undo()
        check()
    document.redo()
    check()
    document.edit(edits[0])
    check()


def test_a_document_and_a_results_labels_keep_true_borders(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    document = store.create()
    document.set_layout(make_layout(), "tiny")
    swatch = document.need_layout().palette.swatches[1].id
    document.edit(PaintRegion(swatch, ((((1.3, 1.3), (3.4, 1.3), (3.4, 3.6)),),)))
    store.save(document)
    again = DocumentStore(tmp_path).get(document.id)
    assert again is not None
    assert again.need_layout().grid() == document.need_layout().grid()
    keep_labels(tmp_path, document.need_layout())
    found = result_labels(tmp_path, document)
    assert np.array_equal(found.finest, document.need_layout().fine_labels(64))
    assert np.array_equal(found.labels, label_map(document.need_layout()))
