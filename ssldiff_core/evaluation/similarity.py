"""Embedding similarity: the cosine between the embedding asked for and the one read back from the generated patch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..embeddings.encoder import PatchEncoder
from ..embeddings.grid import EmbeddingGrid
from ..errors import GridError


def read_back(image: NDArray[np.uint8], grid: EmbeddingGrid, encoder: PatchEncoder) -> NDArray[np.float32]:
    """Embeddings of an image's cells.

    Args:
        image: (height, width, 3) uint8, of the size that the grid's geometry gives.
        grid: for its geometry.
        encoder: whose patches are as large as the grid's cells.

    Returns:
        (rows, cols, dim) float32.

    Raises:
        GridError: where image and grid are not of one size.
    """
    geometry = grid.geometry
    if image.shape[:2] != geometry.shape_px or encoder.patch_px != geometry.cell_px:
        raise GridError(
            "read embeddings back from an image", f"it is {image.shape[1]} × {image.shape[0]} px",
            f"the grid's canvas is {geometry.shape_px[1]} × {geometry.shape_px[0]} px of {encoder.patch_px}-px cells",
        )  # fmt: skip
    side = geometry.cell_px
    cells = image.reshape(geometry.rows, side, geometry.cols, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    return encoder.encode(cells).reshape(geometry.rows, geometry.cols, -1)


def cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine along the last axis; 0 where a vector is zero."""
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    product = np.einsum("...d,...d->...", first, second)
    return np.asarray(product / np.maximum(norms, 1e-12), dtype=np.float32)


def embedding_similarity(image: NDArray[np.uint8], grid: EmbeddingGrid, encoder: PatchEncoder) -> NDArray[np.float32]:
    """(rows, cols) float32 cosine between the grid and what is read back; NaN in invalid cells."""
    similarity = cosine(grid.vectors, read_back(image, grid, encoder))
    return np.where(grid.valid, similarity, np.float32(np.nan))
