"""Laws of the engines that draw in windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.diffusion.engines import NotebookEngine, ShiftedEngine, WindowedEngine
from ssldiff_core.diffusion.engines.notebook import GeneratorNoise, NotebookSampler, notebook_schedule
from ssldiff_core.diffusion.engines.shifted import draw_offset
from ssldiff_core.diffusion.estimator import WindowEstimator
from ssldiff_core.diffusion.field import ConditioningField, interpolate_field
from ssldiff_core.diffusion.guidance import Guidance
from ssldiff_core.diffusion.noise import PositionNoise
from ssldiff_core.diffusion.samplers import SCHEDULERS, SamplerStep, make_sampler
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import Cancelled, SettingsError
from ssldiff_core.geometry import GridGeometry
from tests.diffusion.window_denoisers import CountingDenoiser, GaussianDenoiser, SmallMemoryDenoiser

ENGINES = {
    "windowed": WindowedEngine(7), "uniform": WindowedEngine(8, "uniform"), "disjoint": WindowedEngine(16),
    "shifted": ShiftedEngine(3),
}  # fmt: skip

SECOND_ORDER = ("dpm++", "unipc")


def make_field(means):
    vectors = np.asarray(means, np.float32)[..., None]
    return ConditioningField(EmbeddingGrid(vectors, np.ones(vectors.shape[:2], bool), GridGeometry(vectors.shape[:2],
        1e-6), "means"))  # fmt: skip


def sampler_of(denoiser, name="dpm++", steps=10, seed=0):
    return make_sampler(name, steps, PositionNoise(seed), denoiser.betas, denoiser.alphas_cumprod)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_gaussian_data_reach_the_exact_answer(engine, name):
    denoiser, field = GaussianDenoiser(0.8), make_field(np.full((2, 2), 0.7))
    sampler = sampler_of(denoiser, name, steps=100)
    first = sampler.steps[0]
    expected = denoiser.answer(sampler.start((3, 32, 32)) / first.norm, first.alpha, 0.7)
    *_, last = ENGINES[engine].run(denoiser, field, sampler)
    assert torch.allclose(last.latents, expected, atol=0.05 if name in SECOND_ORDER else 0.15)
    assert last.index == last.total == 100


@pytest.mark.parametrize("engine", ENGINES)
def test_where_all_windows_agree_the_canvas_does_not_know_of_windows(engine):
    denoiser, field = GaussianDenoiser(), make_field(np.full((3, 4), 0.7))
    runs = [ENGINES[name].run(denoiser, field, sampler_of(denoiser, steps=4)) for name in (engine, "uniform")]
    first, second = (list(run)[-1].latents for run in runs)
    assert torch.allclose(first, second, atol=1e-5)


def numbered(shape):
    return torch.arange(shape[1] * shape[2], dtype=torch.float32).reshape(1, *shape[1:]).expand(shape)


@pytest.mark.parametrize("cells", [(3, 4), (2, 5), (1, 6)])
def test_shifted_denoises_each_position_once_a_step(cells):
    class Numbered:
        steps = (SamplerStep(999.0, 0.6, 0.8),) * 5

        def start(self, shape):
            return numbered(shape)

        def advance(self, index, x, x0):
            return x

    denoiser, field = CountingDenoiser(), make_field(np.zeros(cells))
    for _ in ShiftedEngine(1).run(denoiser, field, Numbered()):
        seen = torch.cat([crop[0].flatten() for crop in denoiser.seen])
        denoiser.seen.clear()
        # the estimator measures one empty window before the first step
        seen = seen[-cells[0] * cells[1] * 256 :]
        assert sorted(seen.tolist()) == list(range(cells[0] * cells[1] * 256))


def test_offsets_change_with_the_step_and_follow_from_the_seed():
    drawn = [draw_offset(5, index, 32) for index in range(200)]
    assert drawn == [draw_offset(5, index, 32) for index in range(200)]
    assert drawn != [draw_offset(6, index, 32) for index in range(200)]
    assert len(set(drawn)) > 55
    assert {row for row, _ in drawn} == set(range(0, 32, 4))


def authors_loop(denoiser, field, noise, steps, stride):
    """The authors' sampler, written down plainly."""
    height, width = field.grid.geometry.shape_lat
    side = denoiser.window_lat
    schedule = notebook_schedule(denoiser.betas, denoiser.alphas_cumprod, steps)
    shape = (3, height, width)
    panorama, epsilon = noise.draw(shape), noise.draw(shape)
    x = schedule[0].alpha ** 0.5 * panorama + (1 - schedule[0].alpha) ** 0.5 * epsilon
    for step in schedule:
        total, count = torch.zeros(shape), torch.zeros(shape)
        for row in range(0, height - side + 1, stride):
            for col in range(0, width - side + 1, stride):
                place = (slice(None), slice(row, row + side), slice(col, col + side))
                middle = [np.array([field.grid.geometry.lat_to_cell(at + side / 2 - 0.5)]) for at in (row, col)]
                mean = torch.from_numpy(interpolate_field(field.grid.vectors, field.grid.valid, *middle)[0][0])
                told = denoiser.embed(mean, torch.ones(1), 0.0), denoiser.embed(mean, torch.zeros(1), 0.0)
                both = [denoiser.predict_noise(x[place][None], step.timestep, part, step.alpha)[0] for part in told]
                guided = 4 * both[0] - 3 * both[1]
                total[place] += (x[place] - (1 - step.alpha) ** 0.5 * guided) / step.alpha**0.5
                count[place] += 1
        last = step is schedule[-1]
        x = step.update(x, total / count, None if last else noise.draw(shape))
    return x


@pytest.mark.parametrize("engine", ["notebook", "windowed"])
def test_fed_as_the_authors_are_it_draws_what_they_draw(engine):
    denoiser, field = GaussianDenoiser(), make_field([[0.1, 0.9, 0.5], [0.3, 0.2, 0.8]])
    expected = authors_loop(denoiser, field, GeneratorNoise(7), 6, 4)
    if engine == "notebook":
        run = NotebookEngine().run(denoiser, field, GeneratorNoise(7), steps=6)
    else:
        sampler = NotebookSampler(notebook_schedule(denoiser.betas, denoiser.alphas_cumprod, 6), GeneratorNoise(7))
        run = WindowedEngine(4, "uniform").run(denoiser, field, sampler, Guidance(4.0))
    *_, last = run
    assert torch.allclose(last.latents, expected, atol=2e-4)
    assert expected.std() > 0.1


def test_the_middle_of_a_window_decides_where_windows_overlap():
    denoiser, field = GaussianDenoiser(1e-3), make_field([[0.5, 1.0]])
    centred, uniform = (
        list(WindowedEngine(8, blending).run(denoiser, field, sampler_of(denoiser, steps=2)))[-1].latents[0, 8]
        for blending in ("centre", "uniform")
    )
    assert torch.allclose(uniform[8:16], torch.full((8,), 0.625), atol=1e-2)
    assert centred[8] < 0.51
    assert centred[15] > 0.74
    assert (centred.diff() > -1e-3).all()


def test_guidance_holds_inside_its_interval_and_costs_nothing_outside():
    denoiser, field = GaussianDenoiser(), make_field(np.full((2, 2), 0.5))
    run = WindowedEngine(16).run(denoiser, field, sampler_of(denoiser), Guidance(3.0, (0.3, 0.7)))
    list(run)
    calls, levels = denoiser.calls[1:], [step.level for step in sampler_of(denoiser).steps]
    assert [count for count, _ in calls] == [8 if 0.3 <= level <= 0.7 else 4 for level in levels]
    assert {count for count, _ in calls} == {4, 8}


def test_guidance_extrapolates_from_the_null_estimate():
    denoiser, field = GaussianDenoiser(1e-3), make_field(np.full((1, 1), 0.5))
    *_, last = WindowedEngine().run(denoiser, field, sampler_of(denoiser), Guidance(3.0))
    assert torch.allclose(last.latents, torch.tensor(1.5), atol=0.02)


@pytest.mark.parametrize("interval", [(0.5, 0.2), (-0.1, 0.5), (0.0, 1.5), (float("nan"), 1.0)])
def test_an_interval_that_is_none_is_refused(interval):
    with pytest.raises(SettingsError, match="interval"):
        Guidance(2.0, interval)


def test_a_memory_budget_bounds_the_windows_of_a_call():
    class Hungry(GaussianDenoiser):
        def predict_noise(self, latents, timestep, context, alpha):
            self.buffer = torch.zeros(len(latents), 2**18)  # 1 MiB a window
            return super().predict_noise(latents, timestep, context, alpha)

    field = make_field(np.zeros((4, 4)))
    sizes = {mib: WindowEstimator(Hungry(), field, Guidance(2.0), mib).batch for mib in (1, 5, 21)}
    assert sizes == {1: 1, 5: 2, 21: 10}
    denoiser = Hungry()
    list(WindowedEngine(16, memory_mib=5).run(denoiser, field, sampler_of(denoiser, steps=1), Guidance(2.0)))
    assert max(count for count, _ in denoiser.calls) == 4


@pytest.mark.parametrize("most", [1, 3])
def test_out_of_memory_halves_the_batch_and_draws_the_same(most):
    field, tight, roomy = make_field(np.full((3, 4), 0.7)), SmallMemoryDenoiser(most), GaussianDenoiser()
    with pytest.warns(UserWarning, match="out of memory"):
        *_, last = WindowedEngine(8).run(tight, field, sampler_of(tight, steps=2))
    *_, expected = WindowedEngine(8).run(roomy, field, sampler_of(roomy, steps=2))
    assert torch.allclose(last.latents, expected.latents, atol=1e-5)
    assert (last.halved, expected.halved) == (True, False)
    assert last.batch <= most


@pytest.mark.filterwarnings("ignore:The device ran out")
@pytest.mark.parametrize("most", [0, 1])
def test_a_device_that_holds_no_single_window_with_guidance_is_told(most):
    denoiser = SmallMemoryDenoiser(most)
    run = WindowedEngine(8).run(denoiser, make_field(np.zeros((2, 2))), sampler_of(denoiser), Guidance(2.0))
    with pytest.raises(SettingsError, match="single window"):
        next(run)


@pytest.mark.parametrize("engine", ENGINES)
def test_cancelling_stops_the_work(engine):
    denoiser = GaussianDenoiser()
    with pytest.raises(Cancelled):
        list(ENGINES[engine].run(denoiser, make_field(np.zeros((2, 2))), sampler_of(denoiser), cancelled=lambda: True))


def test_an_unknown_blending_is_refused():
    with pytest.raises(SettingsError, match="centre"):
        WindowedEngine(blending="average")
