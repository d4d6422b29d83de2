"""The benchmark of what matters in the denoiser compares like with like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.models.native import NativeDenoiser
from ssldiff_core.training.denoiser import CachedImage
from tests.benchmarks.ablation_measures import disturbed, velocity_errors
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
