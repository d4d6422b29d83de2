"""The whole story, with tiny random networks: what is yielded, what is refused, and that a replay is the same."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core import EmbeddingGrid, GridError, GridGeometry, Layout, Manifest, Settings, generate
from ssldiff_core.errors import Cancelled, ModelError, SettingsError
from ssldiff_core.generate import replay
from ssldiff_core.layouts import Erase
from tests.ui.tiny_models import DIM, write_tiny_models


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory):
    """The catalogue holds the tiny models alone, first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLDIFF_MODELS_DIR", str(write_tiny_models(tmp_path_factory.mktemp("models"))))
        yield


def make_grid(rows=2, cols=3, encoder_id="tissue-1", dim=DIM, pixel_size_m=1e-6):
    vectors = np.random.default_rng(0).standard_normal((rows, cols, dim)).astype(np.float32)
    return EmbeddingGrid(vectors, np.ones((rows, cols), bool), GridGeometry((rows, cols), pixel_size_m), encoder_id)


def test_every_step_is_yielded_and_the_last_holds_the_result():
    steps = list(generate(make_grid(), Settings(steps=3)))
    assert [(step.index, step.phase) for step in steps] == [
        (1, "denoise"), (2, "denoise"), (3, "denoise"), (3, "decode"), (4, "done"),
    ]  # fmt: skip
    assert all(step.total == 4 for step in steps)
    assert all(step.preview.shape == (32, 48, 3) for step in steps)
    assert [step.result is None for step in steps] == [True, True, True, True, False]
    assert steps[-1].result.image.shape == (256, 384, 3)


def test_replay_of_a_manifest_is_equal_to_the_bit():
    *_, last = generate(make_grid(), Settings(seed=3, steps=2, tile_lat=16))
    manifest = Manifest.from_json(last.result.manifest.to_json())
    *_, again = replay(manifest)
    assert np.array_equal(again.result.image, last.result.image)
    assert again.result.manifest.image_digest == manifest.image_digest


def test_another_seed_draws_another_image():
    images = [list(generate(make_grid(), Settings(seed=seed, steps=1)))[-1].result.image for seed in (0, 1)]
    assert not np.array_equal(*images)


def test_a_layouts_edits_are_drawn_and_recorded():
    layout = Layout(make_grid()).apply(Erase(cells=((0, 1),)))
    *_, last = generate(layout, Settings(steps=1))
    manifest = last.result.manifest
    assert [edit["kind"] for edit in manifest.edits] == ["erase"]
    assert not manifest.grid.valid[0, 1]


def test_defaults_are_resolved_in_the_manifest():
    *_, last = generate(make_grid(), Settings(steps=1))
    assert last.result.manifest.settings["guidance_scale"] == pytest.approx(1.5)
    assert last.result.manifest.settings["device"] == "cpu"


def test_cancelling_stops_the_work():
    with pytest.raises(Cancelled):
        list(generate(make_grid(), Settings(steps=5), cancelled=lambda: True))


@pytest.mark.parametrize(
    ("grid", "found"),
    [
        (make_grid(dim=DIM + 1), f"{DIM + 1} numbers"),
        (make_grid(pixel_size_m=5e-6), "trained from"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(grid, found):
    with pytest.raises(GridError, match=found):
        list(generate(grid))


def test_a_grid_of_an_unknown_encoder_is_refused():
    with pytest.raises(ModelError, match="nobody-7"):
        list(generate(make_grid(encoder_id="nobody-7")))


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": -4}, "nearest is 1"),
        ({"steps": 2.5}, "whole number"),
        ({"seed": -1}, "seed"),
        ({"guidance_scale": float("nan")}, "guidance"),
        ({"engine": "warp"}, "dense"),
        ({"tile_lat": 33}, "odd"),
    ],
)
def test_settings_outside_their_range_are_refused(settings, found):
    with pytest.raises(SettingsError, match=found):
        Settings(**settings)


def test_unknown_settings_of_a_manifest_are_refused():
    with pytest.raises(SettingsError, match="stride"):
        Settings.from_dict({"seed": 1, "stride": 16})


def test_a_device_that_is_not_here_is_refused():
    with pytest.raises(SettingsError, match="not here"):
        list(generate(make_grid(), Settings(device="cuda:99")))
