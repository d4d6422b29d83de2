"""Laws of appearance: what is measured, what a match keeps and changes, and grids moved to another appearance."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ssldiff_core.diffusion.appearance import (
    BandAppearance,
    StainAppearance,
    appearance_from_json,
    measure_appearance,
    move_grid,
    read_cells,
)
from ssldiff_core.diffusion.appearance.stains import density_to_pixels, optical_density
from ssldiff_core.errors import GridError, ManifestError, SettingsError

PURPLE, PINK = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])
BLUE, RED = np.array([0.75, 0.60, 0.25]), np.array([0.20, 0.90, 0.35])
PURPLE, PINK, BLUE, RED = (stain / np.linalg.norm(stain) for stain in (PURPLE, PINK, BLUE, RED))


def tissue(stains, strengths, seed=0, glass=0):
    """An image of two stains, each pixel with an amount of both, and rows of glass below."""
    amounts = np.random.default_rng(seed).beta(0.4, 0.8, (96, 128, 2)) * strengths
    image = density_to_pixels(amounts @ np.stack(stains))
    return np.concatenate([image, np.full((glass, 128, 3), 255, np.uint8)])


SOURCE, TARGET = tissue((PURPLE, PINK), (1.0, 0.8), glass=32), tissue((BLUE, RED), (0.7, 1.2), seed=1)


def test_density_is_0_for_white_and_comes_back():
    values = np.arange(256, dtype=np.uint8)
    assert optical_density(values)[255] == 0
    np.testing.assert_array_equal(density_to_pixels(optical_density(values)), values)


def test_the_stains_and_strengths_are_those_the_image_was_made_of():
    found = StainAppearance.measure(SOURCE)
    for stain, true in zip(found.stains, (PURPLE, PINK), strict=True):
        assert np.degrees(np.arccos(np.dot(stain, true))) < 3
    np.testing.assert_allclose(found.strengths, (1.0, 0.8), rtol=0.1)


def test_the_amounts_of_stain_stay_where_they_are_in_another_stain():
    matched = StainAppearance.measure(TARGET).match(SOURCE)
    expected = tissue((BLUE, RED), (0.7, 1.2))  # the source's amounts in the target's stains
    assert np.abs(matched[:96].astype(int) - SOURCE[:96]).mean() > 15
    assert np.abs(matched[:96].astype(int) - expected).mean() < 4


def test_white_stays_white():
    assert (StainAppearance.measure(TARGET).match(SOURCE)[96:] == 255).all()


@pytest.mark.parametrize("kind", [StainAppearance, BandAppearance])
def test_an_image_in_its_own_appearance_is_itself(kind):
    matched = kind.measure(SOURCE).match(SOURCE)
    assert np.abs(matched.astype(int) - SOURCE).max() <= 1


@pytest.mark.parametrize("kind", [StainAppearance, BandAppearance])
def test_there_and_back_is_the_same_image(kind):
    there = kind.measure(TARGET).match(SOURCE)
    back = kind.measure(SOURCE).match(there)
    assert np.abs(back.astype(int) - SOURCE).mean() < 4 < np.abs(there.astype(int) - SOURCE).mean()


def test_other_cells_in_the_same_stain_measure_the_same():
    one, other = (StainAppearance.measure(tissue((BLUE, RED), (0.7, 1.2), seed)) for seed in (5, 6))
    for stain, same in zip(one.stains, other.stains, strict=True):
        assert np.degrees(np.arccos(np.dot(stain, same))) < 2
    np.testing.assert_allclose(one.strengths, other.strengths, rtol=0.05)


def test_bands_get_the_means_and_deviations_of_the_other_image():
    rng = np.random.default_rng(0)
    source, target = (np.uint8(np.clip(rng.normal(m, s, (64, 64, 3)), 0, 255)) for m, s in ((100, 30), (150, 15)))
    wanted, found = BandAppearance.measure(target), BandAppearance.measure(BandAppearance.measure(target).match(source))
    np.testing.assert_allclose(found.means, wanted.means, atol=1)
    np.testing.assert_allclose(found.deviations, wanted.deviations, atol=1)


def test_a_flat_band_is_moved_and_not_stretched():
    flat = np.full((8, 8, 3), 100, np.uint8)
    assert (BandAppearance((50.0, 50.0, 50.0), (9.0, 9.0, 9.0), {}).match(flat) == 50).all()


def test_microscopes_have_stains_and_cameras_in_the_air_have_bands():
    assert isinstance(measure_appearance(SOURCE, 1e-6), StainAppearance)
    assert isinstance(measure_appearance(SOURCE, 0.3), BandAppearance)


@pytest.mark.parametrize("pixel_size_m", [1e-6, 0.3])
def test_an_appearance_comes_back_from_json(pixel_size_m):
    given = measure_appearance(SOURCE, pixel_size_m, {"name": "a.tif"})
    assert appearance_from_json(json.loads(json.dumps(given.to_json()))) == given


@pytest.mark.parametrize(
    "record", [{"kind": "mood"}, {"kind": "stains"}, {"kind": "bands", "means": [1], "source": {}}]
)
def test_a_malformed_record_is_refused(record):
    with pytest.raises(ManifestError):
        appearance_from_json(record)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.full((64, 64, 3), 255, np.uint8), "more tissue"),
        (tissue((PURPLE, PURPLE), (1.0, 1.0)), "one colour"),
    ],
)
def test_stains_that_cannot_be_told_are_refused(image, told):
    with pytest.raises(SettingsError, match=told):
        StainAppearance.measure(image)


def test_a_grid_moves_by_the_difference_of_means_and_keeps_lengths_and_invalid_cells(grid):
    before = np.random.default_rng(3).standard_normal((7, 6)).astype(np.float32)
    moved = move_grid(grid, before, before + np.float32(0.5))
    turned = (grid.vectors + 0.5)[grid.valid]
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    np.testing.assert_allclose(moved.vectors[grid.valid], turned, atol=1e-5)
    np.testing.assert_array_equal(moved.valid, grid.valid)
    assert not moved.vectors[~grid.valid].any()
    np.testing.assert_allclose(move_grid(grid, before, before).vectors, grid.vectors, atol=1e-6)
    np.testing.assert_allclose(move_grid(grid, before, before + 1, amount=0).vectors, grid.vectors, atol=1e-6)


def test_embeddings_of_another_dimension_do_not_move_a_grid(grid):
    with pytest.raises(GridError, match="dimension, 6"):
        move_grid(grid, np.zeros((3, 5)), np.zeros((3, 6)))


def test_cells_are_read_row_by_row():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3).repeat(4, 0).repeat(4, 1)[..., None].repeat(3, 2)
    cells = read_cells(np.pad(image, ((0, 1), (0, 2), (0, 0))), 4)
    assert cells.shape == (6, 4, 4, 3)
    assert [int(cell[0, 0, 0]) for cell in cells] == list(range(6))
    with pytest.raises(GridError, match="4 px"):
        read_cells(image[:3], 4)
