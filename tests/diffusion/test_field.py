"""Laws of the conditioning field."""

from __future__ import annotations

import numpy as np

from ssldiff_core.diffusion.field import ConditioningField, interpolate_field, slerp
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry


def make_grid(rows=3, cols=4, dim=6, invalid=()):
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((rows, cols, dim)).astype(np.float32)
    valid = np.ones((rows, cols), bool)
    for cell in invalid:
        valid[cell] = False
    return EmbeddingGrid(vectors, valid, GridGeometry((rows, cols), 1e-6), "test")


def test_field_at_a_cell_centre_is_the_cell():
    grid = make_grid()
    at = np.arange(3.0), np.arange(4.0)
    condition, valid = interpolate_field(grid.vectors, grid.valid, *at)
    assert np.allclose(condition, grid.vectors, atol=1e-6)
    assert valid.all()


def test_field_of_a_crop_is_the_crop_of_the_field():
    field = ConditioningField(make_grid())
    whole, _ = field.crop(0, 0, 48, 64)
    part, _ = field.crop(10, 17, 21, 30)
    assert np.array_equal(part, whole[10:31, 17:47])


def test_field_beyond_the_outermost_centres_is_the_nearest_cell():
    grid = make_grid()
    condition, _ = ConditioningField(grid).crop(0, 0, 2, 2)
    assert np.allclose(condition, grid.vectors[0, 0], atol=1e-6)


def test_slerp_of_unit_vectors_stays_on_the_sphere_and_moves_evenly():
    a, b = np.eye(5, dtype=np.float32)[:2]
    weights = np.linspace(0, 1, 9, dtype=np.float32)
    points = slerp(np.tile(a, (9, 1)), np.tile(b, (9, 1)), weights)
    assert np.allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
    assert np.allclose(np.arctan2(points[:, 1], points[:, 0]), weights * np.pi / 2, atol=1e-6)


def test_slerp_near_parallel_and_antiparallel_is_a_straight_line():
    a = np.array([[1.0, 0.0]], np.float32)
    half = np.array([0.25], np.float32)
    assert np.allclose(slerp(a, a, half), a)
    assert np.allclose(slerp(a, -a, half), 0.5 * a)


def test_positions_in_invalid_cells_are_invalid_and_others_leave_those_corners_out():
    grid = make_grid(invalid=[(1, 1)])
    condition, valid = interpolate_field(grid.vectors, grid.valid, np.array([1.0]), np.array([0.4, 0.6, 1.0, 1.6]))
    assert valid.tolist() == [[True, False, False, True]]
    assert np.allclose(condition[0, 0], grid.vectors[1, 0], atol=1e-6)
    assert np.allclose(condition[0, 3], grid.vectors[1, 2], atol=1e-6)
    assert not condition[0, 1].any()


def test_place_is_zero_at_cell_centres_and_of_a_crop_the_crop_of_the_place():
    field = ConditioningField(make_grid())
    whole = field.place(0, 0, 48, 64)
    assert np.array_equal(field.place(10, 17, 21, 30), whole[:, 10:31, 17:47])
    offset = (whole + 0.5) % 1.0 - 0.5
    assert np.allclose(offset[0, 7:9].mean(axis=0), 0)  # latents 7 and 8 lie on either side of the first centre
    assert np.array_equal(whole[:, :16, :16], whole[:, 16:32, 32:48])  # every cell alike
