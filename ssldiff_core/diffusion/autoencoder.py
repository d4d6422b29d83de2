"""The autoencoder contract, and decoding a canvas in tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import Cancelled
from .tiling import cut_tiles


class Autoencoder(Protocol):
    """Pixels (n, 3, h, w) in [-1, 1] to standardised latents (n, c, h / factor, w / factor), and back.

    Attributes:
        factor: canvas pixels along a latent.
        decoder_radius_lat: latents around a position that its decoded pixels depend on.

    One that also has ``encoder_radius_lat`` (latents around a position whose pixels decide its latent) encodes in
    tiles.
    """

    factor: int
    decoder_radius_lat: int

    def encode(self, pixels: Tensor) -> Tensor: ...

    def decode(self, latents: Tensor) -> Tensor: ...


def to_uint8(pixels: Tensor) -> NDArray[np.uint8]:
    """(3, h, w) in [-1, 1] -> (h, w, 3) uint8, clamped and rounded."""
    scaled = pixels.clamp(-1, 1).add(1).mul(127.5).round()
    return scaled.to("cpu", torch.uint8).permute(1, 2, 0).contiguous().numpy()


@torch.inference_mode()
def decode_canvas(
    autoencoder: Autoencoder, latents: Tensor, *, device: torch.device | str = "cpu", tile_lat: int = 128,
    cancelled: Callable[[], bool] = lambda: False,
) -> NDArray[np.uint8]:  # fmt: skip
    """Decode a canvas (c, h, w) in tiles with halo -> (h · factor, w · factor, 3) uint8; equal to decoding it whole."""
    factor = autoencoder.factor
    image = np.empty((latents.shape[1] * factor, latents.shape[2] * factor, 3), np.uint8)
    for tile in cut_tiles((latents.shape[1], latents.shape[2]), tile_lat, autoencoder.decoder_radius_lat):
        if cancelled():
            raise Cancelled("decoding the image")
        crop = latents[(slice(None), *tile.crop)][None].to(device)
        pixels = autoencoder.decode(crop.contiguous(memory_format=torch.channels_last))[0]
        rows, cols = (slice(s.start * factor, s.stop * factor) for s in tile.inside)
        target_rows, target_cols = (slice(s.start * factor, s.stop * factor) for s in tile.canvas)
        image[target_rows, target_cols] = to_uint8(pixels[:, rows, cols])
    return image


@torch.inference_mode()
def encode_image(
    autoencoder: Autoencoder, image: NDArray[np.uint8], *, device: torch.device | str = "cpu", tile_lat: int = 128,
    cancelled: Callable[[], bool] = lambda: False,
) -> Tensor:  # fmt: skip
    """Encode (h, w, 3) uint8, sides multiples of the factor, in tiles with halo -> standardised latents
    (c, h / factor, w / factor) float32 on the CPU; equal to encoding it whole.
    """
    factor = autoencoder.factor
    shape = (image.shape[0] // factor, image.shape[1] // factor)
    radius = getattr(autoencoder, "encoder_radius_lat", None)
    latents: Tensor | None = None
    for tile in cut_tiles(shape, max(shape) if radius is None else tile_lat, radius or 0):
        if cancelled():
            raise Cancelled("encoding the image")
        rows, cols = (slice(s.start * factor, s.stop * factor) for s in tile.crop)
        pixels = torch.from_numpy(np.array(image[rows, cols])).to(device).permute(2, 0, 1)[None]
        scaled = pixels.float().div(127.5).sub(1.0).contiguous(memory_format=torch.channels_last)
        part = autoencoder.encode(scaled)[0].float().cpu()
        if latents is None:
            latents = torch.empty((part.shape[0], *shape))
        latents[(slice(None), *tile.canvas)] = part[(slice(None), *tile.inside)]
    assert latents is not None, "an image has at least one tile"
    return latents


def preview_rgb(latents: Tensor, latent_rgb: tuple[tuple[float, ...], ...], max_px: int = 512) -> NDArray[np.uint8]:
    """A small picture of latents (c, h, w) by a linear map: one pixel for a latent, thinned to at most ``max_px`` a
    side.
    """
    stride = max(1, -(-max(latents.shape[1:]) // max_px))
    weights = torch.tensor(latent_rgb, dtype=torch.float32)
    thinned = latents[:, ::stride, ::stride].float().cpu()
    rgb = torch.einsum("kc,chw->khw", weights[:, :-1], thinned) + weights[:, -1][:, None, None]
    return to_uint8(rgb)
