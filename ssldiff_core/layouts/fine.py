"""Cells that borders run through: which class each of their positions is of, and what each class holds there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..embeddings.class_regions import MAX_CLASSES, TRANSITION_LAT, ClassRegions
from ..embeddings.grid import EmbeddingGrid
from ..errors import LayoutError

if TYPE_CHECKING:
    from .shapes import Coverage

ERASED = ""
"""The class of what was erased: it holds nothing."""

Cell = tuple[int, int]
Pieces = Mapping[str, np.ndarray]
"""Class -> its vector (dim,) in one cell."""


@dataclass(frozen=True, eq=False)
class FineState:
    """All borders of a canvas.

    Args:
        labels: (rows · per_cell, cols · per_cell) uint8: 0 the ground, ``k + 1`` the class ``keys[k]``.
        keys: classes in the order in which they were first drawn: ids of swatches, or :data:`ERASED`.
        pieces: what the classes hold, by cell.
    """

    labels: np.ndarray
    keys: tuple[str, ...]
    pieces: Mapping[Cell, Pieces]

    @classmethod
    def empty(cls, shape_cell: tuple[int, ...], per_cell: int) -> FineState:
        """Nothing but ground."""
        return cls(np.zeros((shape_cell[0] * per_cell, shape_cell[1] * per_cell), np.uint8), (), {})

    def at(self, rows: np.ndarray, cols: np.ndarray, per_cell: int) -> FineCells:
        """What these cells hold."""
        pieces = tuple(self.pieces.get(cell, {}) for cell in zip(rows.tolist(), cols.tolist(), strict=True))
        return FineCells(self._blocks(per_cell)[rows, :, cols], self.keys, pieces)

    def put(self, rows: np.ndarray, cols: np.ndarray, cells: FineCells, per_cell: int) -> FineState:
        """With these cells changed."""
        labels, pieces = self.labels.copy(), dict(self.pieces)
        shape = (labels.shape[0] // per_cell, per_cell, labels.shape[1] // per_cell, per_cell)
        labels.reshape(shape)[rows, :, cols] = cells.labels
        labels.setflags(write=False)
        for cell, held in zip(zip(rows.tolist(), cols.tolist(), strict=True), cells.pieces, strict=True):
            if held:
                pieces[cell] = held
            else:
                pieces.pop(cell, None)
        return FineState(labels, max(self.keys, cells.keys, key=len), pieces)

    def _blocks(self, per_cell: int) -> np.ndarray:
        height, width = self.labels.shape
        return self.labels.reshape(height // per_cell, per_cell, width // per_cell, per_cell)


@dataclass(frozen=True, eq=False)
class FineCells:
    """Some cells of a :class:`FineState`: ``labels`` (n, per_cell, per_cell), the keys they index, n times pieces."""

    labels: np.ndarray
    keys: tuple[str, ...]
    pieces: tuple[Pieces, ...]

    @classmethod
    def ground(cls, count: int, per_cell: int) -> FineCells:
        """Cells without borders."""
        return cls(np.zeros((count, per_cell, per_cell), np.uint8), (), ({},) * count)

    def drawn(self, mask: np.ndarray, key: str, vectors: np.ndarray | None) -> FineCells:
        """With a class where ``mask`` (n, per_cell, per_cell) is set; classes that are covered altogether are gone.

        Args:
            mask: bool.
            key: of the class.
            vectors: (n, dim) that it holds, None for the erased.

        Raises:
            LayoutError: where there are more classes than a byte tells apart.
        """
        keys = self.keys if key in self.keys else (*self.keys, key)
        if len(keys) > MAX_CLASSES:
            raise LayoutError("draw a region", f"there are {len(keys)} classes", f"a canvas has up to {MAX_CLASSES}")
        labels = np.where(mask, np.uint8(keys.index(key) + 1), self.labels)
        flat = labels.reshape(len(labels), -1)
        pieces = []
        for index, held in enumerate(self.pieces):
            present = {keys[k - 1] for k in np.unique(flat[index]).tolist() if k}
            kept = {name: vector for name, vector in held.items() if name in present and name != key}
            pieces.append(kept if vectors is None else {**kept, key: vectors[index]})
        return FineCells(labels, keys, tuple(pieces))


def touched_cells(coverage: Coverage, per_cell: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns (n,) of the cells that shapes cover in part or whole, and where (n, per_cell, per_cell)."""
    first = (coverage.row // per_cell, coverage.col // per_cell)
    before = (coverage.row - first[0] * per_cell, coverage.col - first[1] * per_cell)
    after = (-(before[i] + coverage.mask.shape[i]) % per_cell for i in (0, 1))
    whole = np.pad(coverage.mask, [(b, a) for b, a in zip(before, after, strict=True)])
    blocks = whole.reshape(whole.shape[0] // per_cell, per_cell, whole.shape[1] // per_cell, per_cell)
    rows, cols = np.nonzero(blocks.any(axis=(1, 3)))
    return rows + first[0], cols + first[1], blocks[rows, :, cols]


def fine_of(grid: EmbeddingGrid, per_cell: int) -> tuple[np.ndarray, np.ndarray, FineState | None]:
    """The ground of a grid (vectors and validity), and its borders, at so many positions a cell."""
    regions = grid.regions
    if regions is None:
        return grid.vectors, grid.valid, None
    if per_cell % regions.cell_lat:
        raise LayoutError(
            "draw on this grid", f"its borders are of {regions.cell_lat} positions a cell, not {per_cell}"
        )
    scale = per_cell // regions.cell_lat
    labels = regions.labels.repeat(scale, axis=0).repeat(scale, axis=1)
    vectors, valid = grid.vectors.copy(), grid.valid.copy()
    pieces: dict[Cell, dict[str, np.ndarray]] = {}
    for row, col in np.argwhere(regions.majority > 0).tolist():
        name = regions.names[regions.majority[row, col] - 1]
        if valid[row, col]:
            pieces.setdefault((row, col), {})[name] = grid.vectors[row, col]
        vectors[row, col], valid[row, col] = 0.0, False
    for (index, row, col), vector in zip(regions.cells.tolist(), regions.vectors, strict=True):
        if index:
            pieces.setdefault((row, col), {})[regions.names[index - 1]] = vector
        else:
            vectors[row, col], valid[row, col] = vector, True
    return vectors, valid, FineState(labels, regions.names, pieces)


@dataclass(frozen=True, eq=False)
class FlatCells:
    """A canvas as cells see it: ``vectors``, ``valid`` and ``key`` (the class, None for the ground) of the class that
    covers most of each, and the regions behind them."""

    vectors: np.ndarray
    valid: np.ndarray
    key: np.ndarray
    regions: ClassRegions | None

    def painted(self, ground: np.ndarray) -> np.ndarray:
        """(rows, cols) object: the class, or what the ground was painted with."""
        if self.regions is None:
            return ground
        return np.where(self.regions.majority > 0, self.key, ground)


def flatten(
    vectors: np.ndarray, valid: np.ndarray, fine: FineState | None, per_cell: int,
    transition_lat: float = TRANSITION_LAT,
) -> FlatCells:  # fmt: skip
    """What a ground and the borders over it are for cells."""
    nothing = np.full(valid.shape, None, dtype=object)
    if fine is None or not fine.labels.any():
        return FlatCells(vectors, valid, nothing, None)
    names = tuple(sorted(fine.keys[k - 1] for k in np.unique(fine.labels).tolist() if k))
    order = np.zeros(len(fine.keys) + 1, np.uint8)
    for index, name in enumerate(names):
        order[fine.keys.index(name) + 1] = index + 1
    vectors, valid, parts = vectors.copy(), valid.copy(), []
    bare = ClassRegions(order[fine.labels], names, np.zeros((0, 3)), np.zeros((0, vectors.shape[2])), per_cell)
    majority, counts = bare.majority, _counts(bare.labels, per_cell, len(names) + 1)
    for row, col in np.argwhere(counts[..., 1:].any(axis=2)).tolist():
        held = fine.pieces.get((row, col), {})
        most = int(majority[row, col])
        if most and counts[row, col, 0] and valid[row, col]:
            parts.append((0, row, col, vectors[row, col].copy()))
        for name, vector in held.items():
            index = names.index(name) + 1
            if index != most:
                parts.append((index, row, col, vector))
        if most:
            nothing[row, col] = names[most - 1]
            found = held.get(names[most - 1])
            valid[row, col] = found is not None
            vectors[row, col] = 0.0 if found is None else found
    parts.sort(key=lambda part: part[:3])
    regions = ClassRegions(
        bare.labels, names, np.array([part[:3] for part in parts], np.int64).reshape(-1, 3),
        np.array([part[3] for part in parts], np.float32).reshape(len(parts), vectors.shape[2]), per_cell,
        transition_lat,
    )  # fmt: skip
    regions.__dict__["majority"] = majority  # where cached_property keeps it
    return FlatCells(vectors, valid, nothing, regions)


def _counts(labels: np.ndarray, per_cell: int, classes: int) -> np.ndarray:
    """(rows, cols, classes): positions of each class in each cell."""
    blocks = labels.reshape(labels.shape[0] // per_cell, per_cell, labels.shape[1] // per_cell, per_cell)
    return np.stack([(blocks == index).sum(axis=(1, 3)) for index in range(classes)], axis=2)
