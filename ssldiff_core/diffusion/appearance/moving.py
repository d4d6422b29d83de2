"""A grid in another appearance: its embeddings moved along the direction from one appearance to the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...embeddings.grid import EmbeddingGrid
from ...errors import GridError, SettingsError

Floats = NDArray[np.float32]


def move_grid(grid: EmbeddingGrid, before: Floats, after: Floats, amount: float = 1.0) -> EmbeddingGrid:
    """Move every valid cell by the difference of the mean embeddings of two appearances; lengths stay.

    Where ``before`` and ``after`` are of the same shapes in both appearances (an image and the image matched), what
    they show cancels out and the direction is that of appearance alone.

    Args:
        grid: what to move.
        before: (…, dim) embeddings in the grid's own appearance.
        after: (…, dim) embeddings in the other appearance, by the same encoder.
        amount: 1 goes the whole way.

    Raises:
        GridError: where the embeddings are not of the grid's dimension.
        SettingsError: where the amount is not finite.
    """
    for name, vectors in (("before", before), ("after", after)):
        if vectors.shape[-1] != grid.dim or not vectors.size:
            raise GridError(
                "move a grid to another appearance", f"the embeddings {name} are of shape {vectors.shape}",
                f"they end in the grid's dimension, {grid.dim}",
            )  # fmt: skip
    if not np.isfinite(amount):
        raise SettingsError("move a grid to another appearance", f"the amount is {amount}", "1 goes the whole way")
    first, last = (vectors.reshape(-1, grid.dim).mean(axis=0, dtype=np.float64) for vectors in (before, after))
    shift = amount * (last - first)
    regions = grid.regions
    moved = grid.with_vectors(_shifted(grid.vectors, shift))
    return moved if regions is None else replace(moved, regions=regions.mapped(_shifted(regions.vectors, shift)))


def _shifted(vectors: NDArray[np.float32], shift: NDArray[np.float64]) -> NDArray[np.float32]:
    """Vectors (…, dim) moved, as long as they were."""
    moved = vectors + shift
    moved *= np.linalg.norm(vectors, axis=-1, keepdims=True) / np.maximum(
        np.linalg.norm(moved, axis=-1, keepdims=True), 1e-12
    )
    return moved.astype(np.float32)


def read_cells(image: NDArray[np.uint8], cell_px: int) -> NDArray[np.uint8]:
    """The whole cells of (h, w, 3) uint8, from its top left -> (n, cell_px, cell_px, 3).

    Raises:
        GridError: where not one cell fits.
    """
    rows, cols = image.shape[0] // cell_px, image.shape[1] // cell_px
    if not rows * cols:
        raise GridError(
            "read the cells of an image", f"it is {image.shape[1]} × {image.shape[0]} px", f"a cell is {cell_px} px"
        )
    whole = image[: rows * cell_px, : cols * cell_px].reshape(rows, cell_px, cols, cell_px, 3)
    return whole.swapaxes(1, 2).reshape(-1, cell_px, cell_px, 3)
