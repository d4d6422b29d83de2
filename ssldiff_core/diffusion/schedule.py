"""Noise levels and solvers on the straight path ``x_t = (1 - t) x0 + t ε``.

Levels come from diffusers' flow-matching scheduler. Solvers are pure functions of x, x0 and the previous x0; they work
position by position, so they can be applied to a tile as to the whole canvas.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SettingsError


def noise_levels(steps: int, shift: float = 1.0) -> tuple[float, ...]:
    """``steps + 1`` levels from 1 down to 0, by ``FlowMatchEulerDiscreteScheduler``.

    Args:
        steps: denoising steps, at least 1.
        shift: above 1 spends more steps at high noise (Esser et al. 2024, eq. 23).
    """
    from diffusers import FlowMatchEulerDiscreteScheduler

    if steps < 1:
        raise SettingsError(f"draw with {steps} steps", "that is fewer than one", "a run has 1 step or more", "Try 20")
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=[1.0 - i / steps for i in range(steps)])
    return tuple(float(sigma) for sigma in scheduler.sigmas)


@dataclass(frozen=True)
class Transition:
    """One step of a solver: from ``level`` to ``next_level``; ``previous_level`` is the one before, None at the
    first.
    """

    level: float
    next_level: float
    previous_level: float | None = None


Solver = Callable[[Tensor, Tensor, Tensor | None, Transition], Tensor]


def ddim(x: Tensor, x0: Tensor, previous_x0: Tensor | None, step: Transition) -> Tensor:
    """DDIM with η = 0 (Song et al. 2021), which on straight paths is the Euler step as well."""
    ratio = step.next_level / step.level
    return ratio * x + (1.0 - ratio) * x0


def dpm_solver_2m(x: Tensor, x0: Tensor, previous_x0: Tensor | None, step: Transition) -> Tensor:
    """DPM-Solver++ 2M (Lu et al. 2022, algorithm 2); first order at the first step, from pure noise, and at the
    last.
    """
    if previous_x0 is None or step.previous_level is None or step.previous_level >= 1.0 or step.next_level <= 0.0:
        return ddim(x, x0, previous_x0, step)
    now, after, before = (
        math.log((1.0 - level) / level) for level in (step.level, step.next_level, step.previous_level)
    )
    share = (after - now) / (2.0 * (now - before))
    estimate = torch.lerp(previous_x0, x0, 1.0 + share)
    return ddim(x, estimate, None, step)


SOLVERS: dict[str, Solver] = {"ddim": ddim, "euler": ddim, "dpm++": dpm_solver_2m}


def get_solver(name: str) -> Solver:
    """The solver of that name; SettingsError names those there are."""
    if name not in SOLVERS:
        raise SettingsError(f"use the solver {name!r}", "there is none", f"solvers are {', '.join(SOLVERS)}")
    return SOLVERS[name]
