"""The engines beside the authors' algorithm, on the same weights in the same run.

    python -m tests.benchmarks.engines [--quick] [--json FILE] [--data DIR]

Quality is that of grids of test images where ``--data`` holds them (see ``ssldiff train``), else of the demo scene's
grid; then there is no Fréchet distance. Times are ratios within this run. ``--quick`` takes few small images: its
figures only show that the benchmark runs.

- ``X_speedup``: seconds of ``notebook`` at 1024 px over those of engine X at its default settings.
- ``X_similarity_loss``: mean embedding similarity of ``notebook`` minus that of X, with the middle 95 % of the paired
  difference by bootstrap over cells.
- ``X_frechet_ratio``, ``X_seam_ratio``: X over ``notebook``; Fréchet distance to real patches of other test images.
- ``edit_Ncell_fraction``: time after an edit of N cells over that of the whole run.
- ``rss_ratio_…``, ``seconds_per_mpx_ratio_…``, ``first_region_canvas_ratio``: large canvases over small ones.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from ssldiff_core import EmbeddingGrid, Settings, generate
from ssldiff_core.embeddings.encoder import load_patch_encoder
from ssldiff_core.models.catalogue import get_model_spec
from ssldiff_core.models.placement import choose_device, choose_dtype

from .engine_quality import Quality, bootstrap_of_mean, demo_grids, held_out, measure_quality
from .engine_scale import edit_fractions, first_region_seconds, seconds_per_mpx, streamed_rss_mib, tissue_grid
from .report import report

ENGINES = {
    "notebook": Settings(engine="notebook", steps=50),
    "windowed": Settings(engine="windowed"),
    "shifted": Settings(engine="shifted"),
    "dense": Settings(engine="dense"),
}
Figures = dict[str, float | str]


def evaluations(settings: Settings, side_px: int) -> float:
    """Latents that the network sees for an image, in millions; guidance counts twice."""
    side, window = side_px // 8, 32
    if settings.engine in ("dense", "shifted"):
        seen = side * side
    else:
        stride = window // (4 if settings.engine == "notebook" else 2)
        seen = len(range(0, side - window + 1, stride)) ** 2 * window * window
    return 2.0 * settings.steps * seen / 1e6


def time_engines(side_px: int, steps_share: float) -> Figures:
    """Seconds for one image by engine; where only a share of the steps is drawn, times are scaled and it says so."""
    grid = tissue_grid(side_px)
    figures: Figures = {}
    for name, settings in ENGINES.items():
        list(generate(tissue_grid(256), Settings(engine=name, steps=2)))  # the first calls of a shape are slower
        steps = max(2, round(settings.steps * steps_share))
        began = time.perf_counter()
        *_, last = generate(grid, Settings(engine=name, steps=steps))
        whole = time.perf_counter() - began
        assert last.result is not None
        decode = last.result.seconds["decode"]
        figures[f"{name}_seconds_{side_px}"] = (whole - decode) * settings.steps / steps + decode
        figures[f"{name}_steps_timed_{side_px}"] = float(steps)
        figures[f"{name}_mlatents_{side_px}"] = evaluations(settings, side_px)
    return figures


def compare(grids: list[EmbeddingGrid], real: np.ndarray | None) -> Figures:
    """Quality of every engine beside ``notebook``, on the same grids."""
    encoder = load_patch_encoder(grids[0].encoder_id)
    found: dict[str, Quality] = {name: measure_quality(grids, made, encoder) for name, made in ENGINES.items()}
    yardstick = found["notebook"]
    figures: Figures = {"quality_images": float(len(grids)), "quality_cells": float(len(yardstick.similarity))}
    for name, quality in found.items():
        figures[f"{name}_similarity"] = float(quality.similarity.mean())
        figures[f"{name}_seam"] = float(quality.seams.mean())
        if real is not None:
            figures[f"{name}_frechet"] = quality.frechet(real)
        if name == "notebook":
            continue
        loss = yardstick.similarity - quality.similarity
        low, high = bootstrap_of_mean(loss)
        figures[f"{name}_similarity_loss"] = float(loss.mean())
        figures[f"{name}_similarity_loss_95"] = f"{low:.4f} … {high:.4f}"
        figures[f"{name}_seam_ratio"] = float(quality.seams.mean() / yardstick.seams.mean())
        if real is not None:
            figures[f"{name}_frechet_ratio"] = quality.frechet(real) / yardstick.frechet(real)
    if real is not None:
        figures["frechet_real_patches"] = float(len(real))
    return figures


def scale(quick: bool) -> Figures:
    """Large canvases, edits and first regions."""
    small, large, huge, steps = (512, 1024, 2048, 2) if quick else (1024, 4096, 16384, 2)
    rss = {side: streamed_rss_mib(side, steps) for side in (small, large, huge)}
    figures: Figures = {f"rss_mib_{side}": value for side, value in rss.items()}
    figures[f"rss_ratio_{huge}_{large}"] = rss[huge] / rss[large]
    pace = {side: seconds_per_mpx(side, steps, 1 if side == large else 3) for side in (small, large)}
    figures[f"seconds_per_mpx_ratio_{large}_{small}"] = pace[large] / pace[small]
    figures |= edit_fractions(1024 if quick else 2048, 4 if quick else 20)
    canvases = (16, 64) if quick else (32, 780)
    for count in (4,) if quick else (4, 8):
        near, far = (first_region_seconds(cells, count) for cells in canvases)
        figures[f"first_region_seconds_{count}"] = far
        figures[f"first_region_canvas_ratio_{count}"] = far / near
    figures["first_region_canvas_ratio"] = figures["first_region_canvas_ratio_4"]
    return figures


def main() -> None:
    """Measure quality, speed and scale, in this order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few small images")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one flat JSON object")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with splits.csv and test images")
    arguments = parser.parse_args()
    list(generate(tissue_grid(256), Settings(steps=2)))
    cells, count = (2, 1) if arguments.quick else (4, 16)
    real = None
    if arguments.data is None:
        grids = demo_grids(cells, count)
    else:
        grids, real = held_out(arguments.data, load_patch_encoder(get_model_spec("tissue").encoder_id), cells, count)
    figures: Figures = {}
    for side in (512,) if arguments.quick else (512, 1024, 2048):
        figures |= time_engines(side, 0.04 if arguments.quick or side == 2048 else 1.0)
    largest = 512 if arguments.quick else 1024
    for name in ("windowed", "shifted", "dense"):
        figures[f"{name}_speedup"] = float(figures[f"notebook_seconds_{largest}"]) / float(
            figures[f"{name}_seconds_{largest}"]
        )
    figures |= compare(grids, real) | scale(arguments.quick)
    precision = str(choose_dtype(choose_device())).removeprefix("torch.")
    report(figures, arguments.json, threads=torch.get_num_threads(), precision=precision)


if __name__ == "__main__":
    main()
