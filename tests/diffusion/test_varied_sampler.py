"""Laws of a variation in windows: it is the end of a whole run, and an estimate that is always the reference leads
there.
"""

from __future__ import annotations

import pytest
import torch

from ssldiff_core.diffusion.noise import PositionNoise
from ssldiff_core.diffusion.samplers import make_sampler
from ssldiff_core.diffusion.varied_sampler import VariedSampler

BETAS = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
LATENTS = torch.linspace(-1.0, 1.0, 4 * 16 * 16).reshape(4, 16, 16)
SOLVERS = ("dpm++", "ddim", "unipc", "euler", "flow")


def make(solver, strength):
    whole = make_sampler(solver, 10, PositionNoise(0), BETAS, torch.cumprod(1.0 - BETAS, 0))
    return whole, VariedSampler(whole, LATENTS, PositionNoise(0, 1), strength)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("strength", [0.1, 0.4, 0.8])
def test_the_steps_are_the_end_of_a_whole_run_from_the_strength_on(solver, strength):
    whole, varied = make(solver, strength)
    assert varied.steps == whole.steps[-len(varied.steps) :]
    levels = [step.level for step in whole.steps]
    assert abs(varied.steps[0].level - strength) == min(abs(level - strength) for level in levels)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_run_whose_estimate_is_the_reference_ends_there_again_and_again(solver):
    _, varied = make(solver, 0.5)
    for _ in range(2):
        x = varied.start((4, 16, 16))
        assert (x - varied.steps[0].signal * LATENTS).std() == pytest.approx(varied.steps[0].noise, rel=0.1)
        for index in range(len(varied.steps)):
            x = varied.advance(index, x, LATENTS)
        torch.testing.assert_close(x, LATENTS, atol=1e-3, rtol=0)
