"""The benchmark of what matters in the denoiser compares like with like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.layouts import PaintRegion, Palette, Swatch, empty_layout
from ssldiff_core.models.native import NativeDenoiser
from ssldiff_core.models.native_autoencoder import NativeAutoencoder
from ssldiff_core.training.autoencoder import AutoencoderObjective, measure_latents, to_pixels
from ssldiff_core.training.data import CropSampler, TrainingImage
from ssldiff_core.training.denoiser import CachedImage
from tests.benchmarks.ablation_autoencoders import TinyAutoencoder, reach_px, through
from tests.benchmarks.ablation_measures import disturbed, velocity_errors
from tests.benchmarks.ablation_shipped import faded, whole_cells
from tests.benchmarks.ablation_variants import VARIANTS, CleanLatentDenoiser, NoiseDenoiser
from tests.benchmarks.ablations import train

NETWORKS = [name for name, variant in VARIANTS.items() if variant.config or name in ("recipe", "x0", "noise")]
SMALL = {"condition_dim": 6, "embedding": 16, "reading": 8}


@pytest.fixture
def cached():
    generator = np.random.default_rng(1)
    latents = generator.standard_normal((8, 32, 32)).astype(np.float16)
    return [CachedImage(latents, generator.standard_normal((3, 3, 6)).astype(np.float16), 1e-6, 1.0)]


def say_the_truth(monkeypatch, truth):
    monkeypatch.setattr(NativeDenoiser, "velocity", lambda self, latents, level, told, size: truth)


@pytest.mark.parametrize(("kind", "estimates"), [(CleanLatentDenoiser, "x0"), (NoiseDenoiser, "noise")])
def test_a_true_estimate_becomes_the_true_velocity(monkeypatch, kind, estimates):
    torch.manual_seed(0)
    clean, noise = torch.randn(2, 3, 8, 4, 4)
    level = torch.tensor([0.1, 0.5, 0.9])
    say_the_truth(monkeypatch, {"x0": clean, "noise": noise}[estimates])
    found = kind(**SMALL).velocity(torch.lerp(clean, noise, level[:, None, None, None]), level, clean, level)
    torch.testing.assert_close(found, noise - clean)


@pytest.mark.parametrize("name", ["x0", "noise"])
def test_the_error_counted_is_that_of_what_is_estimated(monkeypatch, name):
    torch.manual_seed(0)
    clean, noise, off = torch.randn(3, 3, 8, 4, 4)
    level = torch.tensor([0.1, 0.5, 0.9])
    say_the_truth(monkeypatch, {"x0": clean, "noise": noise}[name] + off)
    network = VARIANTS[name].network(**SMALL)
    found = network.velocity(torch.lerp(clean, noise, level[:, None, None, None]), level, clean, level)
    objective = VARIANTS[name].objective(network, None, 3, torch.device("cpu"))
    error = (found - (noise - clean)).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(objective.weight(level) * error, off.square().mean(dim=(1, 2, 3)))


@pytest.mark.parametrize("name", NETWORKS)
def test_no_variant_sees_further_than_it_says(name):
    torch.manual_seed(0)
    network = VARIANTS[name].network(**SMALL, **VARIANTS[name].config)
    side, reaches = 72, []
    for place in (36, 37):
        latents = torch.randn(1, 8, side, side, requires_grad=True)
        told = network.tell(torch.randn(1, 6, 1, 1), torch.ones(1, 1, 1, 1))
        network.velocity(latents, torch.tensor([0.5]), told, torch.tensor([1e-6]))[0, :, place, place].sum().backward()
        seen = latents.grad[0].abs().sum(0).nonzero()
        reaches.append(int((seen - place).abs().max()))
    assert max(reaches) == network.radius_lat <= 24


def test_levels_of_the_uniform_variant_are_as_often_high_as_low():
    torch.manual_seed(0)
    objective = VARIANTS["uniform"].objective(None, None, 1, torch.device("cpu"))
    counts = torch.histc(objective.draw_levels(10_000), 4, 0, 1)
    assert (counts / 2500 - 1).abs().max() < 0.1
    assert VARIANTS["recipe"].objective(None, None, 1, torch.device("cpu")).draw_levels(10_000).std() < 0.25


@pytest.mark.parametrize("name", NETWORKS)
def test_a_variant_trains_and_what_is_measured_of_it_is_a_number(name, cached, tmp_path):
    small = {"channels": (8, 16), "hidden": (8, 16), "embedding": 16}
    variant = replace(VARIANTS[name], config={**VARIANTS[name].config, **small})
    words = {"minutes": 1.0, "crop_lat": 16, "batch": 2, "shift": 1.0, "reference_m": 1e-6}
    trained = train(variant, cached, tmp_path, **words, steps=4)
    again = train(variant, cached, tmp_path, **words, steps=4)
    assert trained.steps == again.steps == 4
    errors = [velocity_errors(network, cached, 16, 6) for network in (trained.average, again.average, trained.last)]
    assert errors[0] == errors[1] != errors[2]
    assert all(np.isfinite(list(found.values())).all() for found in errors)


def test_disturbed_embeddings_keep_their_length_and_move_as_far_as_told():
    vectors = np.random.default_rng(0).standard_normal((8, 8, 128)).astype(np.float32)
    grid = EmbeddingGrid(vectors, np.ones((8, 8), bool), GridGeometry((8, 8), 1e-6), "tissue-2")
    moved = disturbed(grid, 0.6, 0).vectors
    lengths = [np.linalg.norm(part, axis=-1) for part in (vectors, moved)]
    np.testing.assert_allclose(*lengths, rtol=1e-5)
    cosine = (vectors * moved).sum(-1) / lengths[0] / lengths[1]
    assert cosine.mean() == pytest.approx(1 / (1 + 0.6**2) ** 0.5, abs=0.01)


def test_the_tiny_autoencoder_learns_and_its_latents_are_standardised():
    torch.manual_seed(0)
    picture = np.kron(np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8), np.ones((8, 8, 1), "u1"))
    images = [TrainingImage("", "", "", 1e-6, picture)]
    model = TinyAutoencoder()
    objective = AutoencoderObjective(model, CropSampler(images, 32, 0), 4, torch.device("cpu"))
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _ in range(30):
        losses.append(objective(0))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert torch.stack(losses[-5:]).mean() < 0.8 * torch.stack(losses[:5]).mean()
    measure_latents(model, CropSampler(images, 32, 1), torch.device("cpu"), batches=8)
    with torch.no_grad():
        latents = model.encode(to_pixels(CropSampler(images, 32, 2).sample(64), torch.device("cpu")))
    assert latents.shape == (64, 8, 4, 4)
    assert (latents.std((0, 2, 3)) - 1).abs().max() < 0.2
    image, *seconds = through(model, picture)
    assert image.shape == picture.shape
    assert min(seconds) > 0


def test_how_far_a_decoded_pixel_looks_is_what_the_native_layout_says():
    torch.manual_seed(0)
    model = NativeAutoencoder(8, (8, 16), (8, 16), (1, 1), (1, 1))
    assert 8 * (model.decoder_radius_lat - 1) < reach_px(model, 24) <= 8 * model.decoder_radius_lat


def test_fields_without_sharp_borders_hold_the_same_cells():
    swatches = Swatch("a", "#ff0000", np.eye(4)[:1]), Swatch("b", "#00ff00", np.eye(4)[1:2])
    palette = Palette(swatches, "tissue-2", 1e-6)
    outline = (((0.0, 0.0), (1.3, 0.0), (1.3, 3.0), (0.0, 3.0)),)
    layout = empty_layout(3, 3, palette).apply(PaintRegion("b", (outline,)))
    grid = layout.grid()
    assert faded(grid).regions.transition_lat == 16
    assert whole_cells(grid).regions is None
    for other in (faded(grid), whole_cells(grid)):
        np.testing.assert_array_equal(other.vectors, grid.vectors)
        np.testing.assert_array_equal(other.valid, grid.valid)
