"""What a trained variant is measured by: held-out grids drawn and read back, the judge's distance, the error of the
velocity on held-out latents, and how long a megapixel takes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ssldiff_core import EmbeddingGrid, GridGeometry, Settings, generate, write_image
from ssldiff_core.embeddings.encoder import PatchEncoder
from ssldiff_core.evaluation.compare import principal
from ssldiff_core.evaluation.features import FeatureExtractor
from ssldiff_core.evaluation.frechet import frechet_distance
from ssldiff_core.evaluation.intervals import bootstrap_of_mean, half_sample_intervals
from ssldiff_core.evaluation.samples import read_image
from ssldiff_core.evaluation.similarity import cosine
from ssldiff_core.models.catalogue import Model
from ssldiff_core.models.placement import training_autocast
from ssldiff_core.training.data import TrainingImage
from ssldiff_core.training.denoiser import CachedImage, FieldCrops

from .models import CELL_PX, DIRECTIONS, cells_of, crops, half_overlapping

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Noise levels at which the error of the velocity is measured."""


@dataclass(frozen=True)
class HeldOut:
    """What does not change from variant to variant.

    Args:
        real, grids: crops of test images, and their grids.
        cached: latents and embeddings of test images.
        encoder, judge: that read images.
        patches: of each side of a Fréchet distance.
        test, training: features of patches by the judge, and the images they come from.
    """

    real: list[NDArray[np.uint8]]
    grids: list[EmbeddingGrid]
    cached: list[CachedImage]
    encoder: PatchEncoder
    judge: FeatureExtractor
    patches: int
    test: tuple[NDArray[np.float32], NDArray[np.int64]]
    training: tuple[NDArray[np.float32], NDArray[np.int64]]

    @classmethod
    def of(
        cls, test: list[TrainingImage], train: list[TrainingImage], cached: list[CachedImage], encoder: PatchEncoder,
        judge: FeatureExtractor, *, cells: int, patches: int,
    ) -> HeldOut:  # fmt: skip
        """Crops of the test images until there are ``cells``; patches of other crops of them and of training images."""
        chosen = crops(test, cells)
        sizes = np.cumsum([(pixels.shape[0] // CELL_PX) ** 2 for pixels, _ in chosen])
        chosen = chosen[: int(np.searchsorted(sizes, cells)) + 1]
        grids = [grid_of(pixels, size, encoder) for pixels, size in chosen]
        sides = [
            half_overlapping(
                [np.ascontiguousarray(pixels) for pixels, _ in crops(images, -(-patches // 9), seed)], judge, patches
            )
            for images, seed in ((test, 2), (train, 1))
        ]
        return cls([pixels for pixels, _ in chosen], grids, cached, encoder, judge, patches, sides[0], sides[1])


def grid_of(pixels: NDArray[np.uint8], pixel_size_m: float, encoder: PatchEncoder) -> EmbeddingGrid:
    """The grid of a crop of whole cells."""
    rows, cols = (side // CELL_PX for side in pixels.shape[:2])
    vectors = encoder.encode(cells_of(pixels)).reshape(rows, cols, -1)
    return EmbeddingGrid(vectors, np.ones((rows, cols), bool), GridGeometry((rows, cols), pixel_size_m), encoder.id)


def disturbed(grid: EmbeddingGrid, level: float, seed: int) -> EmbeddingGrid:
    """With noise of a length of ``level`` times their own added to the embeddings, which keep their length."""
    vectors = np.asarray(grid.vectors)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    noise = np.random.default_rng(seed).standard_normal(vectors.shape, np.float32) / vectors.shape[-1] ** 0.5
    moved = vectors + level * lengths * noise
    moved *= lengths / np.maximum(np.linalg.norm(moved, axis=-1, keepdims=True), 1e-6)
    return replace(grid, vectors=moved.astype(np.float32))


def draw_grids(
    model: Model, grids: Sequence[EmbeddingGrid], folder: Path, settings: Settings
) -> list[NDArray[np.uint8]]:
    """An image of each grid, by a seed of its own; kept in the folder as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for seed, grid in enumerate(grids):
        path = folder / f"{seed:03}.png"
        if not path.exists():
            *_, last = generate(grid, replace(settings, seed=seed), model=model)
            assert last.result is not None, "the last step carries the result"
            write_image(path, last.result.image, last.result.manifest, pixel_size_m=grid.geometry.pixel_size_m)
        images.append(read_image(path))
    return images


def drawn_figures(images: Sequence[NDArray[np.uint8]], held_out: HeldOut) -> dict[str, float]:
    """Similarity to the held-out grids, and the judge's distance to held-out patches in multiples of training ones."""
    asked = np.concatenate([grid.vectors.reshape(-1, grid.dim) for grid in held_out.grids])
    found = np.concatenate([held_out.encoder.encode(cells_of(image)) for image in images])
    each = cosine(asked, found).astype(np.float64)
    groups = np.repeat(np.arange(len(images)), [grid.valid.size for grid in held_out.grids])
    low, high = bootstrap_of_mean(each, groups)
    made = half_overlapping(list(images), held_out.judge, held_out.patches)
    count = min(len(made[0]), len(held_out.test[0]), len(held_out.training[0]))
    sets = [_some(*part, count) for part in (held_out.test, made, held_out.training)]
    turned = principal(sets[0][0], [features for features, _ in sets], DIRECTIONS)
    training = frechet_distance(turned[0], turned[2])
    ratio = {"ratio": frechet_distance(turned[0], turned[1]) / training}
    intervals = half_sample_intervals(
        lambda a, b: {"ratio": frechet_distance(turned[0][a], turned[1][b]) / training}, ratio,
        (sets[0][1], sets[1][1]), draws=100,
    )  # fmt: skip
    around = intervals.get("ratio", (float("nan"), float("nan")))
    return {
        "similarity": float(each.mean()), "similarity_low": low, "similarity_high": high, "cells": float(len(each)),
        "frechet_ratio": ratio["ratio"], "frechet_low": around[0], "frechet_high": around[1],
        "patches": float(count),
    }  # fmt: skip


def _some(
    features: NDArray[np.float32], groups: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    chosen = np.sort(np.random.default_rng(5).permutation(len(features))[:count])
    return features[chosen], groups[chosen]


@torch.no_grad()
def velocity_errors(network: nn.Module, cached: list[CachedImage], crop_lat: int, count: int) -> dict[str, float]:
    """Mean squared error of the velocity on ``count`` held-out crops at each of :data:`LEVELS`, and their mean.

    Every network sees the same crops and the same noise.
    """
    sampler = FieldCrops(cached, crop_lat, 0, 0.0)
    generator = torch.Generator().manual_seed(0)
    totals = np.zeros(len(LEVELS))
    for done in range(0, count, 12):
        latents, condition, valid, place, size = sampler.sample(min(12, count - done))
        noise = torch.randn(latents.shape, generator=generator)
        for index, value in enumerate(LEVELS):
            level = torch.full((len(latents),), value)
            noisy = torch.lerp(latents, noise, value)
            with training_autocast(torch.device("cpu")):
                found = network(noisy, level, condition, valid, size, place)
            totals[index] += float((found.float() - (noise - latents)).square().mean(dim=(1, 2, 3)).sum())
    errors = totals / count
    return {"loss": float(errors.mean()), **{f"loss_{v:g}": float(e) for v, e in zip(LEVELS, errors, strict=True)}}


def core_seconds(model: Model, side_px: int, settings: Settings) -> float:
    """Processor time that a megapixel takes, by an image of random embeddings; the second of two, for the first calls
    of a shape are slower.
    """
    cells = side_px // CELL_PX
    vectors = np.random.default_rng(0).standard_normal((cells, cells, model.spec.condition_dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    geometry = GridGeometry((cells, cells), model.spec.pixel_sizes_m[-1])
    grid = EmbeddingGrid(vectors, np.ones((cells, cells), bool), geometry, model.spec.encoder_id)
    taken = 0.0
    for _ in range(2):
        began = time.process_time()
        list(generate(grid, settings, model=model))
        taken = time.process_time() - began
    return taken / (side_px / 1024) ** 2
