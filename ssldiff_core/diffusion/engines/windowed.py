"""The windowed engine: overlapping windows, their estimates of the clean latents blended, one step of the canvas.

For every patch-trained family. Estimates of x0 are averaged, never independently noised states (MultiDiffusion, Bar-Tal
et al. 2023; weights that follow the middle of windows as in Mixture of Diffusers, Barbero Jiménez 2023). Given the
authors' schedule, noise and stride, and uniform weights, it is :class:`.notebook.NotebookEngine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from ...errors import SettingsError
from ..denoisers import WindowDenoiser
from ..estimator import MEMORY_MIB, WindowEstimator
from ..field import ConditioningField
from ..guidance import Guidance
from ..samplers import CanvasSampler
from ..windows import BLENDINGS, Windows
from .dense import EngineStep


@dataclass(frozen=True)
class WindowStep(EngineStep):
    """The canvas after a step in windows.

    Args:
        batch: windows a network call.
        halved: whether memory ran out and batches were halved: bits may differ from those of an undisturbed run.
    """

    batch: int = 1
    halved: bool = False


class WindowedEngine:
    """Draws in overlapping windows.

    Args:
        stride_lat: between windows; by default half a window.
        blending: ``centre`` or ``uniform``, see :data:`..windows.BLENDINGS`.
        memory_mib: what a network call may take.

    Raises:
        SettingsError: where there is no such blending.
    """

    def __init__(self, stride_lat: int | None = None, blending: str = "centre", memory_mib: int = MEMORY_MIB) -> None:
        if blending not in BLENDINGS:
            raise SettingsError(
                f"blend windows by {blending!r}", "there is no such blending", f"blendings: {', '.join(BLENDINGS)}"
            )
        self.stride_lat, self.blending, self.memory_mib = stride_lat, blending, memory_mib

    def run(
        self, denoiser: WindowDenoiser, field: ConditioningField, sampler: CanvasSampler,
        guidance: Guidance | None = None, cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[WindowStep]:  # fmt: skip
        """Denoise the field's canvas, from where the sampler starts.

        Raises:
            Cancelled: where ``cancelled()`` says so.
            SettingsError: where the stride leaves positions uncovered.
        """
        height, width = field.grid.geometry.shape_lat
        side = denoiser.window_lat
        windows = Windows.covering((height, width), side, self.stride_lat or max(1, side // 2))
        weight = self._weight(windows)
        mass = torch.zeros(height, width)
        for rows, cols in windows.places:
            mass[rows, cols] += weight
        estimator = WindowEstimator(denoiser, field, guidance or Guidance(), self.memory_mib, cancelled)
        context = estimator.embed(windows)
        shape = (denoiser.latent_channels, height, width)
        x = sampler.start(shape)
        for index, step in enumerate(sampler.steps):
            x0 = torch.zeros(shape)
            for estimate, (rows, cols) in estimator.estimate(x, windows, context, step):
                x0[:, rows, cols] += weight * estimate
            x0 /= mass
            x = sampler.advance(index, x, x0)
            yield WindowStep(index + 1, len(sampler.steps), x, x0, estimator.batch, estimator.halved)

    def _weight(self, windows: Windows) -> torch.Tensor:
        """(height, width) of a window: how much each of its positions counts."""
        down, across = (BLENDINGS[self.blending](spans[0][1]) for spans in (windows.rows, windows.cols))
        return down[:, None] * across
