"""The native family's autoencoder: fully convolutional, with a finite receptive field and no statistic over space."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from .winograd import convolve, transform_weights

WORTHWHILE = 64
"""Channels in and out from which Winograd's way is the faster one."""


class MirroredConvolution(nn.Conv2d):
    """A 3×3 convolution that mirrors the image at its edges; in float32 on a processor by :mod:`.winograd`, where no
    gradient is asked for and it has channels enough.
    """

    _transformed: tuple[tuple[int, int], Tensor] | None = None

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        here = x.device.type == "cpu" and x.dtype == torch.float32 and x.ndim == 4
        if torch.is_grad_enabled() or not here or min(self.in_channels, self.out_channels) < WORTHWHILE:
            return super().forward(x)
        assert self.bias is not None
        return convolve(F.pad(x, (1, 1, 1, 1), mode="reflect"), self._weights_transformed(), self.bias)

    def _weights_transformed(self) -> Tensor:
        """Kept until the weights are others."""
        now = (self.weight.data_ptr(), 0 if self.weight.is_inference() else self.weight._version)
        if self._transformed is None or self._transformed[0] != now:
            self._transformed = now, transform_weights(self.weight.detach())
        return self._transformed[1]


def conv(in_channels: int, out_channels: int, kernel: int = 3, gain: float = 1.0) -> nn.Conv2d:
    """A convolution with reflect padding whose output keeps the input's variance, times ``gain`` squared."""
    assert kernel in (1, 3)
    layer = MirroredConvolution(in_channels, out_channels) if kernel == 3 else nn.Conv2d(in_channels, out_channels, 1)
    nn.init.normal_(layer.weight, std=gain / (in_channels * kernel * kernel) ** 0.5)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class ResidualBlock(nn.Module):
    """``x + conv(silu(conv(silu(x))))``, without normalisation. Radius 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels, gain=1.6)
        self.second = conv(channels, channels, gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))  # type: ignore[no-any-return]


class DetailedPixels(nn.Module):
    """Features at 1/4 to pixels: a plain 4×4 reading, and what a residual block at 1/2 adds to it. Radius 4 at 1/2.

    A reading alone paints each 4×4 square without its neighbours' finest pixels. The addition is nothing at first.
    """

    def __init__(self, channels: int, detail: int) -> None:
        super().__init__()
        self.plain = nn.Sequential(conv(channels, 48), nn.PixelShuffle(4))
        self.lead = conv(channels // 4, detail)
        self.block = ResidualBlock(detail)
        self.gather = conv(detail, 12, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> pixels (n, 3, 4 h, 4 w)."""
        detail = self.gather(F.silu(self.block(self.lead(F.pixel_shuffle(x, 2)))))
        return self.plain(x) + F.pixel_shuffle(detail, 2)  # type: ignore[no-any-return]


def _to_pixels(channels: int, detail: int) -> list[nn.Module]:
    """Layers from features at 1/4 to pixels."""
    return [DetailedPixels(channels, detail)] if detail else [conv(channels, 48), nn.PixelShuffle(4)]


class NativeAutoencoder(ModelMixin, ConfigMixin):
    """Pixels to latents and back, factor 8, without any statistic over space.

    Encoder: pixel-unshuffle(4), residual blocks at 1/4, unshuffle(2), residual blocks at 1/8. The decoder mirrors it,
    wider, and may end at 1/2. Latents are standardised: about zero mean and unit deviation in each channel over the
    training images.

    Args:
        latent_channels: channels of a latent.
        encoder_channels: widths at 1/4 and 1/8.
        decoder_channels: widths at 1/4 and 1/8.
        encoder_blocks: residual blocks at 1/4 and 1/8.
        decoder_blocks: residual blocks at 1/4 and 1/8.
        decoder_detail: width of :class:`DetailedPixels`, with which the decoder ends; 0 for a plain reading.
        latent_mean: subtracted from the raw latents, per channel.
        latent_std: divides the raw latents, per channel.
        latent_rgb: linear map from standardised latents to RGB in [-1, 1]: rows of ``latent_channels + 1`` numbers
            (the last is the offset); the preview of a step.
    """

    factor = 8

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 8,
        encoder_channels: tuple[int, int] = (64, 128),
        decoder_channels: tuple[int, int] = (64, 192),
        encoder_blocks: tuple[int, int] = (1, 2),
        decoder_blocks: tuple[int, int] = (2, 4),
        latent_mean: tuple[float, ...] | None = None,
        latent_std: tuple[float, ...] | None = None,
        latent_rgb: tuple[tuple[float, ...], ...] | None = None,
        decoder_detail: int = 0,
    ) -> None:
        super().__init__()
        quarter, eighth = encoder_channels
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),
            conv(48, quarter),
            *(ResidualBlock(quarter) for _ in range(encoder_blocks[0])),
            nn.PixelUnshuffle(2),
            conv(4 * quarter, eighth, 1),
            *(ResidualBlock(eighth) for _ in range(encoder_blocks[1])),
            conv(eighth, latent_channels, 1),
        )
        quarter, eighth = decoder_channels
        self.decoder = nn.Sequential(
            conv(latent_channels, eighth),
            *(ResidualBlock(eighth) for _ in range(decoder_blocks[1])),
            conv(eighth, 4 * quarter, 1),
            nn.PixelShuffle(2),
            *(ResidualBlock(quarter) for _ in range(decoder_blocks[0])),
            *_to_pixels(quarter, decoder_detail),
        )
        reach_half = 4 * decoder_blocks[0] + (4 if decoder_detail else 2)
        self.decoder_radius_lat = 1 + 2 * decoder_blocks[1] + -(-reach_half // 4)
        """Latents around a position that its decoded pixels depend on."""
        self.encoder_radius_lat = 2 * encoder_blocks[1] + -(-(2 * encoder_blocks[0] + 1) // 2)
        """Latents around a position whose pixels decide its latent."""

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        channels = self.config.latent_channels
        mean = like.new_tensor(self.config.latent_mean or [0.0] * channels).view(1, -1, 1, 1)
        std = like.new_tensor(self.config.latent_std or [1.0] * channels).view(1, -1, 1, 1)
        return mean, std

    def encode_raw(self, pixels: Tensor) -> Tensor:
        """Pixels (n, 3, h, w) in [-1, 1] -> latents (n, channels, h / 8, w / 8) before standardisation."""
        return self.encoder(pixels)  # type: ignore[no-any-return]

    def decode_raw(self, latents: Tensor) -> Tensor:
        """The inverse of :meth:`encode_raw`."""
        return self.decoder(latents)  # type: ignore[no-any-return]

    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels (n, 3, h, w) in [-1, 1], sides multiples of 8 -> standardised latents (n, channels, h / 8, w / 8)
        float32.
        """
        raw = self.encode_raw(pixels.to(next(self.parameters()).dtype)).float()
        mean, std = self._statistics(raw)
        return (raw - mean) / std

    def decode(self, latents: Tensor) -> Tensor:
        """Standardised latents (n, channels, h, w) -> pixels (n, 3, 8 h, 8 w) float32, about [-1, 1], not clamped."""
        mean, std = self._statistics(latents)
        raw = (latents * std + mean).to(next(self.parameters()).dtype)
        return self.decode_raw(raw).float()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.decode_raw(self.encode_raw(pixels))
