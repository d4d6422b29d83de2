"""The three stories run as they stand, small: the first two with shipped weights, words with a tiny prior."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ssldiff_core as ssldiff
from ssldiff_core.assets import assets_path
from tests.examples.describe_a_scene import describe
from tests.examples.paint_a_layout import paint
from tests.examples.vary_a_region import vary
from tests.ui.tiny_models import write_tiny_models


def test_a_region_is_varied_the_more_the_stronger(tmp_path: Path) -> None:
    slide, box = assets_path("scenes") / "tissue-demo.tif", ssldiff.Box(512, 512, 256, 256)
    paths = vary(slide, box, 1e-6, tmp_path / "varied", strengths=(0.25, 1.0), steps=4)
    with ssldiff.open_scene(slide) as scene:
        real = scene.read(box, size_px=(256, 256)).astype(float)
    near, far = (np.abs(np.asarray(Image.open(path), float) - real).mean() for path in paths)
    assert 0 < near < far
    assert ssldiff.EmbeddingGrid.load(tmp_path / "varied" / "grid.npz").shape_cell == (2, 2)


def test_a_painted_layout_is_drawn_with_its_labels(tmp_path: Path) -> None:
    image, mask = paint("tissue", 2, 4, tmp_path / "painted", steps=2)
    with ssldiff.open_scene(image) as scene:
        assert (scene.size_l0, scene.synthetic) == ((512, 256), True)
    labels = np.asarray(Image.open(mask))
    assert labels.shape == (256, 512)
    assert {*np.unique(labels)} == {1, 2, 255}
    assert labels[64, 192] == 2
    features = json.loads((mask.parent / "labels.geojson").read_text("utf-8"))["features"]
    names = sorted(feature["properties"]["classification"]["name"] for feature in features)
    ground, figure, *_ = ssldiff.Palette.load(ssldiff.get_model_spec("tissue").folder / "palette.npz").names
    assert names == sorted([ground, ground, figure])  # the ground lies on either side


def test_a_sentence_is_drawn_and_its_grid_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(write_tiny_models(tmp_path / "models")))
    path = describe("houses beside a river", (384, 256), tmp_path / "scene.png", steps=2)
    assert Image.open(path).size == (384, 256)
    grid = ssldiff.EmbeddingGrid.load(tmp_path / "scene.grid.npz")
    assert grid.source["text"]["prompt"] == "houses beside a river"
    *_, again = ssldiff.generate(grid, ssldiff.Settings(seed=1, steps=2))
    np.testing.assert_array_equal(again.result.image, np.asarray(Image.open(path)))
