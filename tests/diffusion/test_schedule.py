"""Solvers against diffusers and against the exact answer for Gaussian data."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler

from ssldiff_core.diffusion.schedule import Transition, get_solver, noise_levels
from ssldiff_core.errors import SettingsError


def solve(solver, levels, x, denoise):
    previous = None
    for i, level in enumerate(levels[:-1]):
        x0 = denoise(x, level)
        x, previous = solver(x, x0, previous, Transition(level, levels[i + 1], levels[i - 1] if i else None)), x0
    return x


def wobbly(x, level):
    """Any smooth estimate of x0 will do to compare solvers."""
    return torch.tanh(x * (1.3 - level)) + 0.1 * level


def test_ddim_equals_the_flow_matching_euler_scheduler_of_diffusers():
    torch.manual_seed(0)
    start = torch.randn(2, 3, 8, 8)
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=[1.0 - i / 7 for i in range(7)])
    x = start
    for i, t in enumerate(scheduler.timesteps):
        level = float(scheduler.sigmas[i])
        x = scheduler.step((x - wobbly(x, level)) / level, t, x).prev_sample
    assert torch.allclose(solve(get_solver("euler"), noise_levels(7), start, wobbly), x, atol=1e-5)


def test_dpm_solver_2m_equals_that_of_diffusers():
    torch.manual_seed(0)
    start = torch.randn(2, 3, 8, 8)
    scheduler = DPMSolverMultistepScheduler(
        use_flow_sigmas=True, prediction_type="flow_prediction", final_sigmas_type="zero", euler_at_final=True
    )
    scheduler.set_timesteps(9)
    levels = tuple(float(sigma) for sigma in scheduler.sigmas)
    x = start
    for i, t in enumerate(scheduler.timesteps):
        x = scheduler.step((x - wobbly(x, levels[i])) / levels[i], t, x).prev_sample
    assert torch.allclose(solve(get_solver("dpm++"), levels, start, wobbly), x, atol=1e-4)


@pytest.mark.parametrize(("name", "tolerance"), [("ddim", 0.03), ("dpm++", 0.003)])
def test_gaussian_data_reach_the_exact_answer(name, tolerance):
    """For data N(m, s²) the flow's exact map takes noise ε to m + s ε."""
    mean, deviation = 0.7, 0.4

    def denoise(x, level):
        variance = (1 - level) ** 2 * deviation**2 + level**2
        return mean + (1 - level) * deviation**2 / variance * (x - (1 - level) * mean)

    start = torch.linspace(-2, 2, 9, dtype=torch.float64)
    result = solve(get_solver(name), noise_levels(100), start, denoise)
    assert torch.allclose(result, mean + deviation * start, atol=tolerance)


def test_levels_fall_from_one_to_zero():
    levels = noise_levels(20)
    assert (levels[0], levels[-1], len(levels)) == (1.0, 0.0, 21)
    assert all(a > b for a, b in pairwise(levels))


def test_fewer_than_one_step_is_refused():
    with pytest.raises(SettingsError, match="fewer than one"):
        noise_levels(0)


def test_an_unknown_solver_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match=r"dpm\+\+"):
        get_solver("heun")
