"""A virtual slide is drawn where somebody looks; an edit costs the tiles it reaches; the rest comes for the export."""

from __future__ import annotations

import pytest

from ssldiff_core.errors import LayoutError
from ssldiff_core.layouts import Paint
from tests.ui.test_generation import pixels, wait, workspace
from ui import handlers
from ui.virtual import _untouched, draw_rest, look
from ui.wishes import Wish
from ui.workspace import Workspace

__all__ = ["workspace"]


def test_only_the_tiles_of_the_view_are_drawn_and_then_the_rest(workspace: Workspace) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 9, 8)
    wait(look(workspace, document, {"view": [0, 0, 1, 1]}))
    slide = workspace.slides.get(document, Wish.from_values({"steps": 4}))
    assert (slide.shape, sorted(slide.tiles)) == ((3, 2), [(0, 0)])
    first = slide.tiles[0, 0]
    wait(draw_rest(workspace, document, {}))
    assert len(slide.tiles) == 6
    assert slide.tiles[0, 0] is first
    record = document.results[-1]
    image = pixels(workspace, document, record)
    assert image.shape == (9 * 128, 8 * 128, 3)
    assert (image[:512, :512] == slide.scene.read(slide.scene.bounds_l0)[:512, :512]).all()


def test_an_edit_leaves_the_tiles_that_it_does_not_reach(workspace: Workspace) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 60, 60)
    before = document.need_layout().grid()
    document.edit(Paint(((0, 0),), document.need_layout().palette.swatches[3].id, "mean"))
    places = [(row, col) for row in range(15) for col in range(15)]
    left = set(_untouched(before, document.need_layout().grid(), places))
    assert (0, 0) not in left
    assert (14, 14) in left
    assert len(left) > 200


@pytest.mark.parametrize("view", [None, [0, 0, 1], [0, 0, 99, 99]])
def test_a_view_that_is_none_or_too_wide_is_refused(workspace: Workspace, view: object) -> None:
    document = handlers.empty_canvas(workspace, "tissue", 60, 60)
    with pytest.raises(LayoutError):
        look(workspace, document, {"view": view})
