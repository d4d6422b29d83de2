"""What finishing, varying and another appearance keep and change, with the shipped tissue weights.

    python -m tests.benchmarks.variation [--quick] [--json FILE]

Grids are square blocks of cells of the demo scene's grid, drawn at the model's own guidance; figures are means over
them.

- finish: a preview of 4 and of 8 steps against the same start in 20 steps (what ``finish`` draws), against the preview
  re-noised to a level of 0.5 and denoised from there, and against the 20-step image of another seed.
- variation: the 20-step image against variations of it by strength.
- appearance: the image in two other stains, changed in its pixels, in its grid, and in both.

``similarity`` is the mean cosine of the embeddings of corresponding cells, ``psnr`` that of 16-px means (dB),
``sharpness`` the mean step between neighbouring pixels against that of the 20-step image, ``asked`` the similarity
between an image and its grid. ``stain_error`` is the mean distance of optical density from what the match of the
pixels gives (0 for the pixels themselves), ``layout`` the correlation of the detail of optical density before and
after.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ssldiff_core import EmbeddingGrid, Manifest, Settings, generate
from ssldiff_core.assets import assets_path
from ssldiff_core.diffusion.appearance import StainAppearance, move_grid, read_cells
from ssldiff_core.diffusion.appearance.stains import optical_density
from ssldiff_core.diffusion.reference import Reference
from ssldiff_core.embeddings.encoder import PatchEncoder, load_patch_encoder
from ssldiff_core.evaluation.similarity import cosine, read_back
from ssldiff_core.generate import Result
from ssldiff_core.models.placement import choose_device, choose_dtype

from .report import parse_arguments, report

Image = NDArray[np.uint8]

STEPS, LOW_PASS_PX = 20, 16
STAINS = {
    "violet": StainAppearance(((0.64, 0.71, 0.29), (0.35, 0.88, 0.32)), (1.6, 1.0), {"name": "violet"}),
    "pale": StainAppearance(((0.72, 0.62, 0.31), (0.10, 0.94, 0.32)), (0.8, 0.7), {"name": "pale"}),
}


@dataclass(frozen=True)
class Scores:
    """Sums the figures of all grids; see the module's docstring for what each is."""

    encoder: PatchEncoder
    rows: defaultdict[str, list[float]]

    def compare(self, name: str, first: Image, second: Image, grid: EmbeddingGrid) -> None:
        """``second`` as seen from ``first``."""
        one, other = (read_back(image, grid, self.encoder) for image in (first, second))
        error = np.square(low_pass(first) - low_pass(second)).mean()
        self.rows[f"{name}_similarity"].append(float(cosine(one, other).mean()))
        self.rows[f"{name}_psnr"].append(float(10.0 * np.log10(255.0**2 / max(error, 1e-9))))

    def quality(self, name: str, image: Image, full: Image, grid: EmbeddingGrid) -> None:
        """How well an image follows its grid, and how sharp it is beside an ordinary one."""
        self.rows[f"{name}_asked"].append(float(cosine(read_back(image, grid, self.encoder), grid.vectors).mean()))
        self.rows[f"{name}_sharpness"].append(sharpness(image) / sharpness(full))

    def means(self) -> dict[str, float]:
        return {name: float(np.mean(values)) for name, values in self.rows.items()}


def low_pass(image: Image) -> NDArray[np.float64]:
    """Means of blocks of 16 px."""
    rows, cols = image.shape[0] // LOW_PASS_PX, image.shape[1] // LOW_PASS_PX
    blocks = image.reshape(rows, LOW_PASS_PX, cols, LOW_PASS_PX, 3)
    return np.asarray(blocks.astype(np.float64).mean(axis=(1, 3)))


def sharpness(image: Image) -> float:
    grey = image.astype(np.float64).mean(axis=2)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def detail(image: Image) -> NDArray[np.float64]:
    """Optical density of all bands together, without its 16-px means."""
    density = optical_density(image).sum(axis=2)
    rows, cols = density.shape[0] // LOW_PASS_PX, density.shape[1] // LOW_PASS_PX
    blocks = density.reshape(rows, LOW_PASS_PX, cols, LOW_PASS_PX)
    return np.asarray((blocks - blocks.mean(axis=(1, 3), keepdims=True)).ravel())


def demo_grids(count: int, cells: int) -> list[EmbeddingGrid]:
    """Blocks of the demo scene's grid, spread over it."""
    whole = Manifest.load(assets_path("scenes") / "tissue-demo.tif.manifest.json").grid
    rows, cols = whole.shape_cell
    places = [(r, c) for r in range(0, rows - cells + 1, cells) for c in range(0, cols - cells + 1, cells)]
    chosen = [places[i] for i in np.linspace(0, len(places) - 1, min(count, len(places))).astype(int)]
    blocks = [(slice(r, r + cells), slice(c, c + cells)) for r, c in chosen]
    geometry = whole.geometry.with_shape(cells, cells)
    return [EmbeddingGrid(whole.vectors[b], whole.valid[b], geometry, whole.encoder_id) for b in blocks]


def draw(grid: EmbeddingGrid, steps: int = STEPS, seed: int = 0, reference: Reference | None = None) -> Result:
    *_, last = generate(grid, Settings(seed=seed, steps=steps), reference=reference)
    assert last.result is not None
    return last.result


def measure_finish(grid: EmbeddingGrid, full: Result, scores: Scores) -> None:
    other = draw(grid, seed=1).image
    scores.compare("two_seeds", full.image, other, grid)
    scores.quality("full", full.image, full.image, grid)
    for steps in (4, 8):
        preview = draw(grid, steps)
        renoised = draw(grid, reference=Reference(0.5, latents=preview.latents)).image
        for name, final in (("finish", full.image), ("renoised", renoised), ("other_seed", other)):
            scores.compare(f"{name}_{steps}", preview.image, final, grid)
        scores.quality(f"preview_{steps}", preview.image, full.image, grid)
        scores.quality(f"renoised_{steps}", renoised, full.image, grid)


def measure_variation(grid: EmbeddingGrid, full: Result, scores: Scores) -> None:
    for strength in (0.25, 0.5, 0.75):
        varied = draw(grid, reference=Reference(strength, latents=full.latents), seed=0).image
        scores.compare(f"variation_{strength:g}", full.image, varied, grid)
        scores.quality(f"variation_{strength:g}", varied, full.image, grid)


def measure_appearance(grid: EmbeddingGrid, full: Result, scores: Scores) -> None:
    for name, stain in STAINS.items():
        pixels = stain.match(full.image)
        side = scores.encoder.patch_px
        before, after = (scores.encoder.encode(read_cells(image, side)) for image in (full.image, pixels))
        moved = draw(move_grid(grid, before, after)).image
        for where, image in (("none", full.image), ("pixels", pixels), ("grid", moved), ("both", stain.match(moved))):
            key = f"appearance_{name}_{where}"
            error = np.abs(low_pass_density(image) - low_pass_density(pixels)).mean()
            scores.rows[f"{key}_stain_error"].append(float(error))
            scores.rows[f"{key}_layout"].append(float(np.corrcoef(detail(full.image), detail(image))[0, 1]))


def low_pass_density(image: Image) -> NDArray[np.float64]:
    """Optical density of the mean colour of every block of 16 px."""
    return optical_density(np.rint(low_pass(image)).astype(np.uint8))


def main() -> None:
    """Measure all three; ``--quick`` takes two grids of 2 × 2 cells."""
    arguments = parse_arguments(__doc__ or "")
    count, cells = (2, 2) if arguments.quick else (4, 3)
    grids = demo_grids(count, cells)
    scores = Scores(load_patch_encoder(grids[0].encoder_id), defaultdict(list))
    for grid in grids:
        full = draw(grid)
        for measure in (measure_finish, measure_variation, measure_appearance):
            measure(grid, full, scores)
    counted = {"grids": float(len(grids)), "cells": float(len(grids) * cells**2), "side_px": float(cells * 128)}
    figures: Mapping[str, float | str] = {**scores.means(), **counted}
    precision = str(choose_dtype(choose_device())).removeprefix("torch.")
    report(figures, arguments.json, threads=torch.get_num_threads(), precision=precision)


if __name__ == "__main__":
    main()
