"""The dense engine: no windows. A fully convolutional denoiser draws the canvas in tiles with a halo.

The halo is as wide as the network's receptive field, so the tiled result is that of the whole canvas, to rounding.
Reflect padding happens only at the canvas's edge, where crops are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import Cancelled
from ..denoisers import Condition, Denoiser
from ..field import ConditioningField
from ..noise import NoiseSource
from ..schedule import Solver, Transition
from ..tiling import Tile, cut_tiles

_KEPT_FIELD_LATENTS = 2**19
"""Canvases up to so many latents keep their field between steps; larger ones compute it anew."""


@dataclass(frozen=True)
class EngineStep:
    """The canvas after a step.

    Args:
        index: 1 … total.
        total: steps of the run.
        latents: the canvas (channels, h, w) float32 at the step's lower noise level; in the end clean.
        x0: the estimate of the clean latents.
    """

    index: int
    total: int
    latents: Tensor
    x0: Tensor


class DenseEngine:
    """Draws with disjoint tiles, each computed from a crop as wide as the receptive field demands.

    Args:
        tile_lat: side of a tile in latents.
    """

    def __init__(self, tile_lat: int = 512) -> None:
        self.tile_lat = tile_lat

    def run(
        self, denoiser: Denoiser, field: ConditioningField, noise: NoiseSource, solver: Solver,
        levels: tuple[float, ...], cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[EngineStep]:  # fmt: skip
        """Denoise the field's canvas from pure noise.

        Args:
            levels: descending noise levels, one more than there are steps.
            cancelled: looked at before every tile.

        Raises:
            Cancelled: where ``cancelled()`` says so.
        """
        height, width = field.grid.geometry.shape_lat
        x = torch.from_numpy(noise.crop(0, 0, height, width, denoiser.latent_channels))
        tiles = list(cut_tiles((height, width), self.tile_lat, denoiser.radius_lat, denoiser.phase_lat))
        conditions = _FieldTiles(field, keep=height * width <= _KEPT_FIELD_LATENTS)
        previous_x0: Tensor | None = None
        total = len(levels) - 1
        for index in range(total):
            x0 = torch.empty_like(x)
            for tile in tiles:
                if cancelled():
                    raise Cancelled("drawing the image")
                crop = x[(slice(None), *tile.crop)][None]
                estimate = denoiser(crop, levels[index], conditions(tile))[0]
                x0[(slice(None), *tile.canvas)] = estimate[(slice(None), *tile.inside)]
            step = Transition(levels[index], levels[index + 1], levels[index - 1] if index else None)
            x, previous_x0 = solver(x, x0, previous_x0, step), x0
            yield EngineStep(index + 1, total, x, x0)


class _FieldTiles:
    """The condition of each tile's crop, kept from step to step where the canvas is small."""

    def __init__(self, field: ConditioningField, keep: bool) -> None:
        self.field, self.keep = field, keep
        self.kept: dict[Tile, Condition] = {}

    def __call__(self, tile: Tile) -> Condition:
        if tile in self.kept:
            return self.kept[tile]
        vectors, valid = self.field.crop(tile.crop_row, tile.crop_col, tile.crop_height, tile.crop_width)
        condition = Condition(
            torch.from_numpy(vectors).permute(2, 0, 1)[None], torch.from_numpy(valid)[None, None].float(),
            self.field.grid.geometry.pixel_size_m,
        )  # fmt: skip
        if self.keep:
            self.kept[tile] = condition
        return condition
