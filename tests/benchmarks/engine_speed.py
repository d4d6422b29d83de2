"""Seconds by engine, on a shipped model and on the authors' network at tiny size."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from ssldiff_core import ModelSpec, Settings, generate

from .engine_rows import engine_rows
from .generate import random_grid

STEPS_TIMED = {"notebook": 3, "windowed": 4, "shifted": 10}
"""The slow engines are timed over so many steps, and scaled; the others draw whole images, and the median counts."""

Figures = dict[str, float | str]


def evaluations(settings: Settings, side_px: int) -> float:
    """Latents that the network sees for an image, in millions; guidance counts twice."""
    side, window = side_px // 8, 32
    if settings.student or settings.engine in ("dense", "shifted"):
        seen = side * side
    else:
        stride = window // (4 if settings.engine == "notebook" else 2)
        seen = len(range(0, side - window + 1, stride)) ** 2 * window * window
    return (1.0 if settings.student else 2.0) * settings.steps * seen / 1e6


def time_engines(spec: ModelSpec, side_px: int, repeats: int = 3, slow_steps: int | None = None) -> Figures:
    """Seconds for one image by engine, network and decode.

    Args:
        repeats: of whole images.
        slow_steps: of the others, where :data:`STEPS_TIMED` are too many.
    """
    grid, figures = random_grid(spec, side_px), Figures()
    for name, settings in engine_rows(spec).items():
        whole = name not in STEPS_TIMED
        steps = settings.steps if whole else slow_steps or STEPS_TIMED[name]
        first = settings if settings.student else replace(settings, steps=2)
        list(generate(random_grid(spec, 256), first))  # the first calls of a shape are slower
        seconds = []
        for seed in range(repeats if whole else 1):
            *_, last = generate(grid, replace(settings, seed=seed, steps=steps))
            assert last.result is not None
            spent = last.result.seconds
            seconds.append(spent["network"] * settings.steps / steps + spent["decode"])
        figures[f"{name}_seconds_{side_px}"] = float(np.median(seconds))
        figures[f"{name}_steps_timed_{side_px}"] = float(steps)
        figures[f"{name}_mlatents_{side_px}"] = evaluations(settings, side_px)
    return figures


def speedups(figures: Figures, side_px: int) -> Figures:
    """Seconds of ``notebook`` over those of each engine."""
    yardstick = float(figures[f"notebook_seconds_{side_px}"])
    return {
        f"{name}_speedup_{side_px}": yardstick / float(figures[f"{name}_seconds_{side_px}"])
        for name in ("windowed", "shifted", "dense", "student")
        if f"{name}_seconds_{side_px}" in figures
    }


def time_golden(folder: Path, steps: int = 3) -> Figures:
    """Seconds a step of ``notebook`` and ``shifted`` on the authors' network with random weights, 1024 px.

    Args:
        folder: with ``last.ckpt``, ``project.yaml`` and ``expected.safetensors``.
    """
    from safetensors.torch import load_file

    from ssldiff_core import EmbeddingGrid, GridGeometry
    from ssldiff_core.diffusion.engines import NotebookEngine, ShiftedEngine
    from ssldiff_core.diffusion.engines.notebook import GeneratorNoise
    from ssldiff_core.diffusion.field import ConditioningField
    from ssldiff_core.diffusion.guidance import Guidance
    from ssldiff_core.diffusion.noise import PositionNoise
    from ssldiff_core.diffusion.samplers import make_sampler
    from ssldiff_core.models.lrdm_conversion import convert_lrdm

    denoiser = convert_lrdm(folder / "last.ckpt", folder / "project.yaml").denoiser()
    vectors = load_file(folder / "expected.safetensors")["grid"].numpy()
    geometry = GridGeometry(vectors.shape[:2], 5e-7, cell_px=256, latent_factor=4)
    field = ConditioningField(EmbeddingGrid(vectors, np.ones(vectors.shape[:2], bool), geometry, "golden"))
    sampler = make_sampler("ddim", steps + 1, PositionNoise(0), denoiser.betas, denoiser.alphas_cumprod)
    runs = {
        "notebook": NotebookEngine().run(denoiser, field, GeneratorNoise(0), steps=steps + 1),
        "shifted": ShiftedEngine().run(denoiser, field, sampler, Guidance(4.0)),
    }
    figures = Figures()
    for name, run in runs.items():
        next(run)  # the first calls of a shape are slower
        began = time.perf_counter()
        list(run)
        figures[f"golden_{name}_seconds_a_step"] = (time.perf_counter() - began) / steps
    ratio = float(figures["golden_notebook_seconds_a_step"]) / float(figures["golden_shifted_seconds_a_step"])
    return figures | {"shifted_speedup": ratio, "golden_steps_timed": float(steps)}
