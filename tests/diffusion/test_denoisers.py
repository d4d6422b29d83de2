"""Laws of the adapters around a network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ssldiff_core.diffusion.denoisers import Condition, NativeWindowDenoiser, VelocityDenoiser
from ssldiff_core.diffusion.field import ConditioningField


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


def test_the_place_in_a_cell_counts_where_there_is_a_condition_and_only_there(denoiser, grid):
    field = ConditioningField(grid)
    vectors, valid = field.crop(0, 0, 16, 16)
    condition = Condition(
        torch.from_numpy(vectors).permute(2, 0, 1)[None], torch.from_numpy(valid)[None, None].float(), 1e-6,
        torch.from_numpy(field.place(0, 0, 16, 16))[None],
    )  # fmt: skip
    moved = replace(condition, place_cell=condition.place_cell + 0.3)
    x = torch.randn(1, 4, 16, 16)
    assert not torch.allclose(denoiser(x, 0.5, condition), denoiser(x, 0.5, moved), atol=1e-4)
    assert torch.equal(denoiser(x, 0.5, condition.null()), denoiser(x, 0.5, moved.null()))
    whole_cells = replace(condition, place_cell=condition.place_cell + 3)
    assert torch.allclose(denoiser(x, 0.5, condition), denoiser(x, 0.5, whole_cells), atol=1e-4)


def test_a_condition_that_was_prepared_gives_the_same_estimate_and_can_be_cropped(network, denoiser, grid):
    field = ConditioningField(grid)
    vectors, valid = field.crop(0, 0, 16, 16)
    condition = Condition(
        torch.from_numpy(vectors).permute(2, 0, 1)[None], torch.from_numpy(valid)[None, None].float(), 1e-6,
        torch.from_numpy(field.place(0, 0, 16, 16))[None],
    )  # fmt: skip
    x, part = torch.randn(1, 4, 16, 16), (slice(2, 10), slice(4, 16))
    prepared = denoiser.prepare(condition)
    assert prepared.told is not None
    assert prepared.vectors.numel() == 0
    assert torch.equal(denoiser(x, 0.5, condition), denoiser(x, 0.5, prepared))
    crop = x[:, :, part[0], part[1]]
    apart, together = denoiser(crop, 0.5, condition.part(*part)), denoiser(crop, 0.5, prepared.part(*part))
    assert torch.allclose(apart, together, atol=1e-5)
    assert torch.equal(denoiser(x, 0.5, condition.null()), denoiser(x, 0.5, prepared.null()))


def test_the_null_condition_is_that_of_a_canvas_told_nothing_anywhere(network, denoiser, grid):
    x, shape = torch.randn(1, 4, 16, 16), (1, network.config.condition_dim, 16, 16)
    nowhere = Condition(torch.randn(shape), torch.zeros(1, 1, 16, 16), 1e-6)
    assert torch.allclose(denoiser(x, 0.5, nowhere), denoiser(x, 0.5, nowhere.null()), atol=1e-5)
