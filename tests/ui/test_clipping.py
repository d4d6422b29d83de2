"""What is drawn finer than cells within a selection is cut to its cells."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core.errors import LayoutError
from ssldiff_core.layouts import EraseRegion, PaintRegion
from ui.clipping import clip_to_cells
from ui.documents import Document
from ui.handlers import apply_edit
from ui.workspace import Workspace


def area(edit: PaintRegion | EraseRegion) -> float:
    """Of the outer rings less the holes, in cells."""

    def ring(points: tuple[tuple[float, float], ...]) -> float:
        x, y = np.array(points).T
        return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2

    return sum(ring(rings[0]) - sum(map(ring, rings[1:])) for rings in edit.polygons)


def test_a_broad_line_is_cut_at_the_borders_of_cells() -> None:
    edit = PaintRegion("a", lines=(((0.5, 0.5), (2.5, 0.5)),), width_cell=0.5)
    clipped = clip_to_cells(edit, [(0, 1)])
    assert clipped is not None
    assert area(clipped) == pytest.approx(0.5, abs=1e-3)
    assert clipped.lines == ()


def test_what_lies_outside_is_nothing_and_two_cells_give_two_parts() -> None:
    edit = EraseRegion(lines=(((0.5, 0.5), (4.5, 0.5)),), width_cell=0.2)
    assert clip_to_cells(edit, [(3, 3)]) is None
    parts = clip_to_cells(edit, [(0, 1), (0, 3)])
    assert parts is not None
    assert (len(parts.polygons), area(parts)) == (2, pytest.approx(0.4, abs=1e-3))


def test_holes_stay_holes() -> None:
    hole = ((1.25, 1.25), (1.75, 1.25), (1.75, 1.75), (1.25, 1.75))
    edit = PaintRegion("a", polygons=((((0.0, 0.0), (3.0, 0.0), (3.0, 3.0), (0.0, 3.0)), hole),))
    clipped = clip_to_cells(edit, [(1, 1)])
    assert clipped is not None
    assert area(clipped) == pytest.approx(0.75, abs=1e-3)


def test_the_page_paints_within_cells(workspace: Workspace, document: Document) -> None:
    swatch = document.need_layout().palette.swatches[1].id
    stroke = {
        "version": 1,
        "kind": "paintregion",
        "swatch": swatch,
        "width_cell": 0.5,
        "lines": [[[0.5, 2.5], [5.5, 2.5]]],
    }
    apply_edit(workspace, document, {**stroke, "stroke": "a-1", "within": [[2, 1], [2, 2]]})
    _, edited = document.labels()
    assert [tuple(cell) for cell in np.argwhere(edited)] == [(2, 1), (2, 2)]
    apply_edit(workspace, document, {**stroke, "within": [[4, 4]]})
    assert len(document.need_layout().edits) == 1
    with pytest.raises(LayoutError):
        apply_edit(workspace, document, {**stroke, "within": [["a", "b"]]})
