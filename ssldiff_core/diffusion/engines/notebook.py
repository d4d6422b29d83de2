"""The notebook engine: the authors' released sampler and decode, number for number. The yardstick of the others.

Overlapping windows, one condition each (the field at its centre); every window's estimate of the clean latents is
averaged uniformly; the canvas takes one stochastic step. Graikos et al. 2024, section 3.3 and released code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import Cancelled, SettingsError
from ..autoencoder import Autoencoder
from ..denoisers import WindowDenoiser
from ..estimator import MEMORY_MIB
from ..field import ConditioningField
from ..guidance import Guidance
from ..samplers import SamplerStep
from ..windows import Windows
from .windowed import WindowedEngine, WindowStep

WINDOW_PX, STRIDE_PX = 256, 64
STEPS = 50
GUIDANCE_SCALE = 4.0
"""The authors' 3 in their convention, (1 + 3) conditional - 3 null; 1 is off."""

DECODE_WIDTH = 0.8
"""A decoded window fades as exp(-d² / 0.8²), d from its centre, 1 at the middle of its sides."""


class NoiseDraws(Protocol):
    """Standard normal noise, one canvas after another; the engine asks in the authors' order."""

    def draw(self, shape: tuple[int, int, int]) -> Tensor:
        """(channels, height, width) float32 on the CPU."""


class GeneratorNoise:
    """The authors' draws: ``torch.randn`` on the CPU after ``torch.manual_seed(seed)``, untouched by other draws."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, shape: tuple[int, int, int]) -> Tensor:
        return torch.randn(shape, generator=self.generator)


@dataclass(frozen=True)
class NotebookStep:
    """One step of the authors' schedule.

    Args:
        timestep: what the network is told, T … 1.
        alpha: ᾱ of the canvas before the step.
        alpha_next: ᾱ after it, 1 at the last.
        sigma: how much fresh noise the step adds.
    """

    timestep: int
    alpha: float
    alpha_next: float
    sigma: float

    def update(self, x: Tensor, x0: Tensor, fresh: Tensor | None) -> Tensor:
        """The canvas after the step: ε is derived again from the averaged x0; ``fresh`` is needed where σ > 0."""
        noise = (x - math.sqrt(self.alpha) * x0) / math.sqrt(1.0 - self.alpha)
        after = math.sqrt(self.alpha_next) * x0 + math.sqrt(1.0 - self.alpha_next - self.sigma**2) * noise
        return after if fresh is None else after + self.sigma * fresh


def notebook_schedule(betas: Tensor, alphas_cumprod: Tensor, steps: int = STEPS) -> tuple[NotebookStep, ...]:
    """Timesteps T, T - T / steps, …; ᾱ is indexed by timestep - 1; σ² takes the *single-step* β of the timestep.

    Args:
        betas, alphas_cumprod: (T,) float64.
        steps: 1 … T.
    """
    total = len(betas)
    if not 1 <= steps <= total:
        raise SettingsError(
            f"draw with {steps} steps", f"the model has {total} timesteps", f"steps go from 1 to {total}"
        )
    made, spacing = [], total // steps
    for index in range(steps):
        timestep = total - index * spacing
        last = index == steps - 1
        alpha = float(alphas_cumprod[timestep - 1])
        alpha_next = 1.0 if last else float(alphas_cumprod[timestep - spacing - 1])
        sigma = math.sqrt(float(betas[timestep - 1]) * (1.0 - alpha_next) / (1.0 - alpha))
        made.append(NotebookStep(timestep, alpha, alpha_next, sigma))
    return tuple(made)


class NotebookSampler:
    """Moves a canvas by the authors' schedule and stochastic step.

    Args:
        schedule: of :func:`notebook_schedule`.
        noise: drawn from as panorama, ε, then once after the networks of every step but the last.
    """

    def __init__(self, schedule: tuple[NotebookStep, ...], noise: NoiseDraws) -> None:
        self.schedule, self.noise = schedule, noise
        self.steps = tuple(
            SamplerStep(step.timestep, math.sqrt(step.alpha), math.sqrt(1.0 - step.alpha)) for step in schedule
        )

    def start(self, shape: tuple[int, int, int]) -> Tensor:
        """The authors' start, sqrt(ᾱ) · panorama + sqrt(1 - ᾱ) · ε."""
        panorama, epsilon = self.noise.draw(shape), self.noise.draw(shape)
        return self.steps[0].signal * panorama + self.steps[0].noise * epsilon

    def advance(self, index: int, x: Tensor, x0: Tensor) -> Tensor:
        last = index == len(self.schedule) - 1
        return self.schedule[index].update(x, x0, None if last else self.noise.draw((x.shape[0], *x.shape[1:])))


class NotebookEngine:
    """Draws as the authors' notebook does: the windowed engine with their schedule, stride and uniform weights.

    Args:
        stride_lat: between windows; by default a quarter of a window, 64 px, as theirs.
        memory_mib: what a network call may take.
    """

    def __init__(self, stride_lat: int | None = None, memory_mib: int = MEMORY_MIB) -> None:
        self.stride_lat, self.memory_mib = stride_lat, memory_mib

    def run(
        self, denoiser: WindowDenoiser, field: ConditioningField, noise: NoiseDraws,
        guidance: Guidance | None = None, steps: int = STEPS, cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[WindowStep]:  # fmt: skip
        """Denoise the field's canvas from the authors' start.

        Args:
            noise: drawn from in the authors' order, see :class:`NotebookSampler`.
            guidance: by default theirs.
            cancelled: looked at before every batch of windows.

        Raises:
            Cancelled: where ``cancelled()`` says so.
            SettingsError: where the stride leaves positions uncovered, or there are too many steps.
        """
        stride_lat = self.stride_lat or max(1, denoiser.window_lat * STRIDE_PX // WINDOW_PX)
        sampler = NotebookSampler(notebook_schedule(denoiser.betas, denoiser.alphas_cumprod, steps), noise)
        yield from WindowedEngine(stride_lat, "uniform", self.memory_mib).run(
            denoiser, field, sampler, guidance or Guidance(GUIDANCE_SCALE), cancelled
        )


@torch.inference_mode()
def decode_windows(
    autoencoder: Autoencoder, latents: Tensor, *, stride_lat: int | None = None, batch: int = 4,
    device: torch.device | str = "cpu", cancelled: Callable[[], bool] = lambda: False,
) -> NDArray[np.uint8]:  # fmt: skip
    """Decode a canvas (c, h, w) as the authors do -> (h · factor, w · factor, 3) uint8.

    Overlapping windows of 256 px, blended with weights that fade towards their corners, clamped, **truncated**.

    Args:
        stride_lat: between windows; by default 64 px.
        batch: windows a call of the autoencoder.

    Raises:
        Cancelled: where ``cancelled()`` says so.
    """
    factor, (height, width) = autoencoder.factor, latents.shape[1:]
    windows = Windows.covering((height, width), WINDOW_PX // factor, stride_lat or STRIDE_PX // factor)
    down, across = (torch.linspace(-1.0, 1.0, spans[0][1] * factor) for spans in (windows.rows, windows.cols))
    weight = torch.exp(-(down[:, None] ** 2 + across**2) / DECODE_WIDTH**2)
    total, mass = torch.zeros(3, height * factor, width * factor), torch.zeros(height * factor, width * factor)
    for _, places in windows.batches(batch):
        if cancelled():
            raise Cancelled("decoding the image")
        pixels = autoencoder.decode(torch.stack([latents[:, rows, cols] for rows, cols in places]).to(device)).cpu()
        for window, (rows, cols) in zip(pixels, places, strict=True):
            target = tuple(slice(part.start * factor, part.stop * factor) for part in (rows, cols))
            total[(slice(None), *target)] += weight * window
            mass[target] += weight
    image = (total / mass).clamp(-1.0, 1.0).add(1.0).div(2.0).mul(255.0).to(torch.uint8)
    return image.permute(1, 2, 0).contiguous().numpy()
