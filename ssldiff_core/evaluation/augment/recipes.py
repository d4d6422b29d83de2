"""From a variation to the canvas that is drawn: its grid, seed, and what it starts from."""

from __future__ import annotations

import numpy as np

from ...embeddings.class_regions import ClassRegions
from ...embeddings.grid import EmbeddingGrid
from ...geometry import GridGeometry
from ...layouts.chance import draw_normal
from ...layouts.directions import slerp, turn
from .variations import Variation

Vectors = np.ndarray


def varied_vectors(variation: Variation, own: Vectors, other: Vectors | None, seed: int) -> Vectors:
    """The embeddings to draw.

    Args:
        variation: its kind and amount.
        own: (rows, cols, dim) float32 of the source.
        other: of the partner, of any shape: its cells are taken as if it were repeated; None where there is none.
        seed: of this variation.

    Returns:
        (rows, cols, dim) float32.
    """
    rows, cols, dim = own.shape
    flat = own.reshape(-1, dim)
    if variation.kind == "jitter":
        row, col = (part.ravel() for part in np.indices((rows, cols)))
        noise = draw_normal(seed, row, col, dim)
        flat = turn(flat, noise, np.deg2rad(variation.amount))
    elif variation.kind == "blend":
        assert other is not None, "a blend has a partner"
        there = other[np.arange(rows) % other.shape[0]][:, np.arange(cols) % other.shape[1]].reshape(-1, dim)
        flat = slerp(flat, there, variation.amount)
    return flat.reshape(rows, cols, dim)


def grid_of(
    vectors: Vectors, pixel_size_m: float, encoder_id: str, cell_px: int, latent_factor: int,
    regions: ClassRegions | None = None,
) -> EmbeddingGrid:  # fmt: skip
    """A grid, with borders finer than cells where there are any; a cell of zeros is not valid."""
    geometry = GridGeometry(vectors.shape[:2], pixel_size_m, cell_px=cell_px, latent_factor=latent_factor)
    valid = np.asarray(vectors.any(axis=2))
    return EmbeddingGrid(vectors, valid, geometry, encoder_id, regions=regions)
