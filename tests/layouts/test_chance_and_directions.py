"""Laws of randomness that belongs to cells and of arithmetic on directions."""

from __future__ import annotations

import numpy as np

from ssldiff_core.layouts.chance import _mix, draw_normal, draw_uniform, hash_cells, pick_index
from ssldiff_core.layouts.directions import slerp, to_unit, turn


def test_the_mixer_is_splitmix64() -> None:
    """The first outputs of the reference generator for seed 0: it adds the golden ratio before each."""
    assert int(_mix(np.zeros(1, np.uint64))[0]) == 0xE220A8397B1DCDAF
    assert int(_mix(np.array([0x9E3779B97F4A7C15], np.uint64))[0]) == 0x6E789E6AA1B965F4


def test_the_draw_of_a_cell_is_fixed_for_good() -> None:
    """A change here would repaint every stored layout."""
    rows, cols = np.array([0, 3, -1]), np.array([0, 7, 2])
    assert pick_index(5, rows, cols, 1000).tolist() == [648, 949, 379]
    one = hash_cells(5, rows[1:2], cols[1:2])
    assert one[0] == hash_cells(5, rows, cols)[1]
    assert len({*hash_cells(5, rows, cols, 1), *hash_cells(5, cols, rows, 1), *hash_cells(-5, rows, cols, 1)}) == 8


def test_draws_are_uniform_and_normal() -> None:
    rows, cols = (index.ravel() for index in np.mgrid[:100, :100])
    uniform, normal = draw_uniform(1, rows, cols), draw_normal(1, rows, cols, 8)
    assert np.abs(np.histogram(uniform, 10, (0, 1))[0] - 1000).max() < 120
    assert abs(normal.mean()) < 0.02
    assert abs(normal.std() - 1) < 0.02
    assert np.abs(np.corrcoef(normal.T) - np.eye(8)).max() < 0.05


def test_a_spherical_blend_is_exact_at_its_ends_and_keeps_lengths_between() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 50, 16)).astype(np.float32)
    assert np.array_equal(slerp(a, b, 0.0), a)
    assert np.array_equal(slerp(a, b, 1.0), b)
    halves = slerp(to_unit(a).astype(np.float32), to_unit(b).astype(np.float32), 0.5)
    np.testing.assert_allclose(np.linalg.norm(halves, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(slerp(a, -a, 0.25), a / 2, atol=1e-6)
    np.testing.assert_allclose(slerp(a, a, 0.3), a, atol=1e-6)


def test_turning_keeps_lengths_and_turns_by_the_angle() -> None:
    vectors, noise = np.random.default_rng(0).normal(size=(2, 50, 16))
    turned = turn(vectors, noise, 0.2)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(vectors, axis=1), rtol=1e-5)
    np.testing.assert_allclose((to_unit(turned) * to_unit(vectors)).sum(axis=1), np.cos(0.2), atol=1e-5)
    assert not turn(np.zeros((1, 16)), noise[:1], 0.2).any()
