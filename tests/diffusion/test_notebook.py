"""The authors' sampler and decode: the laws of its parts, and the authors' own numbers on a tiny checkpoint."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ssldiff_core.diffusion.engines.notebook import (
    GeneratorNoise,
    NotebookEngine,
    decode_windows,
    notebook_schedule,
)
from ssldiff_core.diffusion.field import ConditioningField
from ssldiff_core.diffusion.guidance import Guidance
from ssldiff_core.diffusion.windows import Windows, window_starts
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import Cancelled, SettingsError
from ssldiff_core.geometry import GridGeometry


def make_field(vectors: np.ndarray, valid: np.ndarray | None = None) -> ConditioningField:
    geometry = GridGeometry(vectors.shape[:2], 5e-7, cell_px=256, latent_factor=4)
    valid = np.ones(vectors.shape[:2], bool) if valid is None else valid
    return ConditioningField(EmbeddingGrid(vectors, valid, geometry, "golden"))


class KnowsTheAnswer:
    """ε such that x0 is everywhere the first number of the condition, or 0 for the null condition."""

    latent_channels, window_lat, cells_per_window = 3, 64, 1

    def __init__(self) -> None:
        self.betas = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64) ** 2
        self.alphas_cumprod = torch.cumprod(1.0 - self.betas, 0)

    def embed(self, vectors, valid, pixel_size_m):
        return (vectors[:, 0] * valid)[:, None, None]

    def predict_noise(self, latents, timestep, context, alpha):
        alpha = self.alphas_cumprod[timestep - 1].float()
        return (latents - alpha.sqrt() * context[..., None]) / (1.0 - alpha).sqrt()


@pytest.mark.parametrize(
    ("length", "stride"), [(256, 16), (128, 16), (64, 16), (100, 16), (65, 64), (192, 64), (99, 7)]
)
def test_every_position_is_covered_and_no_window_overhangs(length: int, stride: int) -> None:
    starts = window_starts(length, 64, stride)
    covered = np.zeros(length, bool)
    for start in starts:
        assert 0 <= start <= length - 64
        covered[start : start + 64] = True
    assert covered.all()
    assert len(Windows.covering((256, 256), 64, 16).origins) == 169


def test_a_canvas_smaller_than_a_window_is_refused() -> None:
    with pytest.raises(SettingsError, match="uncovered"):
        window_starts(63, 64, 16)


def test_the_schedule_ends_without_noise() -> None:
    denoiser = KnowsTheAnswer()
    schedule = notebook_schedule(denoiser.betas, denoiser.alphas_cumprod)
    assert [step.timestep for step in schedule] == list(range(1000, 0, -20))
    assert schedule[0].alpha == float(denoiser.alphas_cumprod[999])
    assert (schedule[-1].alpha_next, schedule[-1].sigma) == (1.0, 0.0)
    assert all(before.alpha_next == after.alpha for before, after in pairwise(schedule))


def test_a_network_that_knows_the_answer_gives_it_with_guidance_extrapolated() -> None:
    denoiser, field = KnowsTheAnswer(), make_field(np.full((2, 1, 5), 0.5, np.float32))
    steps = list(NotebookEngine().run(denoiser, field, GeneratorNoise(0), Guidance(3.0), steps=4))
    assert [step.index for step in steps] == [1, 2, 3, 4]
    assert torch.allclose(steps[-1].latents, torch.full((3, 128, 64), 1.5), atol=1e-4)


def test_an_invalid_cell_is_told_nothing() -> None:
    valid = np.array([[True, False]])
    field = make_field(np.full((1, 2, 5), 0.5, np.float32), valid)
    (step,) = NotebookEngine(stride_lat=64).run(KnowsTheAnswer(), field, GeneratorNoise(0), Guidance(1.0), steps=1)
    assert torch.allclose(step.latents[:, :, :64], torch.tensor(0.5), atol=1e-4)
    assert torch.allclose(step.latents[:, :, 64:], torch.tensor(0.0), atol=1e-4)


def test_noise_is_drawn_as_torch_would_after_its_seed() -> None:
    torch.manual_seed(1234)
    first, second = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 64, 64)
    noise = GeneratorNoise(1234)
    assert torch.equal(noise.draw((3, 64, 64)), first[0])
    assert torch.equal(noise.draw((3, 64, 64)), second[0])


def test_a_run_stops_where_it_is_told_to() -> None:
    field = make_field(np.ones((1, 1, 5), np.float32))
    with pytest.raises(Cancelled):
        next(NotebookEngine().run(KnowsTheAnswer(), field, GeneratorNoise(0), cancelled=lambda: True))


def test_decoding_truncates() -> None:
    class Flat:
        factor, decoder_radius_lat = 4, 64

        def decode(self, latents):
            return torch.full((len(latents), 3, 256, 256), 2 * 100.9 / 255 - 1)

    image = decode_windows(Flat(), torch.zeros(3, 64, 80))
    assert image.shape == (256, 320, 3)
    assert (image == 100).all()


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "lrdm_patch"


@pytest.fixture(scope="module")
def model(golden: Path):
    from ssldiff_core.models.lrdm_conversion import convert_lrdm

    return convert_lrdm(golden / "last.ckpt", golden / "project.yaml")


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted[0]).norm() / wanted.norm())


def equal_share(found: np.ndarray, wanted: torch.Tensor) -> float:
    return float((found == wanted.numpy()).mean())


def test_the_first_steps_are_the_authors(model, golden: Path) -> None:
    wanted = load_file(golden / "expected_steps.safetensors")
    field = make_field(load_file(golden / "expected.safetensors")["grid"].numpy())
    run = NotebookEngine().run(model.denoiser(), field, GeneratorNoise(1234))
    for index in (1, 2):
        assert relative(next(run).latents, wanted[f"latent_after_{index}"]) <= 1e-5


def test_the_decode_is_the_authors(model, golden: Path) -> None:
    wanted = load_file(golden / "expected_2x2.safetensors")
    image = decode_windows(model.autoencoder(), wanted["latent"][0])
    assert equal_share(image, wanted["image"]) >= 0.998


def test_a_whole_run_of_2_by_2_cells_is_the_authors(model, golden: Path) -> None:
    wanted = load_file(golden / "expected_2x2.safetensors")
    *_, last = NotebookEngine().run(model.denoiser(), make_field(wanted["grid"].numpy()), GeneratorNoise(4321))
    assert relative(last.latents, wanted["latent"]) <= 1e-3


@pytest.mark.slow
def test_a_whole_run_of_4_by_4_cells_is_the_authors(model, golden: Path) -> None:
    wanted = load_file(golden / "expected.safetensors")
    steps = load_file(golden / "expected_steps.safetensors")
    for step in NotebookEngine().run(model.denoiser(), make_field(wanted["grid"].numpy()), GeneratorNoise(1234)):
        if step.index == 5:
            assert relative(step.latents, steps["latent_after_5"]) <= 1e-4
    assert relative(step.latents, wanted["latent"]) <= 1e-3
    assert equal_share(decode_windows(model.autoencoder(), wanted["latent"][0]), wanted["image"]) >= 0.998
