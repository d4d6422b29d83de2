"""Laws of the virtual slide: order of reading changes nothing, a region costs its cone, lower levels become true."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core import Box, EmbeddingGrid, GridGeometry, Settings, generate
from ssldiff_core.synthetic_scene import SyntheticScene
from tests.ui.tiny_models import DIM, write_tiny_models

SETTINGS = Settings(seed=3, steps=4, device="cpu", precision="float32")


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLDIFF_MODELS_DIR", str(write_tiny_models(tmp_path_factory.mktemp("models"))))
        yield


def make_grid(rows, cols):
    few = np.random.default_rng(0).standard_normal((rows, 1, DIM)).astype(np.float32)
    vectors = few * np.linspace(0.5, 2.0, cols, dtype=np.float32)[None, :, None]
    return EmbeddingGrid(vectors, np.ones((rows, cols), bool), GridGeometry((rows, cols), 1e-6), "tissue-1")


def test_a_read_of_everything_is_the_generated_image_to_rounding():
    grid = make_grid(6, 9)
    *_, last = generate(grid, SETTINGS)
    with SyntheticScene(grid, SETTINGS) as scene:
        assert scene.synthetic
        assert scene.size_l0 == (9 * 128, 6 * 128)
        image = scene.read(Box(0, 0, *scene.size_l0))
    assert np.abs(image.astype(int) - last.result.image).max() <= 1
    assert image.std() > 5


def test_the_order_of_reading_never_changes_a_pixel():
    grid = make_grid(6, 9)
    boxes = [Box(700, 300, 300, 400), Box(10, 20, 200, 100), Box(500, 0, 100, 768), Box(0, 0, 1152, 768)]
    forth, back = SyntheticScene(grid, SETTINGS, coarse=False), SyntheticScene(grid, SETTINGS, coarse=False)
    one = [forth.read(box, 2e-6) for box in boxes] + [forth.read(box) for box in boxes]
    other = [back.read(box) for box in reversed(boxes)] + [back.read(box, 2e-6) for box in reversed(boxes)]
    assert all(np.array_equal(a, b) for a, b in zip(one, reversed(other), strict=True))


def test_a_region_of_a_huge_canvas_costs_its_cone_alone():
    small, huge = (SyntheticScene(make_grid(side, side), SETTINGS) for side in (32, 782))
    assert huge.size_l0 == (100_096, 100_096)
    near, far = Box(2048, 2048, 512, 512), Box(51_200, 51_200, 512, 512)
    small.read(near)
    huge.read(far)
    assert huge.graph.latents_denoised == small.graph.latents_denoised
    assert huge.graph.latents_denoised < 21 * 4 * 64 * 64
    before = huge.graph.latents_denoised
    huge.read(far)
    assert huge.graph.latents_denoised == before
    huge.read(Box(far.x + 512, far.y, 512, 512))
    assert huge.graph.latents_denoised - before < before


def test_lower_levels_show_the_cells_first_and_then_the_image():
    scene = SyntheticScene(make_grid(8, 8), SETTINGS)
    overview = scene.thumbnail(128)
    assert scene.graph.latents_denoised == 0
    assert len(np.unique(overview.reshape(-1, 3), axis=0)) > 1
    scene.refine(Box(0, 0, 512, 512))
    half = scene.read(Box(0, 0, 1024, 1024), size_px=(512, 512))
    truth = SyntheticScene(make_grid(8, 8), SETTINGS, coarse=False).read(Box(0, 0, 512, 512), size_px=(256, 256))
    np.testing.assert_array_equal(half[:256, :256], truth)
    assert len(np.unique(half[300:380, 300:380].reshape(-1, 3), axis=0)) <= 4


def test_the_manifest_does_not_promise_bits():
    scene = SyntheticScene(make_grid(2, 2), SETTINGS)
    assert scene.manifest.settings["steps"] == 4
    assert not scene.manifest.bit_exact
