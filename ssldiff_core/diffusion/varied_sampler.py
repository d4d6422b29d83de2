"""A variation in windows: a sampler that begins on its way, at a noised reference."""

from __future__ import annotations

import torch
from torch import Tensor

from .noise import NoiseSource
from .reference import NoisedReference
from .samplers import SamplerStep, SchedulerSampler


class VariedSampler:
    """The last steps of a run, from the one whose noise level is nearest to the strength. A ``CanvasSampler``.

    Args:
        sampler: of the whole run.
        latents: the clean reference (channels, h, w) float32.
        noise: standard normal, what the reference is noised with.
        strength: above 0 and below 1.
    """

    def __init__(self, sampler: SchedulerSampler, latents: Tensor, noise: NoiseSource, strength: float) -> None:
        self.sampler = sampler
        self.skipped = min(range(len(sampler.steps)), key=lambda index: abs(sampler.steps[index].level - strength))
        self.steps: tuple[SamplerStep, ...] = sampler.steps[self.skipped :]
        self.reference = NoisedReference(latents, noise, self.steps[0].signal, self.steps[0].noise)

    def start(self, shape: tuple[int, int, int]) -> Tensor:
        self.sampler.start(shape)  # forgets earlier runs
        if hasattr(self.sampler.scheduler, "set_begin_index"):
            self.sampler.scheduler.set_begin_index(self.skipped)
        return torch.from_numpy(self.reference.crop(0, 0, shape[1], shape[2], shape[0]))

    def advance(self, index: int, x: Tensor, x0: Tensor) -> Tensor:
        return self.sampler.advance(index + self.skipped, x, x0)
