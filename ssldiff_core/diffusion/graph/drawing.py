"""What decides every number of a dense canvas, and one step of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...embeddings.grid import EmbeddingGrid
from ..denoisers import Condition, Denoiser, GuidedDenoiser
from ..field import ConditioningField
from ..noise import NoiseSource, PositionNoise
from ..schedule import Solver, Transition, get_solver, noise_levels
from .lattice import Block


@dataclass(frozen=True)
class Drawing:
    """What decides every number of a canvas.

    Args:
        denoiser: fully convolutional, with a finite radius.
        field: the condition everywhere; its grid is the canvas.
        noise: by position.
        solver: pure function of x, x0 and the previous x0.
        levels: descending noise levels, one more than there are steps.
        origin_lat: (row, col) of the canvas's top-left latent in the frame of the noise; whole cells.
    """

    denoiser: Denoiser
    field: ConditioningField
    noise: NoiseSource
    solver: Solver
    levels: tuple[float, ...]
    origin_lat: tuple[int, int] = (0, 0)

    @property
    def steps(self) -> int:
        return len(self.levels) - 1

    @property
    def canvas(self) -> Block:
        """The whole canvas, in the frame of the noise."""
        return Block(*self.origin_lat, *self.field.grid.geometry.shape_lat)

    @property
    def halo_lat(self) -> int:
        """How far a step reaches, rounded up to the network's phase."""
        phase = self.denoiser.phase_lat
        return -(-self.denoiser.radius_lat // phase) * phase

    def condition(self, block: Block) -> Condition:
        """The field of a block, prepared for the denoiser: the same at every step."""
        row, col = self.origin_lat
        where = (block.row - row, block.col - col, block.height, block.width)
        vectors, valid = self.field.crop(*where)
        return self.denoiser.prepare(
            Condition(
                torch.from_numpy(vectors).permute(2, 0, 1)[None], torch.from_numpy(valid)[None, None].float(),
                self.field.grid.geometry.pixel_size_m, torch.from_numpy(self.field.place(*where))[None],
            )
        )  # fmt: skip

    def start(self, block: Block) -> Tensor:
        """Pure noise (channels, h, w) float32 of a block."""
        return torch.from_numpy(
            self.noise.crop(block.row, block.col, block.height, block.width, self.denoiser.latent_channels)
        )

    def transition(self, step: int) -> Transition:
        """From the level of ``step`` (0 …) to the next."""
        return Transition(self.levels[step], self.levels[step + 1], self.levels[step - 1] if step else None)

    def advance(
        self, step: int, x: Tensor, condition: Condition, crop: Block, keep: Block, previous_x0: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """One step for the block ``keep``.

        Args:
            step: 0 … steps - 1.
            x: (channels, h, w) of ``crop`` at the step's upper level.
            condition: of ``crop``.
            crop: what the network sees.
            keep: the part of it that is wanted, a halo away from its border except where the canvas ends.
            previous_x0: of ``keep``; None at the first step.

        Returns:
            x at the lower level and the estimate x0, both of ``keep``.
        """
        inside = (slice(None), *keep.slices(crop))
        x0 = self.denoiser(x[None], self.levels[step], condition)[0][inside]
        return self.solver(x[inside], x0, previous_x0, self.transition(step)), x0


def make_drawing(
    denoiser: Denoiser, grid: EmbeddingGrid, *, seed: int, steps: int, solver: str, guidance_scale: float,
    guidance_interval: tuple[float, float] = (0.0, 1.0), origin_lat: tuple[int, int] = (0, 0),
) -> Drawing:  # fmt: skip
    """The drawing of a grid from pure noise."""
    guided = GuidedDenoiser(denoiser, guidance_scale, guidance_interval)
    return Drawing(
        guided, ConditioningField(grid), PositionNoise(seed), get_solver(solver), noise_levels(steps), origin_lat
    )
