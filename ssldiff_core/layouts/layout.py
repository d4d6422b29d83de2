"""A layout: a base grid, a palette and the edits made so far, with undo and redo. The result is a grid again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..embeddings.grid import EmbeddingGrid
from ..embeddings.grid_change import divided_otherwise
from ..errors import LayoutError
from ..geometry import CELL_PX, GridGeometry
from .apply import CellValues, GridState, edit_values, grid_of, need_palette, state_after
from .edits import Blend, Edit, Fill, Paint, PaintRegion, Paste, Vary
from .fine import FlatCells
from .labels import cell_labels, fine_state_labels, flood, state_labels
from .palette import Palette


@dataclass(frozen=True, eq=False)
class _Trace:
    """The state after all edits, for each edit what its cells held before, and how many edits touched each cell."""

    state: GridState
    before: tuple[CellValues, ...]
    touched: np.ndarray

    @classmethod
    def of(cls, base: EmbeddingGrid) -> _Trace:
        return cls(GridState.of(base), (), np.zeros(base.shape_cell, np.int64))

    def do(self, palette: Palette | None, edit: Edit) -> _Trace:
        values = edit_values(self.state, palette, edit)
        before = self.state.at(values.rows, values.cols)
        return _Trace(self.state.put(values), (*self.before, before), self._touching(before, 1))

    def undo(self) -> _Trace:
        return _Trace(self.state.put(self.before[-1]), self.before[:-1], self._touching(self.before[-1], -1))

    def _touching(self, cells: CellValues, by: int) -> np.ndarray:
        touched = self.touched.copy()
        touched[cells.rows, cells.cols] += by
        return touched


@dataclass(frozen=True)
class Layout:
    """What the user wants drawn.

    One more edit costs that edit, whatever went before; undo gives back the bytes that were there.

    Args:
        base: the grid before any edit.
        palette: to paint with; None while nothing is painted.
        edits: made so far, oldest first.
        undone: edits taken back, the next to redo last.

    Raises:
        LayoutError: where the palette does not fit the base, or an edit does not fit either.

    Example:
        >>> grid = ssldiff.EmbeddingGrid.load("grid.npz")
        >>> palette, labels = ssldiff.palette_from_grid(grid, n_swatches=2, names=["a", "b"])
        >>> layout = ssldiff.Layout(grid, palette).apply(ssldiff.Paint(((0, 0), (0, 1)), "b", seed=1))
        >>> layout.labels()[0, :2].tolist(), layout.undo().grid() == grid
        ([1, 1], True)
    """

    base: EmbeddingGrid
    palette: Palette | None = None
    edits: tuple[Edit, ...] = ()
    undone: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "edits", tuple(self.edits))
        object.__setattr__(self, "undone", tuple(self.undone))
        if self.palette is not None:
            self.palette.check_fits(self.base)

    def apply(self, edit: Edit) -> Layout:
        """With one more edit; what was undone is forgotten.

        The edit is stored resolved: a swatch by its id, a fill with its cells.

        Raises:
            LayoutError: where the edit does not fit; this layout is as it was.
        """
        edit = self._resolved(edit)
        return self._with_trace(self._trace.do(self.palette, edit), (*self.edits, edit), ())

    def undo(self) -> Layout:
        """Without the last edit; the same layout where there is none."""
        if not self.edits:
            return self
        return self._with_trace(self._trace.undo(), self.edits[:-1], (*self.undone, self.edits[-1]))

    def redo(self) -> Layout:
        """With the edit undone last; the same layout where there is none."""
        if not self.undone:
            return self
        edit = self.undone[-1]
        return self._with_trace(self._trace.do(self.palette, edit), (*self.edits, edit), self.undone[:-1])

    def with_palette(self, palette: Palette) -> Layout:
        """The same edits with a palette that was renamed, reordered, extended, merged …

        Raises:
            LayoutError: where it does not fit the base, or an edit was made with a swatch that it does not know.
        """
        for edit in (*self.edits, *self.undone):
            for key in edit.swatches if isinstance(edit, Vary) else _swatch_of(edit):
                palette.find(key)
        return replace(self, palette=palette)._with_trace(self._trace, self.edits, self.undone)

    def grid(self) -> EmbeddingGrid:
        """The grid after all edits."""
        return self._grid

    def labels(self) -> np.ndarray:
        """(rows, cols) int64: for each cell the index of its swatch in the palette, -1 where not valid.

        A cell that a border runs through is of the class that covers most of it.
        """
        return state_labels(self._trace.state, need_palette(self.palette, "label map"), self._flat)

    def changed_since(self, other: Layout) -> tuple[np.ndarray, np.ndarray] | None:
        """Rows and columns (n,) of the cells that edits touched which only one of the two has; None where they differ
        in more than that, and every cell may be another."""
        if self.base is not other.base or self.palette is not other.palette:
            return None
        shared = 0
        for mine, theirs in zip(self.edits, other.edits, strict=False):
            if mine is not theirs:
                break
            shared += 1
        parts = [*self._trace.before[shared:], *other._trace.before[shared:]]
        empty = np.zeros(0, np.int64)
        return np.concatenate([empty, *(p.rows for p in parts)]), np.concatenate([empty, *(p.cols for p in parts)])

    def labels_at(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """(n,) int64: as :meth:`labels`, of these cells."""
        return cell_labels(self._trace.state, need_palette(self.palette, "label map"), self._flat, rows, cols)

    def differs_at(self, grid: EmbeddingGrid, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """(n,) bool: whether these cells hold something else than those of a grid of the same shape."""
        flat, at = self._flat, (rows, cols)
        differs = (flat.vectors[at] != grid.vectors[at]).any(axis=1) | (flat.valid[at] != grid.valid[at])
        return np.asarray(differs | divided_otherwise(flat.regions, grid.regions, grid.shape_cell)[at])

    @property
    def touched(self) -> np.ndarray:
        """(rows, cols) int64: how many edits touched each cell."""
        return self._trace.touched

    def fine_labels(self, per_cell: int | None = None) -> np.ndarray:
        """(rows · per_cell, cols · per_cell) int64: as :meth:`labels`, where borders run through cells as they do.

        Args:
            per_cell: positions along a cell, a multiple of its latents, as many by default. Shapes are laid over them
                anew, so that their outlines are as true as positions are small.
        """
        palette, trace = need_palette(self.palette, "label map"), self._trace.state
        state = trace
        if per_cell not in (None, trace.per_cell) and trace.fine is not None:
            state = state_after(GridState.of(self.base, per_cell), palette, self.edits)
        return fine_state_labels(state, palette, per_cell or trace.per_cell)

    def divided_cells(self) -> tuple[np.ndarray, np.ndarray]:
        """The cells that a border runs through: (n, 2) int64, and their labels (n, cell_lat, cell_lat) int64."""
        side, (rows, cols) = self._trace.state.per_cell, self.base.shape_cell
        if self._flat.regions is None:
            return np.zeros((0, 2), np.int64), np.zeros((0, side, side), np.int64)
        blocks = self._flat.regions.labels.reshape(rows, side, cols, side)
        cells = np.argwhere(blocks.max(axis=(1, 3)) != blocks.min(axis=(1, 3)))
        labels = self.fine_labels().reshape(rows, side, cols, side)
        return cells, labels[cells[:, 0], :, cells[:, 1]]

    @cached_property
    def _flat(self) -> FlatCells:
        return self._trace.state.flat()

    @cached_property
    def _grid(self) -> EmbeddingGrid:
        return grid_of(self.base, self._flat) if self.edits else self.base

    @cached_property
    def _trace(self) -> _Trace:
        trace = _Trace.of(self.base)
        for edit in self.edits:
            trace = trace.do(self.palette, edit)
        return trace

    def _with_trace(self, trace: _Trace, edits: tuple[Edit, ...], undone: tuple[Edit, ...]) -> Layout:
        new = Layout(self.base, self.palette, edits, undone)
        new.__dict__["_trace"] = trace  # where cached_property keeps it
        return new

    def _resolved(self, edit: Edit) -> Edit:
        if isinstance(edit, Vary) and self.palette is not None:
            keys = edit.swatches or tuple(swatch.id for swatch in self.palette.swatches)
            return replace(edit, swatches=keys)
        if not isinstance(edit, Paint | Blend | Fill | PaintRegion):
            return edit
        palette = need_palette(self.palette, type(edit).__name__)
        edit = replace(edit, swatch=palette.find(edit.swatch).id)
        if isinstance(edit, Fill) and not edit.cells:
            edit = replace(edit, cells=self._flooded(edit.start))
        return edit

    def _flooded(self, start: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        rows, cols = self.base.shape_cell
        if not (0 <= start[0] < rows and 0 <= start[1] < cols):
            raise LayoutError("fill", f"{start} lies outside the grid of {rows} × {cols}", "a fill starts in the grid")
        return tuple((int(row), int(col)) for row, col in np.argwhere(flood(self.labels(), start)))


def _swatch_of(edit: Edit) -> tuple[str, ...]:
    if isinstance(edit, Paste):
        return (edit.block,)
    return (edit.swatch,) if isinstance(edit, Paint | Blend | Fill | PaintRegion) else ()


def label_map(layout: Layout) -> np.ndarray:
    """(rows, cols) int64: for each cell the index of its swatch in the layout's palette, -1 where not valid.

    Raises:
        LayoutError: where the layout has no palette.
    """
    return layout.labels()


def empty_layout(
    rows: int, cols: int, palette: Palette, *, pixel_size_m: float | None = None, swatch: str | None = None,
    seed: int = 0, cell_px: int = CELL_PX,
) -> Layout:  # fmt: skip
    """A canvas to paint on from nothing.

    Args:
        rows, cols: cells.
        palette: to paint with; gives the encoder.
        pixel_size_m: of the canvas; the palette's where not given.
        swatch: to fill the canvas with; without one all cells are not valid.
        seed: of that filling.
        cell_px: side of a cell in canvas pixels.

    Raises:
        GridError: where rows or cols are below 1.
        LayoutError: where the pixel size does not fit the palette.
    """
    geometry = GridGeometry((rows, cols), pixel_size_m or palette.pixel_size_m, cell_px=cell_px)
    vectors, valid = np.zeros((rows, cols, palette.dim), dtype=np.float32), np.zeros((rows, cols), dtype=bool)
    layout = Layout(EmbeddingGrid(vectors, valid, geometry, palette.encoder_id, "", {"name": "empty canvas"}), palette)
    return layout if swatch is None else layout.apply(Fill((0, 0), swatch, seed=seed))
