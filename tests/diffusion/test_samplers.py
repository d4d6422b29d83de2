"""A canvas is moved as diffusers' own schedulers move a sample."""

from __future__ import annotations

import diffusers
import pytest
import torch

from ssldiff_core.diffusion.noise import PositionNoise
from ssldiff_core.diffusion.samplers import SCHEDULERS, SchedulerSampler, make_sampler, timestep_of
from ssldiff_core.errors import SettingsError
from tests.diffusion.window_denoisers import GaussianDenoiser

SHAPE = (3, 8, 8)


def noise_estimate(x, alpha):
    """Any smooth estimate of ε will do to compare samplers."""
    return torch.tanh(1.3 * x) * (1 - alpha) ** 0.5 + 0.1 * x


def solve(sampler):
    x = sampler.start(SHAPE)
    for index, step in enumerate(sampler.steps):
        crop = x / step.norm
        x0 = (crop - (1 - step.alpha) ** 0.5 * noise_estimate(crop, step.alpha)) / step.alpha**0.5
        x = sampler.advance(index, x, x0)
    return x


def solve_as_a_pipeline(scheduler, steps, start):
    """The loop of a pipeline of diffusers around a network of ε."""
    scheduler.set_timesteps(steps)
    alphas = GaussianDenoiser().alphas_cumprod
    x = start[None]
    for timestep in scheduler.timesteps:
        crop = scheduler.scale_model_input(x, timestep)
        x = scheduler.step(noise_estimate(crop, float(alphas[int(timestep)])), timestep, x).prev_sample
    return x[0]


PIPELINES = {
    "ddim": (diffusers.DDIMScheduler, {"clip_sample": False}),
    "dpm++": (diffusers.DPMSolverMultistepScheduler, {}),
    "unipc": (diffusers.UniPCMultistepScheduler, {"final_sigmas_type": "zero"}),
    "euler": (diffusers.EulerDiscreteScheduler, {}),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_run_is_that_of_a_pipeline_with_the_same_scheduler(name):
    denoiser = GaussianDenoiser()
    kind, options = PIPELINES[name]
    scheduler = kind(trained_betas=denoiser.betas.tolist(), timestep_spacing="trailing", **options)
    sampler = make_sampler(name, 10, PositionNoise(0), denoiser.betas, denoiser.alphas_cumprod)
    expected = solve_as_a_pipeline(scheduler, 10, sampler.start(SHAPE))
    assert torch.allclose(solve(sampler), expected, rtol=1e-3, atol=1e-3)
    assert expected.std() > 0.1


@pytest.mark.parametrize("output", ["epsilon", "v_prediction", "sample"])
def test_a_scheduler_is_told_what_it_wants_to_hear(output):
    alphas = GaussianDenoiser().alphas_cumprod
    scheduler = diffusers.DPMSolverMultistepScheduler(
        trained_betas=GaussianDenoiser().betas.tolist(), prediction_type=output, timestep_spacing="trailing"
    )
    expected = solve(make_sampler("dpm++", 8, PositionNoise(1), GaussianDenoiser().betas, alphas))
    assert torch.allclose(solve(SchedulerSampler(scheduler, 8, PositionNoise(1), alphas)), expected, atol=1e-3)


def test_flow_matching_steps_are_straight():
    """x' = x + (t' - t)(ε - x0), the step of Euler on straight paths."""
    denoiser = GaussianDenoiser()
    sampler = make_sampler("flow", 5, PositionNoise(0), denoiser.betas, denoiser.alphas_cumprod)
    x, x0 = sampler.start(SHAPE), torch.randn(SHAPE)
    first, second = sampler.steps[:2]
    expected = x + (second.noise - first.noise) * ((x - first.signal * x0) / first.noise - x0)
    assert torch.allclose(sampler.advance(0, x, x0), expected, atol=1e-5)


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 7, 20])
def test_a_run_ends_clean_at_any_number_of_steps(name, steps):
    denoiser = GaussianDenoiser()
    sampler = make_sampler(name, steps, PositionNoise(0), denoiser.betas, denoiser.alphas_cumprod)
    assert len(sampler.steps) == steps
    clean = torch.full(SHAPE, 0.3)
    x = sampler.start(SHAPE)
    for index in range(steps):
        x = sampler.advance(index, x, clean)
    assert torch.allclose(x, clean, atol=1e-4)


def test_a_second_run_starts_afresh():
    denoiser = GaussianDenoiser()
    sampler = make_sampler("unipc", 4, PositionNoise(0), denoiser.betas, denoiser.alphas_cumprod)
    assert torch.equal(solve(sampler), solve(sampler))


def test_timesteps_follow_from_the_noise():
    alphas = GaussianDenoiser().alphas_cumprod
    assert [timestep_of(float(alphas[t]), alphas) for t in (0, 17, 999)] == [0, 17, 999]
    assert 17 < timestep_of(float(alphas[17:19].mean()), alphas) < 18


@pytest.mark.parametrize("scheduler", [diffusers.DDPMScheduler(), diffusers.HeunDiscreteScheduler()])
def test_a_scheduler_that_adds_noise_or_asks_twice_is_refused(scheduler):
    with pytest.raises(SettingsError, match="UniPC"):
        SchedulerSampler(scheduler, 5, PositionNoise(0), GaussianDenoiser().alphas_cumprod)
