"""Every engine through the whole story: replayed to the bit, its manifest complete."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssldiff_core import EmbeddingGrid, GridGeometry, Manifest, Settings, generate
from ssldiff_core.diffusion.engines.notebook import decode_windows
from ssldiff_core.diffusion.graph.trajectory import Trajectory
from ssldiff_core.diffusion.reference import Reference
from ssldiff_core.diffusion.windows import BLENDINGS as WEIGHTS
from ssldiff_core.drawing import resolve
from ssldiff_core.errors import SettingsError
from ssldiff_core.generate import replay
from ssldiff_core.models.catalogue import load_model
from ssldiff_core.settings import BLENDINGS, ENGINES
from tests.diffusion.window_denoisers import SmallMemoryDenoiser
from tests.ui.tiny_models import DIM, write_tiny_models


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory):
    """The catalogue holds the tiny models alone, first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLDIFF_MODELS_DIR", str(write_tiny_models(tmp_path_factory.mktemp("models"))))
        yield


def make_grid(rows=2, cols=3):
    vectors = np.random.default_rng(0).standard_normal((rows, cols, DIM)).astype(np.float32)
    return EmbeddingGrid(vectors, np.ones((rows, cols), bool), GridGeometry((rows, cols), 1e-6), "tissue-1")


def draw(**settings):
    *_, last = generate(make_grid(), Settings(seed=3, steps=3, **settings))
    return last.result


CHOICES = (
    {"engine": "dense", "guidance_interval": (0.2, 0.8)},
    {"engine": "windowed", "solver": "unipc", "stride_px": 88, "blending": "uniform"},
    {"engine": "windowed", "solver": "flow", "guidance_interval": (0.2, 0.8)},
    {"engine": "shifted", "solver": "dpm++", "memory_mib": 1},
    {"engine": "notebook"},
)


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice["engine"])
def test_a_replay_is_equal_to_the_bit(choice):
    result = draw(**choice)
    manifest = Manifest.from_json(result.manifest.to_json())
    assert manifest.bit_exact
    assert {name: tuple(manifest.settings[name]) if isinstance(value, tuple) else manifest.settings[name]
            for name, value in choice.items()} == choice  # fmt: skip
    *_, again = replay(manifest)
    assert np.array_equal(again.result.image, result.image)
    assert result.image.shape == (256, 384, 3)


def test_engines_draw_different_images_of_one_grid():
    images = [draw(engine=engine).image for engine in ENGINES]
    for index, image in enumerate(images):
        assert image.std() > 1
        assert all((image != other).mean() > 0.1 for other in images[index + 1 :])


def test_what_was_left_open_is_in_the_manifest():
    settings = {engine: draw(engine=engine).manifest.settings for engine in ENGINES}
    strides = {engine: used["stride_px"] for engine, used in settings.items()}
    assert strides == {"dense": None, "windowed": 128, "shifted": None, "notebook": 64}
    assert draw().manifest.settings["engine"] == "dense"
    assert draw(engine="shifted").manifest.machine["windows_a_call"] >= 1


def test_notebook_decodes_the_windows_that_it_draws():
    result = draw(engine="notebook")
    autoencoder = load_model("tissue").autoencoder
    assert np.array_equal(result.image, decode_windows(autoencoder, result.latents, stride_lat=8))


def test_guidance_outside_of_its_interval_is_off():
    off, nowhere = (
        draw(engine="shifted", **choice).image
        for choice in ({"guidance_scale": 1.0}, {"guidance_scale": 3.0, "guidance_interval": (0.0, 0.0)})
    )
    assert np.array_equal(off, nowhere)
    assert not np.array_equal(off, draw(engine="shifted", guidance_scale=3.0).image)


def test_what_is_left_open_follows_from_the_engine():
    model = load_model("tissue")
    guided = replace(model, spec=replace(model.spec, guidance_interval=(0.3, 0.8)))
    notebook, dense = (resolve(Settings(engine=engine), guided) for engine in ("notebook", "dense"))
    assert (notebook.steps, notebook.guidance_scale, notebook.guidance_interval) == (50, 4.0, (0.0, 1.0))
    assert (dense.steps, dense.guidance_scale) == (20, model.spec.guidance_scale)
    assert dense.guidance_interval == (0.3, 0.8)
    assert resolve(Settings(engine="dense"), model).guidance_interval == (0.0, 1.0)
    told = resolve(Settings(engine="notebook", steps=7, guidance_scale=2.0, guidance_interval=(0.2, 0.9)), model)
    assert (told.steps, told.guidance_scale, told.guidance_interval) == (7, 2.0, (0.2, 0.9))


@pytest.mark.filterwarnings("ignore:The device ran out")
def test_a_run_whose_memory_ran_out_promises_no_bits():
    model = load_model("tissue")

    class Tight(SmallMemoryDenoiser):
        latent_channels, window_lat = 8, 32

    results = []
    for most in (1, 100):
        *_, last = generate(
            make_grid(), Settings(steps=2, engine="windowed", guidance_scale=1.0),
            model=replace(model, window_denoiser=Tight(most)),
        )  # fmt: skip
        results.append(last.result.manifest)
    assert [manifest.bit_exact for manifest in results] == [False, True]
    assert results[0].machine["windows_a_call"] == 1


def test_only_dense_keeps_its_trajectory():
    for engine in ENGINES[1:]:
        with pytest.raises(SettingsError, match="dense"):
            next(generate(make_grid(), Settings(engine=engine), keep=Trajectory()))


def test_the_notebook_starts_from_no_reference():
    reference = Reference(0.5, image=np.zeros((256, 384, 3), np.uint8))
    with pytest.raises(SettingsError, match="noise"):
        next(generate(make_grid(), Settings(engine="notebook"), reference=reference))


def test_a_family_without_a_dense_denoiser_names_its_engines():
    model = load_model("tissue")
    patch_trained = replace(model, denoiser=None, spec=replace(model.spec, family="lrdm", engine="shifted"))
    with pytest.raises(SettingsError, match="windowed, shifted, notebook"):
        next(generate(make_grid(), Settings(engine="dense"), model=patch_trained))
    *_, last = generate(make_grid(), Settings(steps=1), model=patch_trained)
    assert last.result.manifest.settings["engine"] == "shifted"


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"engine": "windowed", "stride_px": 100}, "104|96"),
        ({"engine": "windowed", "stride_px": 512}, "uncovered"),
        ({"engine": "windowed", "solver": "heun"}, "unipc"),
        ({"engine": "dense", "solver": "unipc"}, "dpm"),
        ({"engine": "warp"}, "shifted"),
        ({"blending": "average"}, "centre"),
        ({"guidance_interval": (0.9, 0.1)}, "interval"),
        ({"guidance_interval": 0.5}, "interval"),
        ({"memory_mib": 0}, "memory_mib"),
        ({"stride_px": 2.5}, "whole number"),
    ],
)
def test_settings_that_cannot_be_are_refused(choice, found):
    with pytest.raises(SettingsError, match=found):
        draw(**choice)


def test_the_blendings_of_the_settings_are_those_there_are():
    assert set(BLENDINGS) == set(WEIGHTS)
