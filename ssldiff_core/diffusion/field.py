"""The conditioning field: the condition at any position of the canvas, from the grid of embeddings.

Between cell centres the raw vectors are interpolated on the sphere, first along a row, then along a column (the
authors'
order). Beyond the outermost centres the nearest cell's value holds. Every position is computed by itself, so the
field of a crop is the crop of the field, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..embeddings.grid import EmbeddingGrid

STRAIGHT_COSINE = 0.9995
"""Where the cosine of two vectors passes ± this, they are interpolated on a straight line."""

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def slerp(first: Floats, second: Floats, weight: Floats) -> Floats:
    """Spherical interpolation of raw vectors: the angle is that of their directions, lengths are kept in proportion.

    Args:
        first, second: (..., dim) float32, same shape.
        weight: (...) float32 in [0, 1], the share of ``second``.

    Returns:
        (..., dim) float32.

    Source: Shoemake 1985; the straight line near cos ±1 as in the authors' sampler.
    """
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    cosine = np.einsum("...d,...d->...", first, second) / np.maximum(norms, 1e-12)
    straight = np.abs(cosine) > STRAIGHT_COSINE
    angle = np.arccos(np.clip(cosine, -STRAIGHT_COSINE, STRAIGHT_COSINE))
    sine = np.sin(angle)
    share_first = np.where(straight, 1.0 - weight, np.sin((1.0 - weight) * angle) / sine)
    share_second = np.where(straight, weight, np.sin(weight * angle) / sine)
    mixed = share_first[..., None] * first + share_second[..., None] * second
    return mixed.astype(np.float32, copy=False)


def interpolate_field(
    vectors: Floats, valid: Bools, rows_cell: NDArray[np.float64], cols_cell: NDArray[np.float64]
) -> tuple[Floats, Bools]:
    """The field at every pair of a row and a column coordinate.

    Invalid corners are left out and the weights of the others renormalised. A position is valid where the cell it
    lies in is.

    Args:
        vectors: (rows, cols, dim) float32.
        valid: (rows, cols) bool.
        rows_cell: (h,) row coordinates in cells, cell centres at whole numbers.
        cols_cell: (w,) column coordinates likewise.

    Returns:
        Conditions (h, w, dim) float32, zero where invalid; validity (h, w) bool.
    """
    top, bottom, down = _corners(rows_cell, vectors.shape[0])
    left, right, across = _corners(cols_cell, vectors.shape[1])
    used, places = np.unique(np.concatenate([top, bottom]), return_inverse=True)
    along = vectors[used]
    ok_left, ok_right = valid[used][:, left], valid[used][:, right]
    weight = np.broadcast_to(across, ok_left.shape)
    weight = np.where(ok_left & ok_right, weight, np.where(ok_right, 1.0, 0.0)).astype(np.float32)
    rows = slerp(along[:, left], along[:, right], weight)
    mass = (1.0 - across) * ok_left + across * ok_right
    upper, lower = places[: len(top)], places[len(top) :]
    mass_upper, mass_lower = (1.0 - down)[:, None] * mass[upper], down[:, None] * mass[lower]
    total = mass_upper + mass_lower
    share = (mass_lower / np.where(total > 0, total, 1.0)).astype(np.float32)
    condition = slerp(rows[upper], rows[lower], share)
    own_row = np.clip(np.floor(rows_cell + 0.5), 0, vectors.shape[0] - 1).astype(np.intp)
    own_col = np.clip(np.floor(cols_cell + 0.5), 0, vectors.shape[1] - 1).astype(np.intp)
    holds = valid[own_row][:, own_col]
    condition[~holds] = 0.0
    return condition, holds


def _corners(position: NDArray[np.float64], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Neighbouring cells of each coordinate and the share of the second."""
    clamped = np.clip(position, 0.0, count - 1.0)
    first = np.minimum(np.floor(clamped), max(0, count - 2)).astype(np.intp)
    second = np.minimum(first + 1, count - 1)
    return first, second, (clamped - first).astype(np.float32)


@dataclass(frozen=True)
class ConditioningField:
    """The field of one grid, computed where it is asked for.

    Args:
        grid: the embeddings and their geometry.
    """

    grid: EmbeddingGrid

    @property
    def dim(self) -> int:
        return int(self.grid.vectors.shape[2])

    def crop(self, row_lat: int, col_lat: int, height: int, width: int) -> tuple[Floats, Bools]:
        """The field at the centres of a block of latents: conditions (h, w, dim) float32 and validity (h, w)."""
        rows, cols = self._centres(row_lat, height), self._centres(col_lat, width)
        return interpolate_field(self.grid.vectors, self.grid.valid, rows, cols)

    def place(self, row_lat: int, col_lat: int, height: int, width: int) -> Floats:
        """Where in its cell each position lies: (2, h, w) float32 in [0, 1), row and column, 0 at cell centres."""
        rows, cols = self._centres(row_lat, height) % 1.0, self._centres(col_lat, width) % 1.0
        return np.stack(np.meshgrid(rows, cols, indexing="ij")).astype(np.float32)

    def _centres(self, start_lat: int, count: int) -> NDArray[np.float64]:
        """Coordinates in cells of the centres of ``count`` latents in a row."""
        return np.array([self.grid.geometry.lat_to_cell(start_lat + i) for i in range(count)])
