"""The interpreter of edits: what each kind makes of a grid's cells. Nothing else knows what an edit means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..embeddings.class_regions import TRANSITION_LAT
from ..embeddings.grid import EmbeddingGrid
from ..errors import LayoutError
from .chance import draw_normal, draw_uniform, pick_index
from .directions import nearest_direction, slerp, turn
from .edits import Cells, Copy, Edit, Erase, EraseRegion, Fill, PaintRegion, Paste, Stroke, Vary
from .fine import ERASED, FineCells, FineState, FlatCells, fine_of, flatten, touched_cells
from .palette import Palette
from .shapes import cover
from .swatch import Swatch

_MAX_TURN = 0.35
"""Radians of spherical noise at a variation of amount 1; relatives, not noise, carry most of a variation."""


@dataclass(frozen=True, eq=False)
class CellValues:
    """What some cells hold: ``rows``, ``cols`` (n,) int64, ``vectors`` (n, dim) float32, ``valid`` (n,) bool and
    ``painted`` (n,) object: the id of the swatch painted last, or None; ``fine``: the borders within them, None where
    there are none."""

    rows: np.ndarray
    cols: np.ndarray
    vectors: np.ndarray
    valid: np.ndarray
    painted: np.ndarray
    fine: FineCells | None = None


@dataclass(frozen=True, eq=False)
class GridState:
    """A grid amid edits: ``vectors`` (rows, cols, dim), ``valid`` (rows, cols), ``painted`` (rows, cols) object, which
    are those of the ground; ``per_cell`` positions a cell, of which borders over it are made; ``fine`` these borders.
    """

    vectors: np.ndarray
    valid: np.ndarray
    painted: np.ndarray
    per_cell: int
    fine: FineState | None = None
    transition_lat: float = TRANSITION_LAT

    @classmethod
    def of(cls, grid: EmbeddingGrid, per_cell: int | None = None) -> GridState:
        """The state before any edit."""
        per_cell = per_cell or grid.geometry.cell_lat
        vectors, valid, fine = fine_of(grid, per_cell)
        transition = TRANSITION_LAT if grid.regions is None else grid.regions.transition_lat
        return cls(vectors, valid, np.full(grid.shape_cell, None, dtype=object), per_cell, fine, transition)

    def at(self, rows: np.ndarray, cols: np.ndarray) -> CellValues:
        """What these cells hold."""
        at = (rows, cols)
        fine = None if self.fine is None else self.fine.at(rows, cols, self.per_cell)
        return CellValues(rows, cols, self.vectors[at], self.valid[at], self.painted[at], fine)

    def put(self, values: CellValues) -> GridState:
        """The state with these cells changed; invalid ones hold zeros."""
        at = (values.rows, values.cols)
        vectors, valid, painted = self.vectors.copy(), self.valid.copy(), self.painted.copy()
        vectors[at] = np.where(values.valid[:, None], values.vectors, np.float32(0))
        valid[at], painted[at] = values.valid, values.painted
        for array in (vectors, valid, painted):
            array.setflags(write=False)
        return replace(self, vectors=vectors, valid=valid, painted=painted, fine=self._fine_with(values))

    def _fine_with(self, values: CellValues) -> FineState | None:
        if self.fine is None and values.fine is None:
            return None
        fine = self.fine or FineState.empty(self.valid.shape, self.per_cell)
        cells = values.fine or FineCells.ground(len(values.rows), self.per_cell)
        return fine.put(values.rows, values.cols, cells, self.per_cell)

    def flat(self) -> FlatCells:
        """What cells see of it."""
        return flatten(self.vectors, self.valid, self.fine, self.per_cell, self.transition_lat)

    def whole(self, rows: np.ndarray, cols: np.ndarray) -> CellValues:
        """What these cells hold once borders within them are gone: the class that covers most of each takes it all."""
        values = self.at(rows, cols)
        if values.fine is None or not values.fine.labels.any():
            return replace(values, fine=None)
        flat = self.flat()
        at = (rows, cols)
        return CellValues(rows, cols, flat.vectors[at], flat.valid[at], flat.painted(self.painted)[at])


def apply_edits(base: EmbeddingGrid, palette: Palette | None, edits: Sequence[Edit]) -> EmbeddingGrid:
    """The grid after all edits, in order.

    Raises:
        LayoutError: where an edit names a cell outside the grid or a swatch that the palette lacks, or the palette
            does not fit the grid.
    """
    if palette is not None:
        palette.check_fits(base)
    state = state_after(GridState.of(base), palette, edits)
    return grid_of(base, state.flat())


def state_after(state: GridState, palette: Palette | None, edits: Sequence[Edit]) -> GridState:
    """The state after all edits, in order.

    Raises:
        LayoutError: as :func:`apply_edits`.
    """
    for edit in edits:
        state = state.put(edit_values(state, palette, edit))
    return state


def grid_of(base: EmbeddingGrid, flat: FlatCells) -> EmbeddingGrid:
    """The base with other contents."""
    return replace(base, vectors=flat.vectors, valid=flat.valid, regions=flat.regions)


def edit_values(state: GridState, palette: Palette | None, edit: Edit) -> CellValues:
    """What the cells that an edit changes hold afterwards.

    Raises:
        LayoutError: as :func:`apply_edits`.
    """
    if isinstance(edit, Copy):
        return _copy_values(state, edit)
    if isinstance(edit, PaintRegion | EraseRegion):
        return _region_values(state, palette, edit)
    if isinstance(edit, Fill) and not edit.cells:
        raise LayoutError("apply a Fill", "its cells were not found yet", "a layout finds them as it applies the edit")
    rows, cols = _rows_and_cols(edit.cells, state.valid.shape, type(edit).__name__)
    if isinstance(edit, Vary):
        return _vary_values(state, palette, edit, state.at(rows, cols))
    before = state.whole(rows, cols)
    if isinstance(edit, Erase):
        n = len(rows)
        return CellValues(rows, cols, np.zeros_like(before.vectors), np.zeros(n, bool), np.full(n, None, dtype=object))
    if isinstance(edit, Paste):
        return _paste_values(palette, edit, before)
    return _stroke_values(palette, edit, before)


def _region_values(state: GridState, palette: Palette | None, edit: PaintRegion | EraseRegion) -> CellValues:
    kind = type(edit).__name__
    shape = (state.valid.shape[0], state.valid.shape[1])
    coverage = cover(edit.polygons, edit.lines, edit.width_cell, shape, state.per_cell)
    if coverage is None:
        raise LayoutError(
            f"apply a {kind}", "its shapes cover nothing of the canvas", "a region covers a latent or more",
            f"The canvas is {shape[1]} × {shape[0]} cells",
        )  # fmt: skip
    rows, cols, mask = touched_cells(coverage, state.per_cell)
    before = state.at(rows, cols)
    fine = before.fine or FineCells.ground(len(rows), state.per_cell)
    if isinstance(edit, EraseRegion):
        return replace(before, fine=fine.drawn(mask, ERASED, None))
    swatch = need_palette(palette, kind).find(edit.swatch)
    return replace(before, fine=fine.drawn(mask, swatch.id, stroke_vectors(swatch, edit.mode, edit.seed, rows, cols)))


def stroke_vectors(swatch: Swatch, mode: str, seed: int, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """What a swatch gives to cells at full strength, (n, dim) float32: a function of seed and cell alone.

    Raises:
        LayoutError: for ``texture`` where the swatch has none.
    """
    if mode == "mean":
        return np.broadcast_to(swatch.mean, (len(rows), swatch.dim))
    if mode == "sample":
        return np.asarray(swatch.vectors[pick_index(seed, rows, cols, len(swatch.vectors))])
    if swatch.texture is None:
        raise LayoutError(
            f"paint the texture of {swatch.name!r}",
            "it has none",
            "texture is a contiguous piece",
            "Paint it as sample",
        )
    # Mirrored repeats keep neighbours that were neighbours; the seed moves the pattern as a whole.
    height, width = swatch.texture.shape[:2]
    zero = np.zeros(1, dtype=np.int64)
    down, right = (
        pick_index(seed, zero, zero, 2 * height, stream=10),
        pick_index(seed, zero, zero, 2 * width, stream=11),
    )
    return np.asarray(swatch.texture[_mirrored(rows + down, height), _mirrored(cols + right, width)])


def _mirrored(positions: np.ndarray, n: int) -> np.ndarray:
    phase = positions % (2 * n)
    return np.asarray(np.minimum(phase, 2 * n - 1 - phase))


def _stroke_values(palette: Palette | None, edit: Stroke, before: CellValues) -> CellValues:
    swatch = need_palette(palette, type(edit).__name__).find(edit.swatch)
    vectors = stroke_vectors(swatch, edit.mode, edit.seed, before.rows, before.cols)
    strength = np.where(before.valid, edit.strength, 1.0)
    painted = before.painted.copy()
    painted[strength >= 0.5] = swatch.id  # a light touch does not make a cell another sort
    valid = np.ones(len(before.rows), dtype=bool)
    return CellValues(before.rows, before.cols, slerp(before.vectors, vectors, strength), valid, painted)


def _copy_values(state: GridState, edit: Copy) -> CellValues:
    (top, left, height, width), (to_row, to_col) = edit.source, edit.target
    rows_in_grid, cols_in_grid = state.valid.shape
    rows = _kept(height, top, to_row, rows_in_grid)
    cols = _kept(width, left, to_col, cols_in_grid)
    if not len(rows) or not len(cols):
        raise LayoutError(
            f"copy the block {edit.source} to {edit.target}",
            f"nothing of it lies in the grid of {rows_in_grid} × {cols_in_grid}",
            "some cells lie inside at both places",
        )
    row, col = (index.ravel() for index in np.meshgrid(rows, cols, indexing="ij"))
    source = state.at(top + row, left + col)
    return replace(source, rows=to_row + row, cols=to_col + col)


def _paste_values(palette: Palette | None, edit: Paste, before: CellValues) -> CellValues:
    block = need_palette(palette, "Paste").find(edit.block).texture
    rows, cols = before.rows - edit.target[0], before.cols - edit.target[1]
    height, width = (0, 0) if block is None else block.shape[:2]
    if block is None or ((rows < 0) | (rows >= height) | (cols < 0) | (cols >= width)).any():
        found = f"its block is of {height} × {width} cells"
        raise LayoutError("apply a Paste", found, "each cell lies in the block laid at the target")
    painted = np.array([kind or None for kind in edit.kinds or [""] * len(rows)], dtype=object)
    return CellValues(before.rows, before.cols, block[rows, cols], np.ones(len(rows), dtype=bool), painted)


def _kept(length: int, start: int, target: int, limit: int) -> np.ndarray:
    """Offsets within a block, along one axis, that lie inside the grid at both places."""
    first = max(0, -start, -target)
    last = min(length, limit - start, limit - target)
    return np.arange(first, max(first, last), dtype=np.int64)


def _vary_values(state: GridState, palette: Palette | None, edit: Vary, before: CellValues) -> CellValues:
    relatives = _swatch_relatives(palette, edit, before) if palette else _neighbours(state, edit.seed, before)
    varied = replace(before, vectors=_varied(edit, before, relatives))
    if before.fine is None:
        return varied
    pieces: list[dict[str, np.ndarray]] = [dict(held) for held in before.fine.pieces]
    for key in sorted({key for held in pieces for key in held}):  # each class by itself
        at = np.array([index for index, held in enumerate(pieces) if key in held])
        vectors = np.stack([pieces[index][key] for index in at])
        painted = np.full(len(at), key, dtype=object)
        part = CellValues(before.rows[at], before.cols[at], vectors, np.ones(len(at), bool), painted)
        found = _varied(edit, part, _swatch_relatives(palette, edit, part) if palette else vectors)
        for index, vector in zip(at.tolist(), found, strict=True):
            pieces[index][key] = vector
    return replace(varied, fine=replace(before.fine, pieces=tuple(pieces)))


def _varied(edit: Vary, before: CellValues, relatives: np.ndarray) -> np.ndarray:
    """Vectors on their way to their relatives, with a little noise."""
    share = edit.amount * (0.5 + 0.5 * draw_uniform(edit.seed, before.rows, before.cols, stream=1))
    moved = slerp(before.vectors, relatives, share)
    noise = draw_normal(edit.seed, before.rows, before.cols, moved.shape[1], stream=2)
    return turn(moved, noise, _MAX_TURN * edit.amount)


def _swatch_relatives(palette: Palette, edit: Vary, before: CellValues) -> np.ndarray:
    """For each cell an exemplar of the swatch it was painted with, or of the nearest of the edit's swatches."""
    swatches = [palette.find(key) for key in edit.swatches] or list(palette.swatches)
    nearest = nearest_direction(before.vectors, np.stack([swatch.mean for swatch in swatches]))
    pairs = zip(before.painted, nearest, strict=True)
    known = {swatch.id for swatch in (*palette.swatches, *palette.retired)}  # a grid may bring regions of others
    keys = np.array([key if key in known else swatches[index].id for key, index in pairs], dtype=object)
    relatives = np.empty_like(before.vectors)
    for key in set(keys.tolist()):
        here, vectors = keys == key, palette.find(key).vectors
        relatives[here] = vectors[pick_index(edit.seed, before.rows[here], before.cols[here], len(vectors))]
    return relatives


def _neighbours(state: GridState, seed: int, before: CellValues) -> np.ndarray:
    """For each cell a valid one of its eight neighbours, or itself where the drawn one is none."""
    choice = pick_index(seed, before.rows, before.cols, 8)
    step = np.array([(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)])[choice]
    rows = np.clip(before.rows + step[:, 0], 0, state.valid.shape[0] - 1)
    cols = np.clip(before.cols + step[:, 1], 0, state.valid.shape[1] - 1)
    return np.where(state.valid[rows, cols][:, None], state.vectors[rows, cols], before.vectors)


def need_palette(palette: Palette | None, what: str) -> Palette:
    """The palette, or a LayoutError that asks for one."""
    if palette is None:
        raise LayoutError(f"apply a {what}", "the layout has no palette", "", "Make or load a palette first")
    return palette


def _rows_and_cols(cells: Cells, shape: tuple[int, ...], kind: str) -> tuple[np.ndarray, np.ndarray]:
    index = np.array(cells, dtype=np.int64).reshape(-1, 2)
    outside = ((index < 0) | (index >= np.array(shape))).any(axis=1)
    if outside.any():
        row, col = (int(v) for v in index[outside][0])
        raise LayoutError(
            f"apply a {kind}", f"cell (row {row}, col {col}) lies outside the grid of {shape[0]} × {shape[1]}",
            "an edit stays within its grid",
            f"The nearest cell is (row {min(max(row, 0), shape[0] - 1)}, col {min(max(col, 0), shape[1] - 1)})",
        )  # fmt: skip
    return index[:, 0], index[:, 1]
