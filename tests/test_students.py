"""Drawing fast, with a student: which network is asked, in which steps, and what is refused; tiny random networks."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from ssldiff_core import Manifest, Settings, generate
from ssldiff_core.diffusion.graph.trajectory import Trajectory
from ssldiff_core.errors import ModelError, SettingsError
from ssldiff_core.generate import finish, replay
from ssldiff_core.geometry import Box
from ssldiff_core.models.catalogue import load_model
from ssldiff_core.regenerate import regenerate
from ssldiff_core.streaming import StreamedRun
from ssldiff_core.synthetic_scene import SyntheticScene
from tests.test_generate import make_grid
from tests.ui.tiny_models import write_tiny_models


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """The tiny models, of which ``tissue`` has a student with random weights of its own."""
    folder = write_tiny_models(tmp_path / "models")
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(folder))
    return folder


def drawn(settings, grid=None):
    *_, last = generate(make_grid() if grid is None else grid, settings)
    return last.result


def test_the_student_draws_in_four_euler_steps_without_guidance():
    steps = list(generate(make_grid(), Settings(student=True)))
    assert [step.index for step in steps if step.phase == "denoise"] == [1, 2, 3, 4]
    used = steps[-1].result.manifest.settings
    assert (used["student"], used["steps"], used["solver"], used["guidance_scale"]) == (True, 4, "euler", 1.0)


def test_it_is_another_network_than_the_models(models):
    plain = Settings(steps=4, solver="euler", guidance_scale=1.0)
    fast = drawn(Settings(student=True)).latents
    assert not torch.allclose(fast, drawn(plain).latents, atol=1e-2)
    shutil.rmtree(models / "tissue" / "denoiser")
    shutil.copytree(models / "tissue" / "student", models / "tissue" / "denoiser")
    assert torch.allclose(fast, drawn(plain).latents, atol=1e-5)


def test_its_manifest_replays_to_the_bit():
    result = drawn(Settings(student=True, seed=3))
    *_, again = replay(Manifest.from_json(result.manifest.to_json()))
    assert np.array_equal(again.result.image, result.image)


def test_finishing_is_by_the_model_itself():
    *_, last = finish(drawn(Settings(student=True, seed=3)).manifest, 6)
    assert np.array_equal(last.result.image, drawn(Settings(steps=6, seed=3)).image)
    assert not last.result.manifest.settings["student"]


def test_an_edit_goes_on_with_the_student():
    grid, kept = make_grid(4, 4), Trajectory()
    list(generate(grid, Settings(student=True), keep=kept))
    vectors = np.array(grid.vectors)
    vectors[0, 0] = -vectors[0, 0]
    edited = type(grid)(vectors, grid.valid, grid.geometry, grid.encoder_id)
    *_, last = regenerate(kept, edited)
    whole = drawn(Settings(student=True), edited)
    assert last.result.manifest.settings["student"]
    assert np.array_equal(last.result.image[:64, :64], whole.image[:64, :64])


def test_streams_and_virtual_slides_draw_with_it(tmp_path):
    grid, settings = make_grid(), Settings(student=True, precision="float32")
    whole = drawn(settings).image.astype(int)
    run = StreamedRun(grid, settings, tmp_path / "run")
    list(run.steps())
    assert np.abs(run.scene().thumbnail(10_000).astype(int) - whole).max() <= 1
    with SyntheticScene(grid, settings) as scene:
        assert np.abs(scene.read(Box(0, 0, *scene.size_l0)).astype(int) - whole).max() <= 1


def test_the_student_is_part_of_the_weights(models):
    before = load_model("tissue").spec.digest
    shutil.rmtree(models / "tissue" / "student")
    assert load_model("tissue").spec.digest != before


def test_a_model_without_a_student_says_so(models):
    shutil.rmtree(models / "tissue" / "student")
    with pytest.raises(ModelError, match="it has none"):
        drawn(Settings(student=True))


@pytest.mark.parametrize(
    "wrong", [{"steps": 8}, {"engine": "windowed"}, {"engine": "notebook"}, {"student": 1}, {"student": "yes"}]
)
def test_what_a_student_cannot_do_is_refused(wrong):
    with pytest.raises(SettingsError):
        Settings(**{"student": True, **wrong})


def test_settings_without_the_word_stay_readable():
    record = json.loads(drawn(Settings(steps=1)).manifest.to_json())["settings"]
    del record["student"]
    assert not Settings.from_dict(record).student
