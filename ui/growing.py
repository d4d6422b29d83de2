"""A canvas that grows: rows or columns more on any side. What was drawn stays as it is, to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import GridError, LayoutError

from .documents import Document
from .encoding import show_layout
from .wishes import whole_number

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid

    from .workspace import Workspace

MOST_SIDE = 128
SIDES = ("top", "right", "bottom", "left")


def grow(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> None:
    """Add ``top`` and ``bottom`` rows, ``left`` and ``right`` columns, mirrored from those inside: one step of undo.

    Raises:
        LayoutError: where nothing is added, or the canvas would be larger than the app works on.
        SettingsError: where a number is out of range.
    """
    from ssldiff_core.embeddings.grid_change import grow_grid
    from ssldiff_core.layouts.layout import Layout

    top, right, bottom, left = (whole_number(values.get(side) or 0, f"number at the {side}", 0, 64) for side in SIDES)
    with document.lock:
        layout = document.need_layout()
        rows, cols = layout.base.shape_cell
        if not max(top, right, bottom, left):
            raise LayoutError("grow the canvas", "no rows or columns are added", "", "Ask for one or more on any side")
        if max(rows + top + bottom, cols + left + right) > MOST_SIDE:
            raise LayoutError(
                f"grow the canvas to {rows + top + bottom} × {cols + left + right} cells", "that is too large",
                f"a canvas has at most {MOST_SIDE} rows and columns", "Add fewer",
            )  # fmt: skip
        grown = grow_grid(layout.grid(), top, right, bottom, left)
        document.jump_to(Layout(grown, layout.palette), "growth")
    show_layout(workspace, document)


def cells_beyond(drawn: EmbeddingGrid, now: EmbeddingGrid) -> tuple[np.ndarray, int] | None:
    """What a grid has that a smaller one, which was drawn, has not.

    Returns:
        (rows, cols) bool, whether each cell is new or holds something else; and how many of those that were drawn
        hold something else. None where the one did not grow out of the other.
    """
    from ssldiff_core.embeddings.grid_change import GridChange

    try:
        change = GridChange.between(drawn, now)
    except GridError:
        return None
    (row, col), (rows, cols) = change.offset_cell, drawn.shape_cell
    beyond = np.ones(now.shape_cell, bool)
    beyond[row : row + rows, col : col + cols] = False
    beyond[change.cells[:, 0] + row, change.cells[:, 1] + col] = True
    return beyond, len(change.cells)
