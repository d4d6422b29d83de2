"""The native family's denoiser. Like its autoencoder it is fully convolutional, with a finite receptive field.

Nothing in either network looks at the whole image: no group norm, no attention, no pooling over space. A tile with a
halo as wide as the receptive field therefore gives exactly what the whole canvas gives, and any size can be drawn.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from .native_autoencoder import conv


class ModulatedBlock(nn.Module):
    """Pixel-wise RMS norm, modulation at every position, one 3×3 and one 1×1 convolution. Radius 1.

    The RMS norm is over channels at one position (EDM2's pixel norm), so that no position learns of the others'
    statistics.
    """

    def __init__(self, channels: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.modulation = conv(embedding, 2 * channels, 1, gain=0.1)
        self.spread = conv(channels, hidden, gain=1.4)
        self.gather = conv(hidden, channels, 1, gain=0.3)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.modulation(embedding).chunk(2, dim=1)
        h = x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-4)
        return x + self.gather(F.silu(self.spread(h * (1 + scale) + shift)))  # type: ignore[no-any-return]


class CellReading(nn.Module):
    """Reads from a cell's embedding what lies at one position of the cell: a product of two projections, one of the
    condition and one of the place, so that a place selects what it needs of the embedding. Radius 0.
    """

    def __init__(self, condition_dim: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.of_condition = conv(condition_dim, hidden, 1)
        self.of_place = nn.Sequential(conv(12, 64, 1, gain=1.4), nn.SiLU(), conv(64, hidden, 1, gain=1.4))
        self.gather = conv(hidden, embedding, 1, gain=0.0)

    def forward(self, condition: Tensor, place_cell: Tensor) -> Tensor:
        """Conditions (n, dim, h, w) and places (n, 2, h, w) in cells -> (n, embedding, h, w)."""
        angles = torch.cat([2.0 * torch.pi * k * place_cell.float() for k in (1, 2, 3)], dim=1)
        waves = torch.cat([angles.sin(), angles.cos()], dim=1).to(condition.dtype)
        return self.gather(self.of_condition(condition) * self.of_place(waves))  # type: ignore[no-any-return]


class NativeDenoiser(ModelMixin, ConfigMixin):
    """A two-level convolutional U-Net over latents, conditioned at every position.

    The network estimates the velocity of the straight path ``x_t = (1 - t) x0 + t ε``, that is ``ε - x0``; t in [0,
    1] is the
    noise level. With the default blocks its receptive field reaches 16 latents. Its strided layer fixes a phase:
    crops and tiles must start at even latents.

    Args:
        latent_channels: channels of a latent.
        condition_dim: length of an embedding.
        channels: widths at 1/8 and 1/16 of the pixels.
        hidden: widths between the 3×3 and the 1×1 convolution of a block, per level.
        blocks: blocks before, at and after the coarse level.
        embedding: width of the joint embedding of condition, noise level and pixel size.
        pixel_size_reference_m: the pixel size whose logarithm is 0 for the network.
        reading: width of the :class:`CellReading`; 0 for a network that is not told where in its cell a position lies.
    """

    phase = 2
    """Origins of crops and tiles are multiples of this many latents."""

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 8,
        condition_dim: int = 128,
        channels: tuple[int, int] = (96, 224),
        hidden: tuple[int, int] = (128, 320),
        blocks: tuple[int, int, int] = (2, 5, 2),
        embedding: int = 128,
        pixel_size_reference_m: float = 1e-6,
        reading: int = 0,
    ) -> None:
        super().__init__()
        fine, coarse = channels
        self.from_latents = conv(latent_channels, fine)
        self.from_condition = conv(condition_dim, embedding, 1)
        self.read_cell = CellReading(condition_dim, reading, embedding) if reading else None
        self.null_condition = nn.Parameter(torch.zeros(embedding))
        self.from_level = nn.Sequential(nn.Linear(32, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.embed = nn.Sequential(nn.SiLU(), conv(embedding, embedding, 1, gain=1.6), nn.SiLU())
        self.before = nn.ModuleList(ModulatedBlock(fine, hidden[0], embedding) for _ in range(blocks[0]))
        self.down = conv(4 * fine, coarse, 1)
        self.middle = nn.ModuleList(ModulatedBlock(coarse, hidden[1], embedding) for _ in range(blocks[1]))
        self.up = conv(coarse, 4 * fine, 1)
        self.after = nn.ModuleList(ModulatedBlock(fine, hidden[0], embedding) for _ in range(blocks[2]))
        self.to_latents = conv(fine, latent_channels, 1, gain=0.1)
        frequencies = torch.exp(torch.linspace(0.0, 5.0, 8))
        self.register_buffer("frequencies", frequencies, persistent=False)

    @property
    def radius_lat(self) -> int:
        """How far, in latents, an output depends on the input; the worse of the two phases of the strided layer."""
        before, middle, after = self.config.blocks
        reach = 1 + before
        radii = []
        for position in (0, 1):
            last = 2 * ((position + reach) // 2 + middle) + 1
            first = 2 * ((position - reach) // 2 - middle)
            radii += [last - position, position - first]
        return max(radii) + after  # type: ignore[no-any-return]

    def _level_embedding(self, noise_level: Tensor, pixel_size_m: Tensor) -> Tensor:
        """(n,) noise levels in [0, 1] and (n,) pixel sizes in metres -> (n, embedding)."""
        size = torch.log2(pixel_size_m.float() / self.config.pixel_size_reference_m) * 0.5
        angles = torch.cat([noise_level[:, None] * self.frequencies, size[:, None] * self.frequencies[:8] * 0.5], dim=1)
        features = torch.cat([angles.sin(), angles.cos()], dim=1)
        return self.from_level(features.to(self.null_condition.dtype))  # type: ignore[no-any-return]

    def forward(
        self, latents: Tensor, noise_level: Tensor, condition: Tensor, condition_valid: Tensor, pixel_size_m: Tensor,
        place_cell: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The velocity ``ε - x0``.

        Args:
            latents: (n, latent_channels, h, w), h and w even.
            noise_level: (n,) in [0, 1].
            condition: (n, condition_dim, h, w), unit vectors; anything finite where it is not valid.
            condition_valid: (n, 1, h, w), 1 where the condition holds, 0 for the null condition.
            pixel_size_m: (n,) metres along a canvas pixel.
            place_cell: (n, 2, h, w) row and column of every position in cells, whole numbers at cell centres (only the
                fraction counts); None where the condition belongs to no place in particular.

        Returns:
            (n, latent_channels, h, w), dtype of the weights.
        """
        return self.velocity(latents, noise_level, self.tell(condition, condition_valid, place_cell), pixel_size_m)

    def tell(self, condition: Tensor, condition_valid: Tensor, place_cell: Tensor | None = None) -> Tensor:
        """What the network makes of the condition before it looks at latents; the same at every noise level.

        Args:
            condition, condition_valid, place_cell: as :meth:`forward` takes them; sides of 1 stand for a condition
                that is constant over space.

        Returns:
            (n, embedding, h, w), dtype of the weights.
        """
        scaled = condition * self.config.condition_dim**0.5
        told = self.from_condition(scaled)
        if self.read_cell is not None and place_cell is not None:
            told = told + self.read_cell(scaled, place_cell)
        return torch.where(condition_valid > 0.5, told, self.tell_nothing().to(scaled.dtype))

    def tell_nothing(self) -> Tensor:
        """The null condition (1, embedding, 1, 1), constant over space."""
        return self.null_condition.view(1, -1, 1, 1)

    def velocity(self, latents: Tensor, noise_level: Tensor, told: Tensor, pixel_size_m: Tensor) -> Tensor:
        """The velocity of :meth:`forward`, of what :meth:`tell` made; where that is constant over space, the
        modulation is computed at one position.
        """
        fine = self.embed(told + self._level_embedding(noise_level, pixel_size_m)[:, :, None, None])
        coarse = fine if fine.shape[2:] == (1, 1) else F.avg_pool2d(fine, 2)
        x = self.from_latents(latents)
        for block in self.before:
            x = block(x, fine)
        h = self.down(F.pixel_unshuffle(x, 2))
        for block in self.middle:
            h = block(h, coarse)
        x = x + F.pixel_shuffle(self.up(h), 2)
        for block in self.after:
            x = block(x, fine)
        x = x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-4)
        return self.to_latents(x)  # type: ignore[no-any-return]
