"""Palettes from a grid: clusters with real exemplars and textures, or a swatch of picked cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..embeddings.grid import EmbeddingGrid
from ..errors import LayoutError
from .directions import to_unit
from .labels import largest_rectangles
from .palette import Palette
from .swatch import Swatch, default_colour

ReadPatch = Callable[[int, int], np.ndarray]
"""(row, col) of a grid -> the patch's pixels, (height, width, 3) uint8."""

N_EXEMPLARS = 8
MAX_VECTORS = 1024
"""A swatch holds no more of its cluster's vectors than this."""

_MINI_BATCH_ABOVE = 20_000
_MAX_TEXTURE = 32


def palette_from_grid(
    grid: EmbeddingGrid, *, read_patch: ReadPatch | None = None, n_swatches: int = 8, seed: int = 0,
    names: Sequence[str] = (),
) -> tuple[Palette, np.ndarray]:  # fmt: skip
    """Cluster the valid cells by k-means on unit vectors; the largest cluster comes first.

    Args:
        grid: to make the palette of.
        read_patch: gives the pixels of exemplars; without it swatches have no pictures.
        n_swatches: clusters at most; a grid with fewer different vectors gives fewer.
        seed: of k-means; the same seed gives the same palette.
        names: of the first swatches; the others are "Swatch 1", "Swatch 2", …

    Returns:
        The palette, and labels (rows, cols) int64: the index of the nearest swatch, -1 where not valid.

    Raises:
        LayoutError: where the grid has no valid cell or ``n_swatches`` is below 1.

    Example:
        >>> grid = ssldiff.EmbeddingGrid.load("grid.npz")
        >>> palette, labels = ssldiff.palette_from_grid(grid, n_swatches=2, names=["stroma"])
        >>> palette.names, labels.shape
        (('stroma', 'Swatch 2'), (2, 3))
    """
    if n_swatches < 1:
        raise LayoutError(
            f"make a palette of {n_swatches} swatches", "that is none", "a palette has at least one", "Use 1"
        )
    cells = np.argwhere(grid.valid)
    if not len(cells):
        raise LayoutError("make a palette", "the grid has no valid cell", "", "Encode a region that holds something")
    clusters = _cluster(to_unit(grid.vectors[grid.valid]).astype(np.float32), n_swatches, seed)
    members = np.full(grid.shape_cell, -1, dtype=np.int64)
    members[grid.valid] = clusters
    rectangles = largest_rectangles(members)
    origin = f"{clusters.max() + 1} clusters of {grid.source.get('name', 'a grid')}"
    swatches = []
    for index in range(int(clusters.max()) + 1):
        name = names[index] if index < len(names) else f"Swatch {index + 1}"
        own, texture = cells[clusters == index], _texture(grid, rectangles.get(index))
        swatches.append(_swatch(grid, own, name, default_colour(index), read_patch, texture, origin))
    palette = Palette(tuple(swatches), grid.encoder_id, grid.geometry.pixel_size_m)
    labels = palette.nearest(grid.vectors.reshape(-1, grid.dim)).reshape(grid.shape_cell).astype(np.int64)
    labels[~grid.valid] = -1
    return palette, labels


def swatch_from_cells(
    grid: EmbeddingGrid,
    cells: Sequence[tuple[int, int]],
    name: str,
    colour: str,
    *,
    read_patch: ReadPatch | None = None,
) -> Swatch:
    """The swatch of picked cells; those not valid are left out.

    Raises:
        LayoutError: where a cell lies outside the grid, or none is valid.
    """
    rows, cols = grid.shape_cell
    outside = [cell for cell in cells if not (0 <= cell[0] < rows and 0 <= cell[1] < cols)]
    if outside:
        raise LayoutError(f"pick cell {outside[0]}", f"it lies outside the grid of {rows} × {cols}")
    picked = np.zeros(grid.shape_cell, dtype=bool)
    picked[tuple(np.array(cells, dtype=np.int64).reshape(-1, 2).T)] = True
    picked &= grid.valid
    if not picked.any():
        raise LayoutError("pick cells", "none of them is valid", "a swatch holds at least one embedding")
    texture = _texture(grid, largest_rectangles(np.where(picked, 0, -1)).get(0))
    origin = f"picked from {grid.source.get('name', 'a grid')}"
    return _swatch(grid, np.argwhere(picked), name, colour, read_patch, texture, origin)


def choose_exemplars(units: np.ndarray, n: int) -> np.ndarray:
    """Indices of up to n of (m, dim) unit vectors: half nearest to the mean, half each farthest from those chosen."""
    order = np.argsort(-(units @ units.mean(axis=0)), kind="stable")
    chosen = list(order[: max(1, n // 2)])
    closest = (units @ units[chosen].T).max(axis=1)
    while len(chosen) < min(n, len(units)):
        closest[chosen] = np.inf
        chosen.append(int(np.argmin(closest)))
        closest = np.maximum(closest, units @ units[chosen[-1]])
    return np.array(chosen, dtype=np.int64)


def _cluster(units: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """(n,) cluster of each unit vector, numbered from 0 without gaps, the largest first."""
    from sklearn.cluster import KMeans, MiniBatchKMeans  # lazily: it takes a while to load

    n_clusters = min(n_clusters, len(np.unique(units, axis=0)))
    if len(units) > _MINI_BATCH_ABOVE:
        kmeans = MiniBatchKMeans(n_clusters, n_init=3, batch_size=4096, random_state=seed)
    else:
        kmeans = KMeans(n_clusters, n_init=3, random_state=seed)
    raw = kmeans.fit_predict(units)
    _, first, inverse, counts = np.unique(raw, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.lexsort((first, -counts))] = np.arange(len(counts))
    return np.asarray(rank[inverse])


def _swatch(
    grid: EmbeddingGrid, cells: np.ndarray, name: str, colour: str, read_patch: ReadPatch | None,
    texture: np.ndarray | None, origin: str,
) -> Swatch:  # fmt: skip
    """A swatch of the embeddings at ``cells`` (n, 2), exemplars first."""
    vectors = grid.vectors[cells[:, 0], cells[:, 1]]
    first = choose_exemplars(to_unit(vectors), N_EXEMPLARS)
    rest = np.setdiff1d(np.arange(len(cells)), first)
    room = MAX_VECTORS - len(first)
    if len(rest) > room:  # evenly through the grid
        rest = rest[np.linspace(0, len(rest) - 1, room).astype(np.int64)]
    held = vectors[np.concatenate([first, rest])]
    if read_patch is None:
        return Swatch(name, colour, held, texture=texture, origin=origin)
    pictures = np.stack([read_patch(int(row), int(col)) for row, col in cells[first]])
    return Swatch(name, colour, held, pictures, texture, origin)


def _texture(grid: EmbeddingGrid, rectangle: tuple[int, int, int, int] | None) -> np.ndarray | None:
    """The vectors of a rectangle (row, col, rows, cols) of at least two cells a side."""
    if rectangle is None or min(rectangle[2:]) < 2:
        return None
    row, col, rows, cols = rectangle
    return np.asarray(grid.vectors[row : row + min(rows, _MAX_TEXTURE), col : col + min(cols, _MAX_TEXTURE)])
