"""Tiny native networks with random weights: real classes, no training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.diffusion.denoisers import VelocityDenoiser
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.models.native import NativeDenoiser
from ssldiff_core.models.native_autoencoder import NativeAutoencoder


@pytest.fixture(scope="session")
def network():
    torch.manual_seed(0)
    made = NativeDenoiser(
        latent_channels=4, condition_dim=6, channels=(16, 24), hidden=(16, 24), blocks=(1, 2, 1), embedding=16,
        reading=8,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


@pytest.fixture(scope="session")
def denoiser(network):
    return VelocityDenoiser(network, network.radius_lat)


@pytest.fixture(scope="session")
def autoencoder():
    torch.manual_seed(1)
    return NativeAutoencoder(4, (8, 16), (8, 16), (1, 1), (1, 2)).eval()


@pytest.fixture
def grid():
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((3, 5, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    valid = np.ones((3, 5), bool)
    valid[1, 2] = False
    return EmbeddingGrid(vectors, valid, GridGeometry((3, 5), 1e-6), "test")
