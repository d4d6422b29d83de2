"""Laws of the adapters around a network."""

from __future__ import annotations

import pytest
import torch

from ssldiff_core.diffusion.denoisers import Condition, NativeWindowDenoiser, VelocityDenoiser


@pytest.mark.parametrize("index", [20, 500, 999])
def test_in_a_window_the_native_network_estimates_what_it_does_densely(network, index):
    """ε on the variance-preserving schedule leads to the x0 of the straight path, null condition included."""
    torch.manual_seed(0)
    windows, dense = NativeWindowDenoiser(network), VelocityDenoiser(network, network.radius_lat)
    vectors, valid, latents = torch.randn(2, 6), torch.tensor([True, False]), torch.randn(2, 4, 12, 16)
    alpha = float(windows.alphas_cumprod[index])
    noise = windows.predict_noise(latents, index, windows.embed(vectors, valid, 2e-6), alpha)
    x0 = (latents - (1 - alpha) ** 0.5 * noise) / alpha**0.5
    total = alpha**0.5 + (1 - alpha) ** 0.5
    condition = Condition(
        vectors[:, :, None, None].expand(-1, -1, 12, 16), valid[:, None, None, None].expand(-1, 1, 12, 16).float(), 2e-6
    )
    expected = dense(latents / total, (1 - alpha) ** 0.5 / total, condition)
    assert torch.allclose(x0, expected, rtol=1e-3, atol=1e-3)
    assert (expected[0] - expected[1]).abs().max() > 0.05
