"""Laws of the dense engine: tiles change nothing, the radius is what it says, cancelling stops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.diffusion.autoencoder import decode_canvas, encode_image
from ssldiff_core.diffusion.denoisers import Condition, GuidedDenoiser
from ssldiff_core.diffusion.engines import DenseEngine
from ssldiff_core.diffusion.field import ConditioningField
from ssldiff_core.diffusion.noise import PositionNoise
from ssldiff_core.diffusion.schedule import get_solver, noise_levels
from ssldiff_core.diffusion.tiling import cut_tiles
from ssldiff_core.errors import Cancelled, SettingsError
from ssldiff_core.models.native import NativeDenoiser


def draw(denoiser, grid, tile_lat, steps=3, **options):
    engine = DenseEngine(tile_lat)
    run = engine.run(
        denoiser, ConditioningField(grid), PositionNoise(5), get_solver("dpm++"), noise_levels(steps), **options
    )
    return list(run)[-1].latents


@pytest.mark.parametrize("tile_lat", [14, 22, 48])
def test_tiled_equals_whole(denoiser, grid, tile_lat):
    guided = GuidedDenoiser(denoiser, 2.0)
    whole = draw(guided, grid, 512)
    assert whole.abs().max() > 0.1
    assert (draw(guided, grid, tile_lat) - whole).abs().max() <= 1e-4


def reach(network, position, side=80):
    """How far from ``position`` the output changes when that latent does."""
    torch.manual_seed(3)
    channels = network.config.latent_channels
    x = torch.randn(1, channels, side, side, dtype=torch.float64)
    moved = x.clone()
    moved[:, :, position, position] += 10
    rest = (
        torch.tensor([0.5]), torch.randn(1, network.config.condition_dim, side, side, dtype=torch.float64),
        torch.ones(1, 1, side, side, dtype=torch.float64), torch.tensor([1e-6]),
    )  # fmt: skip
    with torch.no_grad():
        changed = (network(x, *rest) != network(moved, *rest)).any(1)[0]
    return int((changed.nonzero() - position).abs().max())


@torch.no_grad()
def test_the_receptive_field_is_as_stated(network):
    double = NativeDenoiser.from_config(network.config).double()
    double.load_state_dict(network.state_dict())
    assert max(reach(double, 40), reach(double, 41)) == network.radius_lat


def test_the_shipped_layout_stays_within_its_budget():
    torch.manual_seed(0)
    network = NativeDenoiser(channels=(8, 8), hidden=(8, 8), embedding=8, condition_dim=4).double()
    for parameter in network.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    assert max(reach(network, 40), reach(network, 41)) == network.radius_lat == NativeDenoiser().radius_lat == 16


def test_invalid_cells_get_the_null_condition(denoiser, grid):
    other = np.array(grid.vectors)
    other[1, 2] = 9.0
    changed = type(grid)(other, grid.valid, grid.geometry, grid.encoder_id)
    assert torch.equal(draw(denoiser, changed, 512), draw(denoiser, grid, 512))


def test_guidance_of_one_is_the_conditional_estimate(denoiser, grid):
    vectors, valid = ConditioningField(grid).crop(0, 0, 16, 16)
    known = torch.from_numpy(valid)[None, None].float()
    condition = Condition(torch.from_numpy(vectors).permute(2, 0, 1)[None], known, 1e-6)
    x = torch.randn(1, 4, 16, 16)
    assert torch.equal(GuidedDenoiser(denoiser, 1.0)(x, 0.5, condition), denoiser(x, 0.5, condition))
    outside = GuidedDenoiser(denoiser, 3.0, interval=(0.6, 0.9))(x, 0.5, condition)
    assert torch.equal(outside, denoiser(x, 0.5, condition))


def test_cancelling_stops_between_tiles(denoiser, grid):
    calls = iter([False, True])
    with pytest.raises(Cancelled):
        draw(denoiser, grid, 32, cancelled=lambda: next(calls))


def test_every_position_is_kept_by_exactly_one_tile_at_odd_sizes():
    count = np.zeros((37, 51), int)
    for tile in cut_tiles((37, 51), 14, radius=5, phase=2):
        count[tile.canvas] += 1
        assert tile.crop_row % 2 == tile.crop_col % 2 == 0
    assert (count == 1).all()


def test_a_tile_off_the_phase_is_refused():
    with pytest.raises(SettingsError, match="multiple of 2"):
        list(cut_tiles((32, 32), 15, 4, 2))


def test_tiled_decoding_equals_decoding_whole(autoencoder):
    latents = torch.randn(4, 35, 50)
    whole = decode_canvas(autoencoder, latents, tile_lat=64)
    tiled = decode_canvas(autoencoder, latents, tile_lat=16)
    assert whole.shape == (280, 400, 3)
    assert whole.std() > 1
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() <= 1


def test_tiled_encoding_equals_encoding_whole(autoencoder):
    image = np.random.default_rng(0).integers(0, 256, (264, 200, 3), dtype=np.uint8)
    whole = encode_image(autoencoder, image, tile_lat=64)
    assert whole.shape == (4, 33, 25)
    assert whole.std() > 0.01
    assert (encode_image(autoencoder, image, tile_lat=8) - whole).abs().max() <= 1e-4 * whole.abs().max()
