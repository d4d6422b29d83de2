"""Which engine draws a canvas, with what, and how its latents become pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .embeddings.grid import EmbeddingGrid
from .errors import SettingsError
from .settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

    from .diffusion.engines import EngineStep
    from .diffusion.field import ConditioningField
    from .diffusion.graph.drawing import Drawing
    from .diffusion.guidance import Guidance
    from .diffusion.reference import Start
    from .models.catalogue import Model

DECODE_STRIDE_PX = 128
"""Between the windows in which a patch-trained autoencoder decodes a canvas."""

WHOLE_RUN = (0.0, 1.0)
"""Noise levels at which guidance holds where neither the settings nor, for ``dense``, the model say."""

_STRIDES = {"windowed": 2, "notebook": 4}
"""By engine, the default stride is a window divided by this."""


def model_for(grid: EmbeddingGrid, settings: Settings, model: Model | None = None) -> Model:
    """The model that draws a grid: the one that is given, or the first for the grid's encoder, loaded as asked.

    Raises:
        GridError: where the model cannot draw the grid.
        ModelError: where there is no model for it.
    """
    from .models.catalogue import find_model_for, load_model

    if model is None:
        spec = find_model_for(grid.encoder_id)
        spec.check_grid(grid)
        model = load_model(spec.id, device=settings.device, precision=settings.precision)
    model.spec.check_grid(grid)
    return model


def resolve(settings: Settings, model: Model) -> Settings:
    """The settings with the model's defaults and the chosen device in place of what was left open.

    Raises:
        SettingsError: where the model cannot be drawn with the engine, or the stride is no whole number of latents.
        ModelError: where the model has no student, and it is asked for.
    """
    from .diffusion.engines.notebook import GUIDANCE_SCALE as NOTEBOOK_GUIDANCE
    from .models.families import get_family

    if settings.student:
        model.denoiser_for(student=True)
        settings = replace(settings, engine="dense", solver="euler", guidance_scale=1.0, guidance_interval=WHOLE_RUN)
    engine = settings.engine or model.spec.engine
    get_family(model.spec.family).check_engine(engine)
    own = NOTEBOOK_GUIDANCE if engine == "notebook" else model.spec.guidance_scale
    scale = own if settings.guidance_scale is None else settings.guidance_scale
    interval = settings.guidance_interval or (model.spec.guidance_interval if engine == "dense" else WHOLE_RUN)
    factor = model.spec.latent_factor
    stride_px = settings.stride_px if engine in _STRIDES else None
    if engine in _STRIDES and stride_px is None:
        stride_px = max(1, model.window_denoiser.window_lat // _STRIDES[engine]) * factor
    if stride_px is not None and stride_px % factor:
        raise SettingsError(
            f"draw in windows {stride_px} px apart", f"a latent is {factor} px wide",
            "a stride is a whole number of latents", f"The nearest is {max(1, round(stride_px / factor)) * factor}",
        )  # fmt: skip
    return replace(
        settings, engine=engine, guidance_scale=scale, guidance_interval=interval, stride_px=stride_px,
        device=model.device.type, precision=str(model.dtype).removeprefix("torch."),
    )  # fmt: skip


def part_by_part(
    model: Model, grid: EmbeddingGrid, settings: Settings, origin_lat: tuple[int, int] = (0, 0)
) -> Drawing:
    """What decides every number of a dense canvas from pure noise, for those that draw it in parts.

    Args:
        settings: resolved.
        origin_lat: of the canvas, where it has grown.

    Raises:
        ModelError: where the model has no dense denoiser, or no student where it is asked for.
    """
    from .diffusion.graph.drawing import make_drawing

    return make_drawing(
        model.denoiser_for(settings.student), grid, seed=settings.seed, steps=settings.steps, solver=settings.solver,
        guidance_scale=settings.guidance_scale or 0.0, guidance_interval=settings.guidance_interval or WHOLE_RUN,
        origin_lat=origin_lat,
    )  # fmt: skip


def draw(
    model: Model, grid: EmbeddingGrid, settings: Settings, start: Start, cancelled: Callable[[], bool],
    kept: bool = False,
) -> Iterator[EngineStep]:  # fmt: skip
    """Denoise the grid's canvas, by the engine that the resolved settings name.

    Args:
        kept: whether the run's trajectory will be gone on from.

    Raises:
        SettingsError: where there is no such solver, or only dense does what is asked.
        Cancelled: where ``cancelled()`` says so.
    """
    from .diffusion.field import ConditioningField
    from .diffusion.guidance import Guidance

    field = ConditioningField(grid)
    guidance = Guidance(settings.guidance_scale or 0.0, settings.guidance_interval or WHOLE_RUN)
    if settings.engine == "dense":
        return _draw_dense(model, field, settings, guidance, start, cancelled)
    if kept or (start.latents is not None and settings.engine == "notebook"):
        asked = "keep the trajectory of" if kept else "start from a reference in"
        raise SettingsError(
            f"{asked} a run of the engine {settings.engine!r}",
            "only dense can do that" if kept else "the authors' sampler begins with noise", "", "Use the engine dense",
        )  # fmt: skip
    return start.unchanged() or _draw_windows(model, field, settings, guidance, start, cancelled)


def _draw_dense(
    model: Model, field: ConditioningField, settings: Settings, guidance: Guidance, start: Start,
    cancelled: Callable[[], bool],
) -> Iterator[EngineStep]:  # fmt: skip
    from .diffusion.denoisers import GuidedDenoiser
    from .diffusion.engines import DenseEngine
    from .diffusion.schedule import get_solver

    solver = get_solver(settings.solver)
    guided = GuidedDenoiser(model.denoiser_for(settings.student), guidance.scale, guidance.interval)
    return start.unchanged() or DenseEngine(settings.tile_lat).run(
        guided, field, start.noise, solver, start.levels, cancelled
    )


def _draw_windows(
    model: Model, field: ConditioningField, settings: Settings, guidance: Guidance, start: Start,
    cancelled: Callable[[], bool],
) -> Iterator[EngineStep]:  # fmt: skip
    from .diffusion.engines import NotebookEngine, ShiftedEngine, WindowedEngine
    from .diffusion.engines.notebook import GeneratorNoise
    from .diffusion.noise import PositionNoise
    from .diffusion.samplers import CanvasSampler, make_sampler
    from .diffusion.varied_sampler import VariedSampler

    denoiser, memory = model.window_denoiser, settings.memory_mib
    stride_lat = settings.stride_px // model.spec.latent_factor if settings.stride_px else None
    if settings.engine == "notebook":
        noise = GeneratorNoise(settings.seed)
        return NotebookEngine(stride_lat, memory).run(denoiser, field, noise, guidance, settings.steps, cancelled)
    whole = make_sampler(
        settings.solver, settings.steps, PositionNoise(settings.seed), denoiser.betas, denoiser.alphas_cumprod
    )
    sampler: CanvasSampler = whole
    if start.latents is not None and start.strength < 1.0:
        sampler = VariedSampler(whole, start.latents, start.fresh, start.strength)
    if settings.engine == "shifted":
        return ShiftedEngine(settings.seed, memory).run(denoiser, field, sampler, guidance, cancelled)
    engine = WindowedEngine(stride_lat, settings.blending, memory)
    return engine.run(denoiser, field, sampler, guidance, cancelled)


def decode(model: Model, latents: Tensor, settings: Settings, cancelled: Callable[[], bool]) -> NDArray[np.uint8]:
    """Clean latents (c, h, w) to an image (height, width, 3) uint8.

    ``notebook`` decodes as the authors do, on the windows that were drawn; a family without a dense denoiser in windows
    too, further apart, since its autoencoder looks at the whole of what it is given; the others in tiles.
    """
    from .diffusion.autoencoder import decode_canvas
    from .diffusion.engines.notebook import decode_windows

    if settings.engine == "notebook" or model.denoiser is None:
        stride_px = settings.stride_px if settings.engine == "notebook" and settings.stride_px else DECODE_STRIDE_PX
        return decode_windows(
            model.autoencoder, latents, stride_lat=stride_px // model.spec.latent_factor, device=model.device,
            cancelled=cancelled,
        )  # fmt: skip
    return decode_canvas(model.autoencoder, latents, device=model.device, cancelled=cancelled)
