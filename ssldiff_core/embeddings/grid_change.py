"""How one grid became another: cells that hold something else, and rows or columns that were added around it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import GridError
from ..geometry import GridGeometry
from .class_regions import ClassRegions
from .grid import EmbeddingGrid


@dataclass(frozen=True, eq=False)
class GridChange:
    """What is needed to get back from the later grid to the earlier one.

    Args:
        geometry: of the earlier grid.
        offset_cell: (row, col) of the earlier grid's first cell in the later one.
        cells: (n, 2) int64, (row, col) in the earlier grid of those that changed.
        vectors: (n, dim) float32 that they held.
        valid: (n,) bool.
        regions: of the earlier grid, where it had any.
    """

    geometry: GridGeometry
    offset_cell: tuple[int, int]
    cells: np.ndarray = field(repr=False)
    vectors: np.ndarray = field(repr=False)
    valid: np.ndarray = field(repr=False)
    regions: ClassRegions | None = None

    @classmethod
    def between(cls, earlier: EmbeddingGrid, later: EmbeddingGrid) -> GridChange:
        """How ``earlier`` became ``later``.

        Raises:
            GridError: where they are of different encoders or lattices, or the later one holds less of the canvas.
        """
        asked = "continue from one grid to another"
        if (earlier.encoder_id, earlier.dim) != (later.encoder_id, later.dim):
            raise GridError(
                asked, f"the one is of {earlier.encoder_id!r}, the other of {later.encoder_id!r}",
                "an image goes on with embeddings of the same encoder",
            )  # fmt: skip
        row, col = offset_of(earlier.geometry, later.geometry)
        (rows, cols), held = earlier.shape_cell, later.shape_cell
        if row < 0 or col < 0 or row + rows > held[0] or col + cols > held[1]:
            raise GridError(
                asked, f"the later grid ({held[0]} × {held[1]} cells) does not hold the earlier one ({rows} × {cols})",
                "a canvas grows and never shrinks", "Keep all rows and columns that were drawn",
            )  # fmt: skip
        here = (slice(row, row + rows), slice(col, col + cols))
        differs = (earlier.vectors != later.vectors[here]).any(axis=2) | (earlier.valid != later.valid[here])
        kept = None
        if later.regions is not None:
            kept = later.regions.taken(np.arange(row, row + rows), np.arange(col, col + cols))
        cells = np.argwhere(differs | divided_otherwise(earlier.regions, kept, earlier.shape_cell))
        at = (cells[:, 0], cells[:, 1])
        return cls(earlier.geometry, (row, col), cells, earlier.vectors[at], earlier.valid[at], earlier.regions)

    def before(self, later: EmbeddingGrid) -> EmbeddingGrid:
        """The earlier grid, from the later one; equal to what it was in every bit."""
        (row, col), (rows, cols) = self.offset_cell, self.geometry.shape_cell
        here = (slice(row, row + rows), slice(col, col + cols))
        vectors, valid = later.vectors[here].copy(), later.valid[here].copy()
        at = (self.cells[:, 0], self.cells[:, 1])
        vectors[at], valid[at] = self.vectors, self.valid
        return replace(later, vectors=vectors, valid=valid, geometry=self.geometry, regions=self.regions)

    def to_json(self) -> dict[str, Any]:
        """JSON-able; the arrays as base64 of an ``.npz``."""
        buffer = io.BytesIO()
        regions = {} if self.regions is None else self.regions.to_arrays()
        arrays = {"cells": self.cells, "vectors": self.vectors, "valid": self.valid, **regions}
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        return {
            "shape_cell": list(self.geometry.shape_cell), "origin_l0": list(self.geometry.origin_l0),
            "offset_cell": list(self.offset_cell), "arrays": base64.b64encode(buffer.getvalue()).decode("ascii"),
        }  # fmt: skip

    @classmethod
    def from_json(cls, record: Mapping[str, Any], lattice: GridGeometry) -> GridChange:
        """What :meth:`to_json` gave; ``lattice`` is a geometry with the same cells."""
        with np.load(io.BytesIO(base64.b64decode(record["arrays"], validate=True)), allow_pickle=False) as arrays:
            cells, vectors, valid = arrays["cells"], arrays["vectors"], arrays["valid"]
            regions = ClassRegions.from_arrays(arrays)
        geometry = replace(
            lattice, shape_cell=tuple(record["shape_cell"]), origin_l0=tuple(record["origin_l0"])
        )  # fmt: skip
        row, col = record["offset_cell"]
        return cls(geometry, (int(row), int(col)), cells, vectors, valid, regions)


def divided_otherwise(
    earlier: ClassRegions | None, later: ClassRegions | None, shape_cell: tuple[int, int]
) -> np.ndarray:
    """(rows, cols) bool: the cells whose borders, or what lies behind them, are not the same."""
    differs = np.zeros(shape_cell, bool)
    parts: list[dict[tuple[str, int, int], bytes]] = []
    for regions in (earlier, later):
        found = {} if regions is None else regions.named_parts()
        parts.append({key: vector.tobytes() for key, vector in found.items()})
    for key in parts[0].keys() | parts[1].keys():
        if parts[0].get(key) != parts[1].get(key):
            differs[key[1], key[2]] = True
    if earlier is None and later is None:
        return differs
    side = (earlier or later).cell_lat  # type: ignore[union-attr]
    names = sorted({name for regions in (earlier, later) if regions for name in regions.names})
    labels = [
        np.zeros((shape_cell[0] * side, shape_cell[1] * side), np.intp) if regions is None else regions.renamed(names)
        for regions in (earlier, later)
    ]
    moved = labels[0] != labels[1]
    return np.asarray(differs | moved.reshape(shape_cell[0], side, shape_cell[1], side).any(axis=(1, 3)))


def offset_of(earlier: GridGeometry, later: GridGeometry) -> tuple[int, int]:
    """(row, col) of the earlier grid's first cell in the later grid's lattice.

    Raises:
        GridError: where cells differ in size or do not lie on one lattice.
    """
    col = (earlier.origin_l0[0] - later.origin_l0[0]) / later.cell_l0
    row = (earlier.origin_l0[1] - later.origin_l0[1]) / later.cell_l0
    same = (earlier.cell_px, earlier.pixel_size_m, earlier.latent_factor) == (
        later.cell_px, later.pixel_size_m, later.latent_factor,
    )  # fmt: skip
    if not same or abs(row - round(row)) > 1e-6 or abs(col - round(col)) > 1e-6:
        raise GridError(
            "continue from one grid to another", "their cells do not lie on one lattice",
            "origins differ by whole cells of one size",
        )  # fmt: skip
    return round(row), round(col)


def grow_grid(grid: EmbeddingGrid, top: int = 0, right: int = 0, bottom: int = 0, left: int = 0) -> EmbeddingGrid:
    """The grid with rows and columns added around it, their cells mirrored from those inside (the border is shared).

    Raises:
        GridError: where a number is below 0 or all are 0.
    """
    if min(top, right, bottom, left) < 0 or max(top, right, bottom, left) < 1:
        raise GridError(
            f"grow a grid by {top}, {right}, {bottom}, {left} cells", "that adds nothing, or takes away",
            "numbers are 0 or more, one of them above 0", "For example 0, 4, 0, 0 for four columns on the right",
        )  # fmt: skip
    around = ((top, bottom), (left, right))
    vectors = np.pad(grid.vectors, (*around, (0, 0)), mode="symmetric")
    valid = np.pad(grid.valid, around, mode="symmetric")
    at, cell = grid.geometry, grid.geometry.cell_l0
    geometry = replace(
        at, shape_cell=valid.shape, origin_l0=(at.origin_l0[0] - left * cell, at.origin_l0[1] - top * cell)
    )
    regions = grid.regions
    if regions is not None:
        rows, cols = (
            np.pad(np.arange(count), pad, mode="symmetric") for count, pad in zip(at.shape_cell, around, strict=True)
        )
        margin = [(before * at.cell_lat, after * at.cell_lat) for before, after in around]
        regions = regions.taken(rows, cols, np.pad(regions.labels, margin, mode="symmetric"))
    return replace(grid, vectors=vectors, valid=valid, geometry=geometry, regions=regions)
