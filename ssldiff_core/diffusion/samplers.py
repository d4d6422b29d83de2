"""Samplers: how a whole canvas moves from noise to clean latents, given estimates of the clean latents.

The engines that work in windows ask a sampler for its steps and hand it x0 of the canvas; the step itself is that of a
scheduler of diffusers, without fresh noise (η = 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import SettingsError
from .noise import NoiseSource


@dataclass(frozen=True)
class SamplerStep:
    """Where a canvas ``signal · x0 + noise · ε`` stands before a step.

    Args:
        timestep: what a network of timesteps is told.
        signal, noise: factors, ``noise`` above 0.
    """

    timestep: float
    signal: float
    noise: float

    @property
    def norm(self) -> float:
        """What the canvas is divided by to preserve variance."""
        return math.hypot(self.signal, self.noise)

    @property
    def alpha(self) -> float:
        """ᾱ of the canvas once it preserves variance."""
        return (self.signal / self.norm) ** 2

    @property
    def level(self) -> float:
        """Noise level on the straight path, 1 for pure noise; guidance intervals are given in it."""
        return self.noise / (self.signal + self.noise)


class CanvasSampler(Protocol):
    """One run over one canvas; it may remember earlier steps.

    Attributes:
        steps: in order, noisiest first.
    """

    steps: tuple[SamplerStep, ...]

    def start(self, shape: tuple[int, int, int]) -> Tensor:
        """The canvas (channels, height, width) float32 before the first step; the run begins anew."""

    def advance(self, index: int, x: Tensor, x0: Tensor) -> Tensor:
        """The canvas after step ``index``, from the canvas before it and the estimate of the clean latents."""


class SchedulerSampler:
    """Moves a canvas by a scheduler of diffusers, whatever it wants to be told: x0, ε or a velocity.

    Args:
        scheduler: an ordinary-differential one that asks the network once a step, see :data:`SCHEDULERS`.
        steps: denoising steps.
        noise: the start of the run.
        alphas_cumprod: (T,) of the denoiser; timesteps follow from it, between two by the logarithm of the noise.

    Raises:
        SettingsError: where the scheduler is of another kind.
    """

    def __init__(self, scheduler: Any, steps: int, noise: NoiseSource, alphas_cumprod: Tensor) -> None:
        self.noise, self.total = noise, steps
        self.kind = _scheduler_kind(scheduler)
        self.scheduler = type(scheduler).from_config(scheduler.config)
        self.output = "velocity" if self.kind == "flow" else str(scheduler.config.prediction_type)
        self._begin(alphas_cumprod)
        factors = [self._factors(index) for index in range(len(self.scheduler.timesteps))]
        self.steps = tuple(
            SamplerStep(timestep_of(signal**2 / (signal**2 + noise**2), alphas_cumprod), signal, noise)
            for signal, noise in factors
        )
        self._alphas_cumprod = alphas_cumprod

    def _begin(self, alphas_cumprod: Tensor) -> None:
        """Set the timesteps; forget earlier steps."""
        self.scheduler = type(self.scheduler).from_config(self.scheduler.config)
        if self.kind == "flow":
            alpha = float(alphas_cumprod[-1])
            first = math.sqrt(1.0 - alpha) / (math.sqrt(alpha) + math.sqrt(1.0 - alpha))
            # a network of ε cannot tell x0 from pure noise: the first level is the noisiest it was trained on
            sigmas = [first * (1.0 - index / self.total) for index in range(self.total)]
            self.scheduler.set_timesteps(sigmas=sigmas)
        else:
            self.scheduler.set_timesteps(self.total)
        if hasattr(self.scheduler, "set_begin_index"):
            self.scheduler.set_begin_index(0)

    def _factors(self, index: int) -> tuple[float, float]:
        """Signal and noise of the canvas before a step, in the scheduler's own coordinates."""
        if self.kind == "alphas":
            alpha = float(self.scheduler.alphas_cumprod[int(self.scheduler.timesteps[index])])
            return math.sqrt(alpha), math.sqrt(1.0 - alpha)
        sigma = self.scheduler.sigmas[index].double()
        if self.kind == "flow":
            return 1.0 - float(sigma), float(sigma)
        if self.kind == "exploding":
            return 1.0, float(sigma)
        signal, noise = self.scheduler._sigma_to_alpha_sigma_t(sigma)
        return float(signal), float(noise)

    def start(self, shape: tuple[int, int, int]) -> Tensor:
        self._begin(self._alphas_cumprod)
        return self.steps[0].norm * torch.from_numpy(self.noise.crop(0, 0, shape[1], shape[2], shape[0]))

    def advance(self, index: int, x: Tensor, x0: Tensor) -> Tensor:
        timestep = self.scheduler.timesteps[index]
        if self.kind == "exploding":
            self.scheduler.scale_model_input(x, timestep)  # it warns where it was not asked
        told = self._as_told(self.steps[index], x, x0)
        after: Tensor = self.scheduler.step(told[None], timestep, x[None], return_dict=False)[0][0]
        return after

    def _as_told(self, step: SamplerStep, x: Tensor, x0: Tensor) -> Tensor:
        """What the network would have said, in the scheduler's own words."""
        if self.output == "sample":
            return x0
        noise = (x - step.signal * x0) / step.noise
        if self.output == "epsilon":
            return noise
        if self.output == "v_prediction":
            return (step.signal * noise - step.noise * x0) / step.norm
        return noise - x0


def timestep_of(alpha: float, alphas_cumprod: Tensor) -> float:
    """The timestep 0 … T - 1 at which a schedule has this ᾱ; between two by the logarithm of noise over signal."""
    table = np.log((1.0 - alphas_cumprod.numpy()) / alphas_cumprod.numpy())
    timestep = float(np.interp(math.log((1.0 - alpha) / max(alpha, 1e-12)), table, np.arange(len(table))))
    return float(round(timestep)) if abs(timestep - round(timestep)) < 1e-3 else timestep


_KINDS = {
    "DDIMScheduler": "alphas",
    "DPMSolverMultistepScheduler": "preserving",
    "DPMSolverSinglestepScheduler": "preserving",
    "UniPCMultistepScheduler": "preserving",
    "DEISMultistepScheduler": "preserving",
    "EulerDiscreteScheduler": "exploding",
    "LMSDiscreteScheduler": "exploding",
    "FlowMatchEulerDiscreteScheduler": "flow",
}
"""Schedulers that add no noise and ask the network once a step, and in which coordinates they work."""


def _scheduler_kind(scheduler: Any) -> str:
    name = type(scheduler).__name__
    stochastic = str(getattr(scheduler.config, "algorithm_type", "")).startswith("sde")
    if name not in _KINDS or stochastic or getattr(scheduler.config, "stochastic_sampling", False):
        raise SettingsError(
            f"draw with the scheduler {name}", "it adds noise, or asks the network more than once a step",
            "a canvas moves without fresh noise, one estimate a step", f"Use one of {', '.join(_KINDS)}",
        )  # fmt: skip
    return _KINDS[name]


SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpm++": ("DPMSolverMultistepScheduler", {"solver_order": 2}),
    "ddim": ("DPMSolverMultistepScheduler", {"solver_order": 1}),
    "unipc": ("UniPCMultistepScheduler", {"final_sigmas_type": "zero"}),
    "euler": ("EulerDiscreteScheduler", {}),
    "flow": ("FlowMatchEulerDiscreteScheduler", {}),
}
"""By name: the class and its options. DDIM is DPM-Solver++ of the first order: the same step, and clean at the end for
any number of steps, where ``DDIMScheduler`` leaves noise unless the number divides T."""


def make_sampler(name: str, steps: int, noise: NoiseSource, betas: Tensor, alphas_cumprod: Tensor) -> SchedulerSampler:
    """The sampler of that name on a denoiser's schedule, from its last timestep to none.

    Raises:
        SettingsError: where there is none of that name.
    """
    import diffusers

    if name not in SCHEDULERS:
        raise SettingsError(
            f"use the solver {name!r}", "there is none for windows", f"solvers are {', '.join(SCHEDULERS)}"
        )
    if not 1 <= steps <= len(betas):
        raise SettingsError(
            f"draw with {steps} steps", f"the model has {len(betas)} timesteps", f"steps go from 1 to {len(betas)}"
        )
    kind, options = SCHEDULERS[name]
    if name != "flow":
        schedule = {"trained_betas": betas.tolist(), "num_train_timesteps": len(betas)}
        options = options | schedule | {"prediction_type": "sample", "timestep_spacing": "trailing"}
    return SchedulerSampler(getattr(diffusers, kind)(**options), steps, noise, alphas_cumprod)
