"""Laws of reading embeddings back, and of contact sheets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import GridError
from ssldiff_core.evaluation.contact_sheet import colour_cells, write_contact_sheet
from ssldiff_core.evaluation.similarity import embedding_similarity, read_back
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.layouts import Palette, Swatch


class MeanColour:
    """The smallest patch encoder there is: the patch's mean colour."""

    id, dim, patch_px, pixel_sizes_m, digest = "mean-colour", 3, 128, (1e-6,), "0"

    def encode(self, patches):
        return patches.mean((1, 2)).astype(np.float32)


@pytest.fixture
def image():
    colours = np.random.default_rng(0).integers(1, 256, (2, 3, 3), dtype=np.uint8)
    return np.kron(colours, np.ones((128, 128, 1), np.uint8))


def make_grid(vectors, valid=None):
    shape = vectors.shape[:2]
    valid = np.ones(shape, bool) if valid is None else valid
    return EmbeddingGrid(vectors, valid, GridGeometry(shape, 1e-6), "mean-colour")


def test_an_image_is_wholly_similar_to_the_grid_read_from_it(image):
    grid = make_grid(image[64::128, 64::128].astype(np.float32))
    assert np.allclose(read_back(image, grid, MeanColour()), grid.vectors)
    assert np.allclose(embedding_similarity(image, grid, MeanColour()), 1)


def test_invalid_cells_have_no_similarity(image):
    valid = np.array([[True, False, True], [True, True, True]])
    grid = make_grid(image[64::128, 64::128].astype(np.float32), valid)
    assert np.isnan(embedding_similarity(image, grid, MeanColour())).tolist() == (~valid).tolist()


def test_an_image_of_another_size_is_refused(image):
    grid = make_grid(np.ones((2, 2, 3), np.float32))
    with pytest.raises(GridError, match="256 × 256"):
        read_back(image, grid, MeanColour())


def test_a_contact_sheet_shows_each_cell_in_its_colour(image, tmp_path):
    vectors = np.eye(3, dtype=np.float32)
    palette = Palette((Swatch("a", "#ff0000", vectors[:1]), Swatch("b", "#0000ff", vectors[1:2])), "mean-colour", 1e-6)
    labels = np.array([[0, 1, -1], [1, 1, 0]])
    cells = colour_cells(labels, palette, 4)
    assert cells.shape == (8, 12, 3)
    assert cells[0, 0].tolist() == [255, 0, 0]
    assert cells[0, 11].tolist() == [255, 255, 255]
    write_contact_sheet(tmp_path / "sheet.png", image, labels, palette, [image], height_px=128)
    assert Image.open(tmp_path / "sheet.png").size == (3 * 192 + 2 * 12, 128)
