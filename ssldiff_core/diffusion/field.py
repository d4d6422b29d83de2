"""The conditioning field: the condition at any position of the canvas, from the grid of embeddings.

Between cell centres the raw vectors are interpolated on the sphere, first along a row, then along a column (the
authors' order). Beyond the outermost centres the nearest cell's value holds. Where the grid has class regions, a
position takes part in its own class alone: corners of other classes are left out like invalid ones. Every position is
computed by itself, so the field of a crop is the crop of the field, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..embeddings.class_regions import ClassRegions
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
    condition, holds, _ = _interpolated(
        lambda rows, cols: (vectors[rows, cols], valid[rows, cols]), valid.shape, rows_cell, cols_cell
    )
    condition[~holds] = 0.0
    return condition, holds


Take = Callable[[slice, slice], tuple[Floats, Bools]]
"""A block of rows and columns -> its vectors (h, w, dim) and validity (h, w)."""


def _interpolated(
    take: Take, shape: tuple[int, ...], rows_cell: NDArray[np.float64], cols_cell: NDArray[np.float64]
) -> tuple[Floats, Bools, Bools]:
    """:func:`interpolate_field` over cells of which only those near the coordinates are taken.

    Returns:
        Conditions (h, w, dim) float32; (h, w) bool, whether a position's own cell is valid, and whether any corner is.
    """
    top, bottom, down = _corners(rows_cell, shape[0])
    left, right, across = _corners(cols_cell, shape[1])
    first_row, first_col = int(top.min()), int(left.min())
    vectors, valid = take(slice(first_row, int(bottom.max()) + 1), slice(first_col, int(right.max()) + 1))
    own_row = np.clip(np.floor(rows_cell + 0.5), 0, shape[0] - 1).astype(np.intp) - first_row
    own_col = np.clip(np.floor(cols_cell + 0.5), 0, shape[1] - 1).astype(np.intp) - first_col
    top, bottom, left, right = top - first_row, bottom - first_row, left - first_col, right - first_col
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
    return condition, valid[own_row][:, own_col], total > 0


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
        return self.at(self._centres(row_lat, height), self._centres(col_lat, width))

    def at(self, rows_cell: NDArray[np.float64], cols_cell: NDArray[np.float64]) -> tuple[Floats, Bools]:
        """The field at every pair of a row and a column coordinate, cell centres at whole numbers."""
        grid = self.grid
        if grid.regions is None:
            return interpolate_field(grid.vectors, grid.valid, rows_cell, cols_cell)
        vectors = np.empty((len(rows_cell), len(cols_cell), self.dim), np.float32)
        valid = np.empty(vectors.shape[:2], np.bool_)
        for top in range(0, len(rows_cell), _CHUNK_LAT):  # few classes meet in a small block
            for left in range(0, len(cols_cell), _CHUNK_LAT):
                here = (slice(top, top + _CHUNK_LAT), slice(left, left + _CHUNK_LAT))
                vectors[here], valid[here] = _field_by_class(grid, grid.regions, rows_cell[here[0]], cols_cell[here[1]])
        return vectors, valid

    def place(self, row_lat: int, col_lat: int, height: int, width: int) -> Floats:
        """Where in its cell each position lies: (2, h, w) float32 in [0, 1), row and column, 0 at cell centres."""
        rows, cols = self._centres(row_lat, height) % 1.0, self._centres(col_lat, width) % 1.0
        return np.stack(np.meshgrid(rows, cols, indexing="ij")).astype(np.float32)

    def _centres(self, start_lat: int, count: int) -> NDArray[np.float64]:
        """Coordinates in cells of the centres of ``count`` latents in a row."""
        return np.array([self.grid.geometry.lat_to_cell(start_lat + i) for i in range(count)])


_CHUNK_LAT = 64


def _field_by_class(
    grid: EmbeddingGrid, regions: ClassRegions, rows_cell: NDArray[np.float64], cols_cell: NDArray[np.float64]
) -> tuple[Floats, Bools]:
    """Each position in its own class; within the transition a mixture by the area that each class has around it."""
    rows, cols = (
        np.clip(np.floor((at + 0.5) * regions.cell_lat), 0, count - 1).astype(np.intp)
        for at, count in zip((rows_cell, cols_cell), regions.labels.shape, strict=True)
    )
    own = regions.labels[rows][:, cols]
    reach = _reach(regions.transition_lat)
    around = regions.labels[_grown(rows, reach, regions.labels.shape[0])][
        :, _grown(cols, reach, regions.labels.shape[1])
    ]
    vectors = np.zeros((*own.shape, grid.dim), np.float32)
    valid, mass = np.zeros(own.shape, np.bool_), np.zeros(own.shape)
    for index in np.unique(around).tolist():
        share = _shares(regions, index, rows, cols)
        used = [np.flatnonzero(share.any(axis=axis)) for axis in (1, 0)]
        if not len(used[0]):
            continue
        box = (slice(used[0][0], used[0][-1] + 1), slice(used[1][0], used[1][-1] + 1))
        take = partial(regions.plane, index, grid.vectors, grid.valid)
        found, holds, reached = _interpolated(take, grid.shape_cell, rows_cell[box[0]], cols_cell[box[1]])
        valid[box] |= holds & (own[box] == index)
        part = np.where(reached, share[box], 0.0)
        mass[box] += part
        if reach:
            found = slerp(vectors[box], found, (part / np.where(mass[box] > 0, mass[box], 1.0)).astype(np.float32))
        vectors[box] = np.where((part > 0)[..., None], found, vectors[box])
    vectors[~valid] = 0.0
    return vectors, valid


def _reach(transition_lat: float) -> int:
    """How many latents to either side a transition looks."""
    return max(0, int(np.ceil((transition_lat - 1.0) / 2.0)))


def _grown(index: NDArray[np.intp], reach: int, count: int) -> NDArray[np.intp]:
    return np.unique(np.clip(index[:, None] + np.arange(-reach, reach + 1), 0, count - 1))


def _shares(regions: ClassRegions, index: int, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.float64]:
    """(h, w): how much of a square as wide as the transition, around each latent, is of a class."""
    width, reach = max(1.0, regions.transition_lat), _reach(regions.transition_lat)
    offsets = np.arange(-reach, reach + 1)
    weights = np.clip(np.minimum(offsets + 0.5, width / 2) - np.maximum(offsets - 0.5, -width / 2), 0.0, 1.0) / width
    height, across = regions.labels.shape
    found = np.zeros((len(rows), len(cols)))
    for dy, weight_y in zip(offsets, weights, strict=True):
        line = regions.labels[np.clip(rows + dy, 0, height - 1)]
        for dx, weight_x in zip(offsets, weights, strict=True):
            found += weight_y * weight_x * (line[:, np.clip(cols + dx, 0, across - 1)] == index)
    return found


def changed_positions(earlier: EmbeddingGrid, later: EmbeddingGrid) -> Bools:
    """(height, width) of the canvas in latents: where the field of one grid may differ from that of the other.

    Args:
        earlier, later: of one geometry.
    """
    side = earlier.geometry.cell_lat
    if earlier.regions is None and later.regions is None:
        differs = (earlier.vectors != later.vectors).any(axis=2) | (earlier.valid != later.valid)
        return _influence(differs, side)
    names = sorted({name for grid in (earlier, later) if grid.regions for name in grid.regions.names})
    shape = earlier.geometry.shape_lat
    labels = [grid.regions.renamed(names) if grid.regions else np.zeros(shape, np.intp) for grid in (earlier, later)]
    reach = max(_reach(grid.regions.transition_lat) for grid in (earlier, later) if grid.regions)
    moved = labels[0] != labels[1]
    for index, name in enumerate(["", *names]):
        planes = [_named_plane(grid, name if index else None) for grid in (earlier, later)]
        differs = (planes[0][0] != planes[1][0]).any(axis=2) | (planes[0][1] != planes[1][1])
        if differs.any():
            moved |= _influence(differs, side) & ((labels[0] == index) | (labels[1] == index))
    if earlier.regions and later.regions and earlier.regions.transition_lat != later.regions.transition_lat:
        moved[:] = True
    return _dilated(moved, 2 * reach)


def _named_plane(grid: EmbeddingGrid, name: str | None) -> tuple[Floats, Bools]:
    """What a class, or the ground where None, holds in every cell."""
    whole = (slice(0, grid.geometry.rows), slice(0, grid.geometry.cols))
    if grid.regions is None:
        empty = (np.zeros_like(grid.vectors), np.zeros_like(grid.valid))
        return empty if name is not None else (grid.vectors, grid.valid)
    if name is not None and name not in grid.regions.names:
        return np.zeros_like(grid.vectors), np.zeros_like(grid.valid)
    index = 0 if name is None else grid.regions.names.index(name) + 1
    return grid.regions.plane(index, grid.vectors, grid.valid, *whole)


def _influence(cells: Bools, side: int) -> Bools:
    """Latents whose condition depends on these cells: their own and those within half a cell of them."""
    found = np.zeros((cells.shape[0] * side, cells.shape[1] * side), np.bool_)
    for row, col in np.argwhere(cells):
        top, left = (max(0, index * side - side // 2) for index in (row, col))
        found[top : (row + 1) * side + side // 2, left : (col + 1) * side + side // 2] = True
    return found


def _dilated(mask: Bools, reach: int) -> Bools:
    if not reach:
        return mask
    from scipy import ndimage  # lazily: it takes a while to load

    return np.asarray(ndimage.maximum_filter(mask, size=2 * reach + 1, mode="constant"), np.bool_)
