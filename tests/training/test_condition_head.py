"""A condition head: another encoder's embeddings drive the frozen network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.errors import SettingsError
from ssldiff_core.models.native import NativeDenoiser
from ssldiff_core.training.condition_head import HeldOutLoss, Pairs, fit_head, train_head
from ssldiff_core.training.denoiser import CachedImage

LATENTS, SHIPPED, OWN = 4, 6, 10


@pytest.fixture
def base():
    torch.manual_seed(0)
    network = NativeDenoiser(LATENTS, SHIPPED, (16, 16), (16, 16), (1, 1, 1), 16, reading=12)
    torch.nn.init.normal_(network.read_cell.gather.weight, std=0.3)
    return network.eval()


@pytest.fixture
def pairs():
    """Own embeddings are a linear image of the shipped ones, longer, at another scale and off their middle."""
    generator = np.random.default_rng(0)
    shipped = generator.standard_normal((400, SHIPPED)).astype(np.float32)
    shipped /= np.linalg.norm(shipped, axis=1, keepdims=True)
    own = (shipped @ generator.standard_normal((SHIPPED, OWN)) * 7 + 3).astype(np.float32)
    latents = generator.standard_normal((20, LATENTS, 32, 32)).astype(np.float16)
    cells = own[:80].reshape(20, 2, 2, OWN)
    cached = [CachedImage(*image, 1e-6, 1.0, spacing_px=128) for image in zip(latents, cells, strict=True)]
    return Pairs(own, shipped, cached)


def velocity(network, condition):
    torch.manual_seed(1)
    latents = torch.randn(1, LATENTS, 16, 16)
    field = torch.from_numpy(condition).view(1, -1, 1, 1).expand(1, -1, 16, 16)
    place = torch.rand(1, 2, 16, 16)
    with torch.no_grad():
        return network(latents, torch.tensor([0.5]), field, torch.ones(1, 1, 16, 16), torch.tensor([1e-6]), place)


def test_a_linear_image_of_the_shipped_embeddings_draws_the_same(base, pairs):
    head, cosine = fit_head(base, pairs)
    assert cosine > 0.999
    want, got = velocity(base, pairs.shipped[7]), velocity(head, pairs.own[7])
    assert torch.allclose(got, want, atol=0.02 * float(want.std()))
    assert not torch.allclose(velocity(head, pairs.own[9]), want, atol=0.05 * float(want.std()))


def test_training_the_head_leaves_every_other_weight(base, pairs, tmp_path):
    head, _ = fit_head(base, pairs)
    first = head.from_condition.weight.clone()
    trained = train_head(head, pairs.cached, tmp_path, minutes=0.05, crop_lat=32, batch=2, device="cpu")
    for name, value in base.state_dict().items():
        if "from_condition" not in name and "of_condition" not in name:
            assert torch.equal(trained.state_dict()[name], value), name
    assert not torch.equal(trained.from_condition.weight, first)


def test_the_held_out_loss_uses_the_same_noise_at_every_call(base, pairs):
    head, _ = fit_head(base, pairs)
    loss = HeldOutLoss(pairs.cached[-2:], 32, 1.0, batches=2)
    assert loss(head) == loss(head)


def test_too_few_patches_are_refused(pairs):
    with pytest.raises(SettingsError, match="3 patches"):
        Pairs(pairs.own[:3], pairs.shipped[:3], pairs.cached)
