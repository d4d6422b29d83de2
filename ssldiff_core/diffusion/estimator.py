"""Estimates of the clean latents, window by window: guidance, batches within a memory budget, and less where memory
runs out.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..errors import Cancelled, SettingsError
from .denoisers import WindowDenoiser
from .field import ConditioningField
from .guidance import Guidance
from .memory import keep_freed_pages, measure_bytes, windows_within
from .samplers import SamplerStep
from .windows import Place, Windows

MEMORY_MIB = 1024
"""What the tensors of a network call may take, unless told otherwise."""


class WindowEstimator:
    """Asks a denoiser of windows about a canvas.

    Args:
        denoiser: of windows.
        field: the canvas's condition.
        guidance: the conditional and the null estimate of a window are computed in one batch.
        memory_mib: bounds the windows of a network call. One window is measured first, so the number is the same on
            every machine.
        cancelled: looked at before every batch.

    Attributes:
        batch: windows a network call.
        halved: whether memory ran out and ``batch`` was halved: bits may differ from those of an undisturbed run.
    """

    def __init__(
        self, denoiser: WindowDenoiser, field: ConditioningField, guidance: Guidance, memory_mib: int = MEMORY_MIB,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        keep_freed_pages()
        self.denoiser, self.field, self.guidance, self.cancelled = denoiser, field, guidance, cancelled
        self.pixel_size_m = field.grid.geometry.pixel_size_m
        first = Windows.covering(field.grid.geometry.shape_lat, denoiser.window_lat, denoiser.window_lat)
        vectors, valid = first.conditions(field, denoiser.cells_per_window)
        self.null = denoiser.embed(vectors[:1], torch.zeros_like(valid[:1]), self.pixel_size_m)
        self.batch = self._batch_within(memory_mib * 2**20, first)
        self.halved = False

    def _batch_within(self, budget_bytes: int, windows: Windows) -> int:
        (_, height), (_, width) = windows.rows[0], windows.cols[0]
        crop = torch.zeros(1, self.denoiser.latent_channels, height, width)
        alpha = float(self.denoiser.alphas_cumprod[-1])
        timestep = len(self.denoiser.alphas_cumprod) - 1
        try:
            taken = measure_bytes(lambda: self.denoiser.predict_noise(crop, timestep, self.null, alpha))
        except torch.OutOfMemoryError as error:
            raise _no_room() from error
        return windows_within(budget_bytes, taken * (1 if self.guidance.scale == 1.0 else 2))

    def embed(self, windows: Windows) -> Tensor:
        """What the network is told of each window, n first."""
        vectors, valid = windows.conditions(self.field, self.denoiser.cells_per_window)
        return self.denoiser.embed(vectors, valid, self.pixel_size_m)

    def estimate(
        self, x: Tensor, windows: Windows, context: Tensor, step: SamplerStep
    ) -> Iterator[tuple[Tensor, Place]]:
        """x0 (c, h, w) float32 of every window of the canvas ``x``, and where it lies.

        Raises:
            Cancelled: where ``cancelled()`` says so.
            SettingsError: where not even one window fits the device.
        """
        for indices, places in windows.batches(self.batch):
            crops = torch.stack([x[:, rows, cols] for rows, cols in places]) * (1.0 / step.norm)
            estimates = self._estimate_batch(crops, context[indices], step)
            yield from zip(estimates, places, strict=True)

    def _estimate_batch(self, crops: Tensor, context: Tensor, step: SamplerStep) -> Tensor:
        """x0 of crops that preserve variance, in as many calls as memory demands."""
        while True:
            try:
                parts = zip(crops.split(self.batch), context.split(self.batch), strict=True)
                noise = torch.cat([self._noise(part, told, step) for part, told in parts])
            except torch.OutOfMemoryError as error:
                if self.batch == 1:
                    raise _no_room() from error
            else:
                return (crops - math.sqrt(1.0 - step.alpha) * noise) / math.sqrt(step.alpha)
            # outside of the handler, whose error holds on to what the failed call had made
            self._halve()

    def _halve(self) -> None:
        self.batch, self.halved = self.batch // 2, True
        warnings.warn(
            f"The device ran out of memory; going on with {self.batch} windows a network call. The image agrees with "
            "an undisturbed run to rounding, not in every bit.", stacklevel=2,
        )  # fmt: skip
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _noise(self, crops: Tensor, context: Tensor, step: SamplerStep) -> Tensor:
        """ε with guidance where it holds."""
        if self.cancelled():
            raise Cancelled("drawing the image")
        if not self.guidance.holds_at(step.level):
            return self.denoiser.predict_noise(crops, step.timestep, context, step.alpha)
        both = torch.cat([context, self.null.expand_as(context)])
        twice = self.denoiser.predict_noise(torch.cat([crops, crops]), step.timestep, both, step.alpha)
        conditional, null = twice.chunk(2)
        scale = self.guidance.scale
        return scale * conditional - (scale - 1.0) * null


def _no_room() -> SettingsError:
    return SettingsError(
        "draw in windows on this device", "its memory does not hold a single window", "",
        "Use --device cpu, or --precision bfloat16",
    )  # fmt: skip
