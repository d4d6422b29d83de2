"""What matters in drawing with a model that is there: guidance, steps, noise in the field, sharp borders.

    python -m tests.benchmarks.ablation_shipped tissue|aerial --work WORK [--only a,b] [--json FILE] [--quick]

Held-out grids are drawn as in :mod:`.ablations` and measured alike. ``sharp_…``, ``fade_…`` and ``cells_…`` are layouts
of two classes with a drawn border: each position told its own class, the one class fading into the other over a cell at
the drawn border, and whole cells with the field interpolated between their centres. Their figures are those of
:mod:`ssldiff_core.evaluation.borders`. ``error_…`` is the denoiser's error of the velocity on held-out latents.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch

from ssldiff_core import EmbeddingGrid, Settings, load_model
from ssldiff_core.evaluation import borders
from ssldiff_core.layouts import Layout, Palette
from ssldiff_core.models.catalogue import Model
from ssldiff_core.training.recipes import CROP_LAT

from .ablation_measures import HeldOut, core_seconds, disturbed, draw_grids, drawn_figures, velocity_errors
from .ablations import FULL, QUICK, Figures, Scale, hold_out, make_parser, recipe_of
from .report import report

CELL_LAT = 16
ERROR = "error"

WAYS: dict[str, tuple[Settings, float]] = {
    "default": (Settings(), 0.0),
    "unguided": (Settings(guidance_scale=1.0), 0.0),
    "throughout": (Settings(guidance_interval=(0.0, 1.0)), 0.0),
    "guided_2": (Settings(guidance_scale=2.0), 0.0),
    "steps_8": (Settings(steps=8), 0.0),
    "steps_50": (Settings(steps=50), 0.0),
    "noise_03": (Settings(), 0.3),
    "noise_06": (Settings(), 0.6),
    "noise_1": (Settings(), 1.0),
}
"""Settings, and the noise in the grids as a multiple of the embeddings' length."""


def faded(grid: EmbeddingGrid) -> EmbeddingGrid:
    """With classes that fade into each other over a cell."""
    return grid if grid.regions is None else replace(grid, regions=replace(grid.regions, transition_lat=CELL_LAT))


def whole_cells(grid: EmbeddingGrid) -> EmbeddingGrid:
    """With each cell of the class that covers most of it, and no borders finer than cells."""
    return replace(grid, regions=None)


FIELDS: dict[str, Callable[[EmbeddingGrid], EmbeddingGrid]] = {
    "sharp": lambda grid: grid, "fade": faded, "cells": whole_cells,
}  # fmt: skip


def border_figures(model: Model, change: Callable[[EmbeddingGrid], EmbeddingGrid], layouts: int) -> Figures:
    """Displacements of drawn borders where every layout's grid is changed before it is drawn."""
    palette = Palette.load(model.spec.folder / "palette.npz")
    draw = borders._draw

    def changed(model: Model, layout: Layout, settings: Settings, seed: int):
        return draw(model, change(layout.grid()), settings, seed)

    with patch.object(borders, "_draw", changed):
        *_, found = borders.measure_borders(model, palette, layouts, settings=Settings(steps=12))
    return {name: float(value) for name, value in found.to_json().items()}


def way_figures(model: Model, way: str, held_out: HeldOut, folder: Path, scale: Scale) -> Figures:
    """Of one of :data:`WAYS`."""
    settings, level = WAYS[way]
    grids = [disturbed(grid, level, seed) if level else grid for seed, grid in enumerate(held_out.grids)]
    figures = drawn_figures(draw_grids(model, grids, folder / "drawn", settings), held_out)
    return {**figures, "core_seconds": core_seconds(model, scale.timed_px, settings)}


def figures_of(model: Model, name: str, held_out: HeldOut, folder: Path, scale: Scale, crop_lat: int) -> Figures:
    """Of a way, a field, or :data:`ERROR`."""
    if name in FIELDS:
        return border_figures(model, FIELDS[name], scale.layouts)
    if name == ERROR:
        return velocity_errors(model.denoiser.network, held_out.cached, crop_lat, scale.crops)  # type: ignore[union-attr]
    return way_figures(model, name, held_out, folder, scale)


def main() -> None:
    """Measure the ways and fields asked for."""
    parser = make_parser(__doc__)
    arguments = parser.parse_args()
    known = [*WAYS, *FIELDS, ERROR]
    names = arguments.only.split(",") if arguments.only else known
    if unknown := [name for name in names if name not in known]:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(known)}")
    scale = QUICK if arguments.quick else FULL
    work = arguments.work / "ablations" / ("shipped-quick" if arguments.quick else "shipped")
    work.mkdir(parents=True, exist_ok=True)
    model = load_model(arguments.domain)
    held_out = hold_out(recipe_of(arguments.domain, arguments.data, arguments.work), work.parent, scale)
    found: dict[str, float | str] = {}
    for name in names:
        folder = work / name
        file = folder / "figures.json"
        if not file.exists():
            print(f"{arguments.domain}: {name}", flush=True)
            figures = figures_of(model, name, held_out, folder, scale, CROP_LAT[arguments.domain][0])
            folder.mkdir(exist_ok=True)
            file.write_text(json.dumps(figures, indent=1) + "\n")
        figures = json.loads(file.read_text())
        print("  ".join(f"{key} {value:.4g}" for key, value in figures.items()), flush=True)
        found |= {f"{name}_{key}": value for key, value in figures.items()}
    report(found, arguments.json, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
