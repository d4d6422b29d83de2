"""The variants of the denoiser that are trained for an ablation, each different from the recipe in one thing.

What a variant's network says is always made a velocity, so that all are drawn with and measured alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssldiff_core.models.native import ModulatedBlock, NativeDenoiser
from ssldiff_core.models.native_autoencoder import conv
from ssldiff_core.training.denoiser import VelocityObjective

LEAST = 0.05
"""Least noise (for x0) or image (for noise) by which an estimate is divided to make a velocity of it."""


def _over_space(level: Tensor) -> Tensor:
    return level.float()[:, None, None, None]


class CleanLatentDenoiser(NativeDenoiser):
    """Estimates x0; ``v = (x - x0) / t``."""

    def velocity(self, latents: Tensor, noise_level: Tensor, told: Tensor, pixel_size_m: Tensor) -> Tensor:
        clean = super().velocity(latents, noise_level, told, pixel_size_m).float()
        return (latents.float() - clean) / _over_space(noise_level).clamp_min(LEAST)


class NoiseDenoiser(NativeDenoiser):
    """Estimates ε; ``v = (ε - x) / (1 - t)``."""

    def velocity(self, latents: Tensor, noise_level: Tensor, told: Tensor, pixel_size_m: Tensor) -> Tensor:
        noise = super().velocity(latents, noise_level, told, pixel_size_m).float()
        return (noise - latents.float()) / (1.0 - _over_space(noise_level)).clamp_min(LEAST)


class DepthwiseBlock(ModulatedBlock):
    """As ConvNeXt: a depthwise 3×3 convolution, then out to ``hidden`` and back at each position. Radius 1."""

    def __init__(self, channels: int, hidden: int, embedding: int) -> None:
        super().__init__(channels, hidden, embedding)
        self.around = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", groups=channels)
        nn.init.normal_(self.around.weight, std=1 / 3)
        nn.init.zeros_(self.around.bias)  # type: ignore[arg-type]
        self.spread = conv(channels, hidden, 1, gain=1.4)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.modulation(embedding).chunk(2, dim=1)
        h = self.around(x)
        h = h * torch.rsqrt(h.square().mean(dim=1, keepdim=True) + 1e-4)
        return x + self.gather(F.silu(self.spread(h * (1 + scale) + shift)))  # type: ignore[no-any-return]


class DoubleBlock(ModulatedBlock):
    """A residual block of two 3×3 convolutions. Radius 2."""

    def __init__(self, channels: int, hidden: int, embedding: int) -> None:
        super().__init__(channels, hidden, embedding)
        self.gather = conv(hidden, channels, 3, gain=0.3)


class _OtherBlocks(NativeDenoiser):
    """The U-Net of other blocks, of radius :attr:`block_radius`."""

    block: type[ModulatedBlock]
    block_radius = 1

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        (fine, coarse), hidden = self.config.channels, self.config.hidden
        for blocks, width, inner in (
            (self.before, fine, hidden[0]), (self.middle, coarse, hidden[1]), (self.after, fine, hidden[0]),
        ):  # fmt: skip
            for index in range(len(blocks)):
                blocks[index] = self.block(width, inner, self.config.embedding)

    @property
    def radius_lat(self) -> int:
        before, middle, after = (count * self.block_radius for count in self.config.blocks)
        reach = 1 + before
        last = max(2 * ((place + reach) // 2 + middle) + 1 - place for place in (0, 1))
        first = max(place - 2 * ((place - reach) // 2 - middle) for place in (0, 1))
        return max(last, first) + after


class DepthwiseDenoiser(_OtherBlocks):
    """Of :class:`DepthwiseBlock`."""

    block = DepthwiseBlock


class DoubleDenoiser(_OtherBlocks):
    """Of :class:`DoubleBlock`."""

    block = DoubleBlock
    block_radius = 2


class UniformLevels(VelocityObjective):
    """Every noise level as often as any other."""

    def draw_levels(self, count: int) -> Tensor:
        return torch.rand(count, device=self.device)


class CleanLatentError(VelocityObjective):
    """The squared error of x0 itself."""

    def weight(self, level: Tensor) -> Tensor:
        return level.clamp_min(LEAST).square()


class NoiseError(VelocityObjective):
    """The squared error of ε itself."""

    def weight(self, level: Tensor) -> Tensor:
        return (1.0 - level).clamp_min(LEAST).square()


@dataclass(frozen=True)
class Variant:
    """How a training differs from the recipe.

    Args:
        says: in a table.
        network: makes the network, as :class:`NativeDenoiser` does.
        config: of the network.
        objective: what it learns.
        noise_shift, field_noise: as the recipe's; None takes the domain's own shift.
        seed: of weights and samples.
        disturbed: whether grids with noise are drawn too.
        unaveraged: whether the weights of the last step are measured too, beside the averaged ones.
    """

    says: str
    network: Callable[..., NativeDenoiser] = NativeDenoiser
    config: Mapping[str, Any] = field(default_factory=dict)
    objective: type[VelocityObjective] = VelocityObjective
    noise_shift: float | None = None
    field_noise: float = 0.3
    seed: int = 0
    disturbed: bool = False
    unaveraged: bool = False


VARIANTS: dict[str, Variant] = {
    "recipe": Variant("the recipe", disturbed=True, unaveraged=True),
    "recipe_again": Variant("the recipe, another seed", seed=1),
    "x0": Variant("estimates x0, error of x0", CleanLatentDenoiser, objective=CleanLatentError),
    "noise": Variant("estimates ε, error of ε", NoiseDenoiser, objective=NoiseError),
    "uniform": Variant("noise levels uniform", objective=UniformLevels),
    "shift": Variant("noise levels moved up, shift 1.8", noise_shift=1.8),
    "no_field_noise": Variant("no field noise", field_noise=0.0, disturbed=True),
    "radius24": Variant("radius 24: 9 coarse blocks", config={"blocks": (2, 9, 2)}),
    "depthwise": Variant(
        "ConvNeXt-like blocks: depthwise 3×3, four times as wide inside", DepthwiseDenoiser,
        {"hidden": (384, 896)},
    ),
    "double": Variant(
        "residual blocks of two 3×3, half as many", DoubleDenoiser, {"blocks": (1, 2, 1), "hidden": (96, 224)}
    ),
    "narrow": Variant("two thirds as wide", config={"channels": (64, 144), "hidden": (88, 208)}),
    "wide": Variant("four thirds as wide", config={"channels": (128, 304), "hidden": (168, 432)}),
    "x0_velocity": Variant("estimates x0, error of the velocity", CleanLatentDenoiser),
}  # fmt: skip
