"""A batch of canvases is what each is alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ssldiff_core.diffusion.reference import Reference
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.evaluation.augment.drawing import Canvas, draw_canvases
from ssldiff_core.evaluation.augment.recipes import grid_of
from ssldiff_core.generate import Settings, generate
from ssldiff_core.models.catalogue import load_model

SETTINGS = Settings(steps=3, device="cpu", precision="float32")


def grids(count: int) -> list[EmbeddingGrid]:
    vectors = np.random.default_rng(0).normal(size=(count, 1, 2, 6)).astype(np.float32)
    return [grid_of(v, 0.5e-6, "tiny-1", 128, 8) for v in vectors]


def drawn_alone(grid: EmbeddingGrid, seed: int, model, reference: Reference | None = None) -> np.ndarray:
    settings = Settings(seed=seed, steps=3, device="cpu", precision="float32")
    *_, last = generate(grid, settings, model=model, reference=reference)
    return last.result.image


def test_canvases_in_a_batch_do_not_see_each_other(patches):
    model = load_model("tiny", device="cpu", precision="float32")
    images = draw_canvases([Canvas(grid, seed) for seed, grid in enumerate(grids(3))], model, SETTINGS)
    for seed, (grid, image) in enumerate(zip(grids(3), images, strict=True)):
        alone = drawn_alone(grid, seed, model)
        assert np.abs(alone.astype(int) - image).max() <= 1
        assert alone.std() > 0


def test_a_batch_of_variations_starts_from_each_its_own_image(patches):
    model = load_model("tiny", device="cpu", precision="float32")
    pictures = np.random.default_rng(1).integers(0, 256, (2, 128, 256, 3), dtype=np.uint8)
    canvases = [Canvas(grid, 7, picture, 0.5) for grid, picture in zip(grids(2), pictures, strict=True)]
    images = draw_canvases(canvases, model, SETTINGS)
    for grid, picture, image in zip(grids(2), pictures, images, strict=True):
        alone = drawn_alone(grid, 7, model, Reference(0.5, image=picture))
        assert np.abs(alone.astype(int) - image).max() <= 1


def test_a_batch_by_the_student_is_what_the_student_draws_alone(student):
    model = load_model("tiny", device="cpu", precision="float32")
    settings = Settings(student=True, device="cpu", precision="float32")
    pictures = np.random.default_rng(1).integers(0, 256, (2, 128, 256, 3), dtype=np.uint8)
    for strength in (1.0, 0.5):
        asked = [
            Canvas(g, 7, None if strength == 1.0 else p, strength) for g, p in zip(grids(2), pictures, strict=True)
        ]
        for canvas, image in zip(asked, draw_canvases(asked, model, settings), strict=True):
            reference = None if canvas.reference is None else Reference(strength, image=canvas.reference)
            *_, last = generate(canvas.grid, replace(settings, seed=7), model=model, reference=reference)
            assert np.abs(last.result.image.astype(int) - image).max() <= 1
            by_model = draw_canvases([canvas], model, SETTINGS)[0]
            assert np.abs(by_model.astype(int) - image).max() > 1
