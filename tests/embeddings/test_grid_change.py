"""Laws of changes between grids: back is the way it came, and what does not fit is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.embeddings.grid_change import GridChange, grow_grid
from ssldiff_core.errors import GridError
from ssldiff_core.geometry import GridGeometry


@pytest.fixture
def grid():
    vectors = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    valid = np.ones((3, 4), bool)
    valid[0, 1] = False
    return EmbeddingGrid(vectors, valid, GridGeometry((3, 4), 5e-7, (100.0, 200.0), 2.5e-7), "tissue-1")


def test_a_change_leads_back_through_json(grid):
    later = grow_grid(grid, top=2, left=1)
    vectors = later.vectors.copy()
    vectors[3, 2], vectors[0, 0] = 7.0, 3.0  # one cell of the earlier grid, one of the new ones
    valid = later.valid.copy()
    valid[2, 2] = True  # was not
    later = later.with_vectors(vectors, valid)
    change = GridChange.between(grid, later)
    assert change.offset_cell == (2, 1)
    assert change.cells.tolist() == [[0, 1], [1, 1]]
    again = GridChange.from_json(json.loads(json.dumps(change.to_json())), later.geometry)
    assert again.before(later) == grid


def test_growing_keeps_every_cell_where_it_lies_in_the_scene(grid):
    later = grow_grid(grid, 1, 2, 3, 4)
    assert later.shape_cell == (7, 10)
    assert later.geometry.cells_to_l0(1, 4) == grid.geometry.cells_to_l0(0, 0)
    assert not len(GridChange.between(grid, later).cells)


def test_a_canvas_never_shrinks_and_stays_on_its_lattice(grid):
    with pytest.raises(GridError, match="grows"):
        GridChange.between(grow_grid(grid, bottom=1), grid)
    moved = EmbeddingGrid(grid.vectors, grid.valid, GridGeometry((3, 4), 5e-7, (130.0, 200.0), 2.5e-7), "tissue-1")
    with pytest.raises(GridError, match="lattice"):
        GridChange.between(grid, moved)
    with pytest.raises(GridError, match="encoder"):
        GridChange.between(grid, EmbeddingGrid(grid.vectors, grid.valid, grid.geometry, "other"))
    with pytest.raises(GridError, match="adds nothing"):
        grow_grid(grid)
