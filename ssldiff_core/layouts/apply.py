"""The interpreter of edits: what each kind makes of a grid's cells. Nothing else knows what an edit means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..embeddings.grid import EmbeddingGrid
from ..errors import LayoutError
from .chance import draw_normal, draw_uniform, pick_index
from .directions import nearest_direction, slerp, turn
from .edits import Cells, Copy, Edit, Erase, Fill, Paste, Stroke, Vary
from .palette import Palette
from .swatch import Swatch

_MAX_TURN = 0.35
"""Radians of spherical noise at a variation of amount 1; relatives, not noise, carry most of a variation."""


@dataclass(frozen=True, eq=False)
class CellValues:
    """What some cells hold: ``rows``, ``cols`` (n,) int64, ``vectors`` (n, dim) float32, ``valid`` (n,) bool and
    ``painted`` (n,) object: the id of the swatch painted last, or None."""

    rows: np.ndarray
    cols: np.ndarray
    vectors: np.ndarray
    valid: np.ndarray
    painted: np.ndarray


@dataclass(frozen=True, eq=False)
class GridState:
    """A grid amid edits: ``vectors`` (rows, cols, dim), ``valid`` (rows, cols), ``painted`` (rows, cols) object."""

    vectors: np.ndarray
    valid: np.ndarray
    painted: np.ndarray

    @classmethod
    def of(cls, grid: EmbeddingGrid) -> GridState:
        """The state before any edit."""
        return cls(grid.vectors, grid.valid, np.full(grid.shape_cell, None, dtype=object))

    def at(self, rows: np.ndarray, cols: np.ndarray) -> CellValues:
        """What these cells hold."""
        at = (rows, cols)
        return CellValues(rows, cols, self.vectors[at], self.valid[at], self.painted[at])

    def put(self, values: CellValues) -> GridState:
        """The state with these cells changed; invalid ones hold zeros."""
        at = (values.rows, values.cols)
        vectors, valid, painted = self.vectors.copy(), self.valid.copy(), self.painted.copy()
        vectors[at] = np.where(values.valid[:, None], values.vectors, np.float32(0))
        valid[at], painted[at] = values.valid, values.painted
        for array in (vectors, valid, painted):
            array.setflags(write=False)
        return GridState(vectors, valid, painted)


def apply_edits(base: EmbeddingGrid, palette: Palette | None, edits: Sequence[Edit]) -> EmbeddingGrid:
    """The grid after all edits, in order.

    Raises:
        LayoutError: where an edit names a cell outside the grid or a swatch that the palette lacks, or the palette
            does not fit the grid.
    """
    if palette is not None:
        palette.check_fits(base)
    state = GridState.of(base)
    for edit in edits:
        state = state.put(edit_values(state, palette, edit))
    return base.with_vectors(state.vectors, state.valid)


def edit_values(state: GridState, palette: Palette | None, edit: Edit) -> CellValues:
    """What the cells that an edit changes hold afterwards.

    Raises:
        LayoutError: as :func:`apply_edits`.
    """
    if isinstance(edit, Copy):
        return _copy_values(state, edit)
    if isinstance(edit, Fill) and not edit.cells:
        raise LayoutError("apply a Fill", "its cells were not found yet", "a layout finds them as it applies the edit")
    before = state.at(*_rows_and_cols(edit.cells, state.valid.shape, type(edit).__name__))
    if isinstance(edit, Erase):
        n = len(before.rows)
        return CellValues(
            before.rows, before.cols, np.zeros_like(before.vectors), np.zeros(n, bool), np.full(n, None, dtype=object)
        )
    if isinstance(edit, Vary):
        return _vary_values(state, palette, edit, before)
    if isinstance(edit, Paste):
        return _paste_values(palette, edit, before)
    return _stroke_values(palette, edit, before)


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
    return CellValues(to_row + row, to_col + col, source.vectors, source.valid, source.painted)


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
    rows, cols = before.rows, before.cols
    relatives = _swatch_relatives(palette, edit, before) if palette else _neighbours(state, edit.seed, before)
    share = edit.amount * (0.5 + 0.5 * draw_uniform(edit.seed, rows, cols, stream=1))
    moved = slerp(before.vectors, relatives, share)
    noise = draw_normal(edit.seed, rows, cols, moved.shape[1], stream=2)
    return CellValues(rows, cols, turn(moved, noise, _MAX_TURN * edit.amount), before.valid, before.painted)


def _swatch_relatives(palette: Palette, edit: Vary, before: CellValues) -> np.ndarray:
    """For each cell an exemplar of the swatch it was painted with, or of the nearest of the edit's swatches."""
    swatches = [palette.find(key) for key in edit.swatches] or list(palette.swatches)
    nearest = nearest_direction(before.vectors, np.stack([swatch.mean for swatch in swatches]))
    pairs = zip(before.painted, nearest, strict=True)
    keys = np.array([swatches[index].id if key is None else key for key, index in pairs], dtype=object)
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
