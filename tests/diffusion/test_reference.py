"""Laws of the start of a variation: strength, levels, position noise, tiles, and what a manifest holds of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.diffusion.autoencoder import encode_image
from ssldiff_core.diffusion.engines import DenseEngine
from ssldiff_core.diffusion.field import ConditioningField
from ssldiff_core.diffusion.noise import PositionNoise
from ssldiff_core.diffusion.reference import (
    NoisedReference,
    Reference,
    levels_from,
    reference_from_record,
    reference_from_scene,
    start_of,
)
from ssldiff_core.diffusion.schedule import get_solver, noise_levels
from ssldiff_core.errors import GridError, ManifestError, SettingsError
from ssldiff_core.scenes import ArrayScene

IMAGE = np.random.default_rng(2).integers(0, 256, (384, 640, 3), dtype=np.uint8)
LEVELS = noise_levels(20)


@pytest.mark.parametrize("strength", [0.02, 0.3, 0.5, 0.51, 0.77, 0.999])
def test_the_levels_of_a_variation_are_the_end_of_an_ordinary_run(strength):
    levels = levels_from(LEVELS, strength)
    assert levels[0] == strength
    assert set(levels[1:]) < set(LEVELS)
    steps = -np.diff(levels)
    assert len(steps) == max(1, round(20 * strength))
    assert steps.max() <= 1.5 / 20 + 1e-6
    assert steps.min() >= min(0.5 / 20 - 1e-6, strength)


def test_a_strength_of_1_has_all_levels_and_one_of_0_none():
    assert levels_from(LEVELS, 1.0) == LEVELS
    assert levels_from(LEVELS, 0.0) == (0.0,)


def test_the_start_of_a_crop_is_the_crop_of_the_start():
    start = NoisedReference(torch.randn(4, 20, 30), PositionNoise(7), 0.7, 0.3)
    whole = start.crop(0, 0, 20, 30, 4)
    np.testing.assert_array_equal(start.crop(6, 11, 9, 13, 4), whole[:, 6:15, 11:24])


def test_a_start_has_the_signal_and_the_noise_of_its_level():
    latents = torch.randn(4, 64, 64)
    rest = NoisedReference(latents, PositionNoise(0), 0.6, 0.4).crop(0, 0, 64, 64, 4) - 0.6 * latents.numpy()
    assert rest.std() == pytest.approx(0.4, rel=0.05)


def test_a_reference_is_noised_by_another_stream_than_the_one_its_seed_begins_with(autoencoder, grid):
    def noise(strength):
        start = start_of(Reference(strength, image=IMAGE), 5, LEVELS, autoencoder, grid.geometry)
        crop = start.noise.crop(0, 0, 48, 80, 4) - (1.0 - strength) * start.latents.numpy()
        return crop.ravel() / strength

    ordinary = PositionNoise(5).crop(0, 0, 48, 80, 4)
    np.testing.assert_array_equal(noise(1.0), ordinary.ravel())
    assert abs(np.corrcoef(noise(0.5), ordinary.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("tile_lat", [14, 22])
def test_a_variation_in_tiles_equals_the_whole(denoiser, autoencoder, grid, tile_lat):
    reference = Reference(0.6, image=IMAGE)
    start = start_of(reference, 5, noise_levels(4), autoencoder, grid.geometry)

    def draw(tile):
        run = DenseEngine(tile).run(denoiser, ConditioningField(grid), start.noise, get_solver("dpm++"), start.levels)
        return list(run)[-1].latents

    whole = draw(512)
    assert not torch.equal(whole, start.latents)
    assert (draw(tile_lat) - whole).abs().max() <= 1e-4


def test_a_reference_comes_back_from_its_record(autoencoder, grid):
    given = Reference(0.25, image=IMAGE, source={"name": "a.png"})
    latents = given.to_latents(autoencoder, grid.geometry, "cpu")
    again = reference_from_record(given.to_record(latents))
    assert torch.equal(latents, again.latents)
    assert (again.strength, again.source) == (0.25, {"name": "a.png"})
    assert reference_from_record({}) is None


def test_a_large_reference_is_asked_for_and_another_image_is_refused(autoencoder, grid, monkeypatch):
    monkeypatch.setattr("ssldiff_core.diffusion.reference.MAX_INSIDE_LAT", 100)
    given = Reference(0.5, image=IMAGE, source={"name": "a.png"})
    record = given.to_record(encode_image(autoencoder, IMAGE))
    with pytest.raises(ManifestError, match=r"Give it: a\.png"):
        reference_from_record(record)
    with pytest.raises(ManifestError, match="digest differs"):
        reference_from_record(record, IMAGE[::-1])
    assert reference_from_record(record, IMAGE).image is IMAGE


def test_a_changed_record_is_noticed(autoencoder, grid):
    record = Reference(0.5, image=IMAGE).to_record(encode_image(autoencoder, IMAGE))
    with pytest.raises(ManifestError, match="digest"):
        reference_from_record({**record, "digest": "0" * 64})
    with pytest.raises(ManifestError, match="damaged"):
        reference_from_record({**record, "latents": record["latents"][:-8]})


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(strength):
    with pytest.raises(SettingsError, match=r"0 .* to 1"):
        Reference(strength, image=IMAGE)


def test_a_reference_of_another_size_is_refused(autoencoder, grid):
    for other in (Reference(0.5, image=IMAGE[:-8]), Reference(0.5, latents=torch.zeros(4, 47, 80))):
        with pytest.raises(GridError, match="canvas"):
            start_of(other, 0, LEVELS, autoencoder, grid.geometry)


def test_a_scene_is_taken_whole_or_at_the_grids_own_region(grid):
    whole = reference_from_scene(ArrayScene(IMAGE, pixel_size_m=1e-6, name="a"), grid, 0.5)
    np.testing.assert_array_equal(whole.image, IMAGE)
    larger = np.pad(IMAGE, ((0, 50), (0, 70), (0, 0)))
    read_from = type(grid)(grid.vectors, grid.valid, grid.geometry, "test", source={"name": "slide"})
    for size in (1e-6, None):  # the grid knows its place where the file does not tell its pixel size
        part = reference_from_scene(ArrayScene(larger, pixel_size_m=size, name="slide"), read_from, 0.5)
        np.testing.assert_array_equal(part.image, IMAGE)


def test_a_scene_of_another_size_or_pixel_size_is_refused(grid):
    with pytest.raises(GridError, match="640 × 384 px"):
        reference_from_scene(ArrayScene(IMAGE[:-1], pixel_size_m=1e-6), grid, 0.5)
    with pytest.raises(GridError, match="pixel size"):
        reference_from_scene(ArrayScene(IMAGE, pixel_size_m=2e-6), grid, 0.5)
