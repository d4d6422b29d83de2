"""Laws of the Fréchet distance and of the seam score."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core.errors import GridError
from ssldiff_core.evaluation.frechet import frechet_distance
from ssldiff_core.evaluation.seams import seam_score


def normals(count, mean, deviations, seed):
    return np.random.default_rng(seed).standard_normal((count, len(mean))) * deviations + mean


def test_the_distance_of_normal_sets_is_the_closed_form():
    """For independent dimensions: the squared distance of means plus that of deviations."""
    first = normals(200_000, np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 0.5]), 0)
    second = normals(200_000, np.array([1.0, 1.0, 0.0]), np.array([1.5, 1.0, 0.5]), 1)
    assert frechet_distance(first, second) == pytest.approx(1.0 + 4.0 + 0.25 + 1.0, rel=0.02)


def test_the_distance_is_symmetric_invariant_to_rotation_and_zero_to_itself():
    generator = np.random.default_rng(2)
    first, second = generator.standard_normal((300, 6)), generator.standard_normal((200, 6)) * 1.3 + 0.2
    turn, _ = np.linalg.qr(generator.standard_normal((6, 6)))
    distance = frechet_distance(first, second)
    assert distance > 0.1
    assert frechet_distance(second, first) == pytest.approx(distance)
    assert frechet_distance(first @ turn, second @ turn) == pytest.approx(distance)
    assert frechet_distance(first, first) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("second", [np.zeros((5, 3)), np.zeros((1, 4)), np.full((5, 4), np.nan)])
def test_sets_that_cannot_be_compared_are_refused(second):
    with pytest.raises(GridError, match="Fréchet"):
        frechet_distance(np.random.default_rng(0).standard_normal((5, 4)), second)


def test_noise_has_no_seam_and_tiles_of_other_brightness_have():
    noise = np.random.default_rng(0).integers(100, 140, (192, 256, 3)).astype(np.uint8)
    assert seam_score(noise, 64) == pytest.approx(1.0, abs=0.1)
    tiles = np.kron(np.random.default_rng(1).integers(0, 110, (3, 4)), np.ones((64, 64)))[..., None]
    stepped = (noise + tiles).astype(np.uint8)
    assert seam_score(stepped, 64) > 2
    assert seam_score(stepped, 64, offset_px=32) < 1.1


def test_an_image_without_a_line_is_refused():
    with pytest.raises(GridError, match="line must cross"):
        seam_score(np.zeros((64, 64, 3), np.uint8), 64)
