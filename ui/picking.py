"""Swatches picked from cells, from points of the scatter, or from a place of the scene; and their pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssldiff_core.errors import LayoutError

from .documents import Document

if TYPE_CHECKING:
    from ssldiff_core.layouts.palette import Palette
    from ssldiff_core.layouts.swatch import Swatch

    from .workspace import Workspace

EXEMPLAR_PX = 64


def swatch_of_cell(workspace: Workspace, document: Document, row: int, col: int) -> Swatch:
    """A swatch that holds the embedding of one cell of the grid as edited.

    Raises:
        LayoutError: where the cell lies outside or holds nothing.
    """
    from ssldiff_core.layouts.swatch import Swatch

    layout = document.need_layout()
    grid, palette = layout.grid(), layout.palette
    rows, cols = grid.shape_cell
    if not (0 <= row < rows and 0 <= col < cols):
        raise LayoutError("pick a cell", f"(row {row}, col {col}) lies outside the grid of {rows} × {cols}")
    if not grid.valid[row, col]:
        raise LayoutError("pick a cell", "this cell is empty", "", "Pick a cell that has a colour")
    name, colour = _free_name(palette)
    picture = _cell_picture(workspace, document, row, col)
    return Swatch(
        name, colour, grid.vectors[row, col][None], picture,
        origin=f"cell {row}, {col} of {document.name}",
    )  # fmt: skip


def swatch_of_cells(workspace: Workspace, document: Document, cells: list[tuple[int, int]]) -> Swatch:
    """A swatch of several cells of the grid as edited; pictures where the scene shows them all as they are.

    Raises:
        LayoutError: where a cell lies outside, or none holds anything.
    """
    from ssldiff_core.layouts.clustering import swatch_from_cells

    layout = document.need_layout()
    _, edited = document.labels()
    rows, cols = layout.base.shape_cell
    untouched = not any(edited[row, col] for row, col in cells if 0 <= row < rows and 0 <= col < cols)
    read_patch = _patch_reader(workspace, document) if untouched else None
    return swatch_from_cells(layout.grid(), cells, *_free_name(layout.palette), read_patch=read_patch)


def swatch_of_points(workspace: Workspace, document: Document, points: list[int]) -> Swatch:
    """A swatch of points of the scatter: of the scene's cells before any edit, or of the palette's own vectors.

    Raises:
        LayoutError: where there is no such point, or none is named.
    """
    from ssldiff_core.layouts.clustering import swatch_from_cells
    from ssldiff_core.layouts.swatch import Swatch

    layout, vectors = document.need_layout(), document.point_vectors()
    if not points or not 0 <= points[0] <= points[-1] < len(vectors):
        raise LayoutError("make a swatch of points", "there is none at this place", "", "Draw around some points")
    name, colour = _free_name(layout.palette)
    if document.scene is not None:
        cells = np.argwhere(layout.base.valid)[points]
        chosen = [(int(row), int(col)) for row, col in cells]
        return swatch_from_cells(layout.base, chosen, name, colour, read_patch=_patch_reader(workspace, document))
    shown, order = _exemplars_first(layout.palette, points)
    pictures = np.stack(shown) if shown else np.zeros((0, 0, 0, 3), np.uint8)
    return Swatch(name, colour, vectors[order], pictures, origin=f"picked from {document.name}")


def swatch_of_place(workspace: Workspace, document: Document, x: float, y: float) -> Swatch:
    """A swatch of the patch around a place (level-0 pixels) of the scene, wherever it lies.

    Raises:
        LayoutError: where the document has no scene.
        SSLDiffError: where the place lies outside, or the model is not there.
    """
    from ssldiff_core.embeddings.embed import embed_scene
    from ssldiff_core.geometry import Box
    from ssldiff_core.layouts.swatch import Swatch
    from ssldiff_core.scenes import open_scene

    scene_ref, layout = document.scene, document.need_layout()
    if scene_ref is None:
        raise LayoutError("take a swatch from the scene", "this document has none")
    spec = next((spec for spec in workspace.models() if spec.id == document.model_id), None)
    if spec is None:
        raise LayoutError("take a swatch from the scene", f"the model {document.model_id} is no longer installed")
    geometry = layout.base.geometry
    side = geometry.cell_l0
    limits = [max(0.0, size - side) for size in scene_ref.size_l0]
    left, top = (min(max(0.0, v - side / 2), limit) for v, limit in zip((x, y), limits, strict=True))
    box = Box(left, top, side * 1.001, side * 1.001)
    override = None if scene_ref.pixel_size_m == scene_ref.file_pixel_size_m else scene_ref.pixel_size_m
    with open_scene(workspace.library.get(scene_ref.id).path, pixel_size_m=override) as scene:
        *_, last = embed_scene(scene, workspace.encoder(spec), region_l0=box, pixel_size_m=geometry.pixel_size_m)
        picture = scene.read(Box(left, top, side, side), size_px=(EXEMPLAR_PX, EXEMPLAR_PX))
    if last.grid is None or not last.grid.valid[0, 0]:
        raise LayoutError("take a swatch from the scene", "there is nothing at this place")
    name, colour = _free_name(layout.palette)
    origin = f"{scene_ref.name} at {left + side / 2:.0f}, {top + side / 2:.0f}"
    return Swatch(name, colour, last.grid.vectors[0, 0][None], picture[None], origin=origin)


def _free_name(palette: Palette | None) -> tuple[str, str]:
    """A name that is not taken, and the colour of the palette's list least used so far."""
    from ssldiff_core.layouts.swatch import DEFAULT_COLOURS

    names = set(palette.names) if palette else set()
    used = [swatch.colour for swatch in palette.swatches] if palette else []
    name = next(name for n in range(1, 10_000) if (name := f"Picked {n}") not in names)
    return name, min(DEFAULT_COLOURS, key=used.count)


def _exemplars_first(palette: Palette | None, points: list[int]) -> tuple[list[np.ndarray], list[int]]:
    """Pictures of those points that have one, of one size; and the points, these first."""
    pictures: list[np.ndarray] = []
    pictured: list[int] = []
    start = 0
    for swatch in palette.swatches if palette else ():
        for point in (p for p in points if start <= p < start + len(swatch.exemplars)):
            picture = swatch.exemplars[point - start]
            if not pictures or picture.shape == pictures[0].shape:
                pictures.append(picture)
                pictured.append(point)
        start += len(swatch.vectors)
    return pictures, [*pictured, *(point for point in points if point not in set(pictured))]


def _patch_reader(workspace: Workspace, document: Document) -> Callable[[int, int], np.ndarray] | None:
    """Pictures of cells from the scene; None where there is none."""
    scene, geometry = document.scene, document.need_layout().base.geometry
    if scene is None:
        return None
    entry = workspace.library.get(scene.id)

    def read_patch(row: int, col: int) -> np.ndarray:
        box = geometry.cells_to_l0(row, col)
        return workspace.tiles.scenes.read(entry, lambda one: one.read(box, size_px=(EXEMPLAR_PX, EXEMPLAR_PX)))

    return read_patch


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
