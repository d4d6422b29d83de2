"""A canvas grows on any side: what was drawn keeps every bit, and growing is a step of undo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.errors import LayoutError, SettingsError
from tests.ui.test_generation import draw, paint, pixels
from ui.document_files import read_document_file, write_document_file
from ui.document_store import DocumentStore
from ui.documents import Document
from ui.growing import grow
from ui.handlers import apply_edit
from ui.workspace import Workspace


@pytest.mark.parametrize(
    ("sides", "at"),
    [({"right": 2}, (0, 0)), ({"left": 1}, (0, 1)), ({"top": 1, "bottom": 1, "left": 2}, (1, 2))],
)
def test_what_was_drawn_keeps_every_bit(
    studio: Workspace,
    canvas: Document,
    sides: dict[str, int],
    at: tuple[int, int],
) -> None:
    first = draw(studio, canvas)
    before = pixels(studio, canvas, first)
    grow(studio, canvas, sides)
    rows, cols = canvas.need_layout().base.shape_cell
    assert int(canvas.pending().sum()) == rows * cols - 36
    second = draw(studio, canvas)
    assert (second.width, second.height, second.goes_on) == (cols * 128, rows * 128, True)
    after = pixels(studio, canvas, second)
    top, left = at[0] * 128, at[1] * 128
    assert np.array_equal(after[top : top + 768, left : left + 768], before)
    assert not canvas.pending().any()
    paint(canvas, (0, 0))  # and it goes on from there
    assert draw(studio, canvas).changed_cells == 1


def test_new_cells_may_be_painted_before_they_are_drawn(studio: Workspace, canvas: Document) -> None:
    before = pixels(studio, canvas, draw(studio, canvas))
    grow(studio, canvas, {"right": 2})
    paint(canvas, (0, 7), (1, 7))
    after = pixels(studio, canvas, draw(studio, canvas))
    assert np.array_equal(after[:, :768], before)


def test_where_drawn_cells_changed_too_all_is_drawn(studio: Workspace, canvas: Document) -> None:
    draw(studio, canvas)
    grow(studio, canvas, {"right": 1})
    paint(canvas, (0, 0))
    assert int(canvas.pending().sum()) == 7
    assert draw(studio, canvas).changed_cells == 0


def test_growing_is_undone_redone_saved_and_shared(
    studio: Workspace,
    canvas: Document,
    tmp_path: Path,
) -> None:
    paint(canvas, (2, 2))
    before = canvas.need_layout()
    grow(studio, canvas, {"top": 1})
    grow(studio, canvas, {"left": 3})
    assert canvas.need_layout().base.shape_cell == (7, 9)
    apply_edit(studio, canvas, {"kind": "undo"})
    assert canvas.need_layout().base.shape_cell == (7, 6)
    studio.documents.save(canvas)
    reopened = DocumentStore(studio.config.data_dir / "documents").get(canvas.id)
    write_document_file(studio.documents, canvas, tmp_path / "grown.ssldiff")
    with (tmp_path / "grown.ssldiff").open("rb") as file:
        shared = read_document_file(studio.documents, file, 1 << 30)
    for held in (canvas, reopened, shared):
        assert held is not None
        held.redo()
        assert held.need_layout().base.shape_cell == (7, 9)
        held.undo()
        held.undo()
        assert (held.need_layout().base, held.need_layout().edits) == (before.base, before.edits)


@pytest.mark.parametrize(
    ("sides", "error"), [({}, LayoutError), ({"left": -1}, SettingsError), ({"left": 64, "right": 64}, LayoutError)]
)
def test_growing_by_nothing_or_beyond_all_measure_is_refused(
    studio: Workspace,
    canvas: Document,
    sides: dict[str, int],
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        grow(studio, canvas, sides)
