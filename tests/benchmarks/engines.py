"""The engines beside the authors' algorithm, on the same weights in the same run.

    python -m tests.benchmarks.engines [--quick] [--json FILE] [--data DIR] [--golden DIR] [--only SECTION …]

Quality is that of grids of test images where ``--data`` holds them (see ``ssldiff train``), else of the demo scene's
grid; then there is no Fréchet distance. Times are ratios within one section. ``--only`` measures some sections and
adds their figures to those in the file; ``--work`` keeps what was drawn, so that a run that was stopped goes on.
``--quick`` takes few small images: its figures only show that the benchmark runs.

- ``X_speedup_PX``: seconds of ``notebook`` over those of engine X at its default settings; ``dense_speedup`` is that at
  1024 px, ``shifted_speedup`` that of equal steps on the network of ``--golden``.
- ``X_similarity_loss``: mean embedding similarity of ``notebook`` minus that of X, with the middle 95 % of the paired
  difference by bootstrap over images.
- ``X_frechet_ratio``, ``X_seam_ratio``: X over ``notebook``; Fréchet distance to real patches of other test images.
- ``edit_Ncell_fraction``: time after an edit of N cells over that of the whole run.
- ``rss_ratio_…``, ``seconds_per_mpx_ratio_…``, ``first_region_canvas_ratio``: large canvases over small ones.
- ``SECTION_load``: the machine's load average when a section began.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ssldiff_core import ModelSpec
from ssldiff_core.embeddings.encoder import load_patch_encoder
from ssldiff_core.models.catalogue import get_model_spec
from ssldiff_core.models.placement import choose_device, choose_dtype

from .engine_quality import Quality, bootstrap_of_mean, demo_grids, held_out, measure_quality
from .engine_rows import FEW_IMAGES, engine_rows, more_rows
from .engine_scale import edit_fractions, measure_pace, measure_regions, streamed_rss_mib
from .engine_speed import speedups, time_engines, time_golden
from .report import report

Figures = dict[str, float | str]


def compare(arguments: argparse.Namespace, spec: ModelSpec) -> Figures:
    """Quality of every row beside ``notebook``, on the same grids."""
    encoder = load_patch_encoder(spec.encoder_id)
    cells, count = (2, 1) if arguments.quick else (4, 16)
    grids, real = demo_grids(spec, cells, count), None
    if arguments.data is not None:
        grids, real = held_out(arguments.data, spec.id, encoder, cells, count)
    rows = engine_rows(spec) | ({} if arguments.quick else more_rows(spec))
    store = None if arguments.work is None else arguments.work / "images"
    grids = grids[: arguments.images]
    seen = {name: grids[: FEW_IMAGES.get(name, len(grids))] for name in rows}
    found = {name: measure_quality(seen[name], settings, encoder, store) for name, settings in rows.items()}
    figures: Figures = {"quality_images": float(len(grids)), "quality_cells": float(grids[0].valid.size * len(grids))}
    if real is not None:
        figures["frechet_real_patches"] = float(len(real))
    for name, quality in found.items():
        figures |= quality_figures(name, quality, found["notebook"], real)
    return figures


def quality_figures(name: str, quality: Quality, yardstick: Quality, real: np.ndarray | None) -> Figures:
    """The figures of one row; the intervals resample images, since cells of one image are alike."""
    figures: Figures = {f"{name}_similarity": float(quality.similarity.mean()), f"{name}_images": float(quality.images)}
    figures[f"{name}_seam"] = float(quality.seams.mean())
    if real is not None:
        figures[f"{name}_frechet"] = quality.frechet(real)
    if name == "notebook":
        return figures
    both = min(quality.images, yardstick.images)
    quality, yardstick = quality.of_first(both), yardstick.of_first(both)
    by_image = (yardstick.similarity - quality.similarity).reshape(quality.images, -1).mean(axis=1)
    pairs = {"similarity_loss": by_image, "seam_loss": quality.seams - yardstick.seams}
    for kind, values in pairs.items():
        low, high = bootstrap_of_mean(values)
        figures[f"{name}_{kind}"] = float(values.mean())
        figures[f"{name}_{kind}_95"] = f"{low:.4f} … {high:.4f}"
    figures[f"{name}_seam_ratio"] = float(quality.seams.mean() / yardstick.seams.mean())
    if real is not None:
        figures[f"{name}_frechet_ratio"] = quality.frechet(real) / yardstick.frechet(real)
        low, high = quality.frechet_ratio_interval(yardstick, real)
        figures[f"{name}_frechet_ratio_95"] = f"{low:.3f} … {high:.3f}"
    return figures


def speed(arguments: argparse.Namespace, spec: ModelSpec) -> Figures:
    """Seconds by engine up to 1024 px."""
    figures, sides = Figures(), (512,) if arguments.quick else (512, 1024)
    for side in sides:
        figures |= time_engines(spec, side, slow_steps=2 if arguments.quick else None)
        figures |= speedups(figures, side)
    return figures | {"dense_speedup": figures[f"dense_speedup_{sides[-1]}"]}


def speed_large(arguments: argparse.Namespace, spec: ModelSpec) -> Figures:
    """Seconds by engine at 2048 px, the slow ones from two steps."""
    figures = time_engines(spec, 2048, repeats=1, slow_steps=2)
    return figures | speedups(figures, 2048)


def golden(arguments: argparse.Namespace, spec: ModelSpec) -> Figures:
    """Windows on the authors' network."""
    return {} if arguments.golden is None else time_golden(arguments.golden, 1 if arguments.quick else 3)


def pace(arguments: argparse.Namespace, spec: ModelSpec) -> Figures:
    """Time for each megapixel."""
    return measure_pace(spec, *((512, 1024, 2) if arguments.quick else (1024, 4096, 4)))


def edit(arguments: argparse.Namespace, spec: ModelSpec) -> Figures:
    """Regeneration."""
    return edit_fractions(spec, *((1024, 4) if arguments.quick else (2048, 20)))


def regions(arguments: argparse.Namespace, spec: ModelSpec) -> Figures:
    """Reading parts of a canvas that nobody has drawn: one of 100,000 px, and a small one."""
    small, large, onward = (16, 64, 2) if arguments.quick else (32, 780, 8)
    figures = Figures()
    for steps in (4,) if arguments.quick else (4, 8):
        figures |= measure_regions(spec, steps, small, large, onward)
    return figures | {"first_region_canvas_ratio": figures["first_region_canvas_ratio_4"]}


def memory(arguments: argparse.Namespace, spec: ModelSpec) -> Figures:
    """Resident memory of whole streamed runs of two steps."""
    sides = (512, 1024, 2048) if arguments.quick else (1024, 4096, 16384)
    rss = {side: streamed_rss_mib(spec, side, 2, arguments.work) for side in sides}
    figures: Figures = {f"rss_mib_{side}": value for side, value in rss.items()}
    return figures | {f"rss_ratio_{sides[2]}_{sides[1]}": rss[sides[2]] / rss[sides[1]]}


SECTIONS: dict[str, Callable[[argparse.Namespace, ModelSpec], Figures]] = {
    "speed": speed, "golden": golden, "pace": pace, "edit": edit, "regions": regions, "quality": compare,
    "memory": memory, "speed_large": speed_large,
}  # fmt: skip


def main() -> None:
    """Measure the sections one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few small images")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one flat JSON object")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with splits.csv and test images")
    parser.add_argument("--golden", type=Path, metavar="DIR", help="checkpoint of the authors' layout and its grid")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep images and runs there, and go on from them")
    parser.add_argument("--images", type=int, metavar="N", help="compare the first N images only")
    parser.add_argument("--model", default="tissue", metavar="ID", help="a shipped model (tissue)")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS))
    arguments = parser.parse_args()
    spec, figures = get_model_spec(arguments.model), Figures()
    for name in arguments.only or (list(SECTIONS)[:-1] if arguments.quick else SECTIONS):
        load = os.getloadavg()[0]
        figures |= SECTIONS[name](arguments, spec) | {f"{name}_load": load}
        if arguments.json is not None and arguments.json.is_file():
            figures = json.loads(arguments.json.read_text()) | figures
        precision = str(choose_dtype(choose_device())).removeprefix("torch.")
        report(figures, arguments.json, threads=torch.get_num_threads(), precision=precision)


if __name__ == "__main__":
    main()
