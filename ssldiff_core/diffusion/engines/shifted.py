"""The shifted engine: each position is denoised once a step, in disjoint windows that lie elsewhere at every step.

Seams of one step fall inside windows of the next, so they heal without overlap (SpotDiffusion, Frolov et al. 2024).
Offsets are multiples of an eighth of a window and follow from the seed; at the canvas's edges windows are partial, at
least half a window along each side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from ..denoisers import WindowDenoiser
from ..estimator import MEMORY_MIB, WindowEstimator
from ..field import ConditioningField
from ..guidance import Guidance
from ..noise import philox4x32
from ..samplers import CanvasSampler
from ..windows import Windows
from .windowed import WindowStep

PLACES = 8
"""Offsets along a side, an eighth of a window apart."""

_STREAM = 0x53484946
"""Tells the draws of offsets from the noise of the same seed."""


def draw_offset(seed: int, index: int, window_lat: int) -> tuple[int, int]:
    """Where the windows of step ``index`` begin, (row, col) latents below ``window_lat``; a pure function.

    Args:
        seed: 0 ≤ seed < 2**64.
        index: of the step, from 0.
        window_lat: side of a window.
    """
    counter = [np.full(1, word, np.uint64) for word in (index, 0, 0, _STREAM)]
    words = philox4x32((counter[0], counter[1], counter[2], counter[3]), (seed % 2**32, seed // 2**32))
    grain = max(1, window_lat // PLACES)
    row, col = (int(word[0] % np.uint64(PLACES)) * grain % window_lat for word in words[:2])
    return row, col


class ShiftedEngine:
    """Draws in disjoint windows, elsewhere at every step.

    Args:
        seed: of the offsets.
        memory_mib: what a network call may take.
    """

    def __init__(self, seed: int = 0, memory_mib: int = MEMORY_MIB) -> None:
        self.seed, self.memory_mib = seed, memory_mib

    def run(
        self, denoiser: WindowDenoiser, field: ConditioningField, sampler: CanvasSampler,
        guidance: Guidance | None = None, cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[WindowStep]:  # fmt: skip
        """Denoise the field's canvas, from where the sampler starts.

        Raises:
            Cancelled: where ``cancelled()`` says so.
        """
        height, width = field.grid.geometry.shape_lat
        estimator = WindowEstimator(denoiser, field, guidance or Guidance(), self.memory_mib, cancelled)
        x = sampler.start((denoiser.latent_channels, height, width))
        for index, step in enumerate(sampler.steps):
            offset = draw_offset(self.seed, index, denoiser.window_lat)
            windows = Windows.disjoint((height, width), denoiser.window_lat, offset)
            x0 = torch.empty_like(x)
            for estimate, (rows, cols) in estimator.estimate(x, windows, estimator.embed(windows), step):
                x0[:, rows, cols] = estimate
            x = sampler.advance(index, x, x0)
            yield WindowStep(index + 1, len(sampler.steps), x, x0, estimator.batch, estimator.halved)
