"""Swatches picked from single cells, and the patch pictures shown for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssldiff_core.errors import LayoutError

from .documents import Document

if TYPE_CHECKING:
    from ssldiff_core.layouts.swatch import Swatch

    from .workspace import Workspace

EXEMPLAR_PX = 64


def swatch_of_cell(workspace: Workspace, document: Document, row: int, col: int) -> Swatch:
    """A swatch that holds the embedding of one cell of the grid as edited.

    Raises:
        LayoutError: where the cell lies outside or holds nothing.
    """
    from ssldiff_core.layouts.swatch import Swatch, default_colour

    layout = document.need_layout()
    grid, palette = layout.grid(), layout.palette
    rows, cols = grid.shape_cell
    if not (0 <= row < rows and 0 <= col < cols):
        raise LayoutError("pick a cell", f"(row {row}, col {col}) lies outside the grid of {rows} × {cols}")
    if not grid.valid[row, col]:
        raise LayoutError("pick a cell", "this cell is empty", "", "Pick a cell that has a colour")
    names = set(palette.names) if palette else set()
    name = next(name for n in range(1, 10_000) if (name := f"Picked {n}") not in names)
    picture = _cell_picture(workspace, document, row, col)
    return Swatch(
        name, default_colour(len(names)), grid.vectors[row, col][None], picture,
        origin=f"cell {row}, {col} of {document.name}",
    )  # fmt: skip


def _cell_picture(workspace: Workspace, document: Document, row: int, col: int) -> np.ndarray:
    """(1, side, side, 3) uint8 of the reference, or none: an edited cell is no longer what the scene shows there."""
    none = np.zeros((0, 0, 0, 3), np.uint8)
    _, edited = document.labels()
    if document.scene is None or edited[row, col]:
        return none
    entry = workspace.library.get(document.scene.id)
    box = document.need_layout().base.geometry.cells_to_l0(row, col)
    pixels = workspace.tiles.scenes.read(entry, lambda scene: scene.read(box, size_px=(EXEMPLAR_PX, EXEMPLAR_PX)))
    return pixels[None]
