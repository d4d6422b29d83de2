"""How time and memory grow with the canvas, and what an edit or a read of a part costs."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ssldiff_core import ModelSpec, Settings, generate
from ssldiff_core.diffusion.graph.trajectory import Trajectory
from ssldiff_core.regenerate import regenerate

from .generate import random_grid

STREAM = """
import sys
from pathlib import Path
from tests.benchmarks.generate import random_grid
from tests.benchmarks.report import peak_rss_mib
from ssldiff_core import Settings
from ssldiff_core.models.catalogue import get_model_spec
from ssldiff_core.streaming import StreamedRun
spec, folder, side, steps = get_model_spec(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:5])
run = StreamedRun(random_grid(spec, side), Settings(steps=steps), folder, keep=True)
with (folder / "peaks.txt").open("a") as peaks:
    for step in run.steps():
        peaks.write(f"{peak_rss_mib()} {step.index} {step.total}\\n")
        peaks.flush()
    peaks.write(f"{peak_rss_mib()}\\n")
"""

Figures = dict[str, float | str]


def streamed_rss_mib(spec: ModelSpec, side_px: int, steps: int, work: Path | None) -> float:
    """Peak resident memory of processes of their own that stream a canvas to its end.

    Args:
        work: where a run is kept, so that one that was stopped goes on; the most that any of its processes took counts.
    """
    with TemporaryDirectory() as made:
        folder = (Path(made) if work is None else work) / f"stream-{side_px}"
        words = [sys.executable, "-c", STREAM, spec.id, str(folder), str(side_px), str(steps)]
        subprocess.run(words, check=True, capture_output=True, text=True)
        return max(float(line.split()[0]) for line in (folder / "peaks.txt").read_text().splitlines())


def seconds_per_mpx(spec: ModelSpec, side_px: int, steps: int, repeats: int) -> float:
    """Of a whole image, the median of ``repeats``."""
    grid, seconds = random_grid(spec, side_px), []
    for seed in range(repeats):
        began = time.perf_counter()
        list(generate(grid, Settings(seed=seed, steps=steps)))
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds)) / (side_px / 1000.0) ** 2


def measure_pace(spec: ModelSpec, small: int, large: int, steps: int) -> Figures:
    """Seconds a megapixel of a small and of a large image."""
    list(generate(random_grid(spec, small), Settings(steps=1)))
    pace = {small: seconds_per_mpx(spec, small, steps, 3), large: seconds_per_mpx(spec, large, steps, 1)}
    figures: Figures = {f"seconds_per_mpx_{side}": value for side, value in pace.items()}
    figures["seconds_per_mpx_steps"] = float(steps)
    return figures | {f"seconds_per_mpx_ratio_{large}_{small}": pace[large] / pace[small]}


def edit_fractions(spec: ModelSpec, side_px: int, steps: int, edits: tuple[int, ...] = (1, 4, 16)) -> Figures:
    """Time to draw again after an edit of a square of cells, as a part of the time of the whole run."""
    grid, trajectory = random_grid(spec, side_px), Trajectory()
    list(generate(random_grid(spec, 256), Settings(steps=2)))
    began = time.perf_counter()
    list(generate(grid, Settings(steps=steps), keep=trajectory))
    whole = time.perf_counter() - began
    figures: Figures = {"edit_whole_seconds": whole, "edit_side_px": float(side_px), "edit_steps": float(steps)}
    for cells in edits:
        side = round(cells**0.5)
        vectors = np.array(grid.vectors)
        start = (grid.shape_cell[0] - side) // 2
        part = vectors[start : start + side, start : start + side]
        vectors[start : start + side, start : start + side] = -part
        edited = replace(grid, vectors=vectors)
        began = time.perf_counter()
        list(regenerate(trajectory, edited))
        figures[f"edit_{cells}cell_fraction"] = (time.perf_counter() - began) / whole
        list(regenerate(trajectory, grid))  # back to the first version, which costs nothing
    return figures


def measure_regions(spec: ModelSpec, steps: int, small: int, large: int, onward: int) -> Figures:
    """A first 512-px region in the middle of a canvas that nobody has drawn, and reading on to its right.

    ``cone`` is what the network saw for the first region, ``scan`` for each one after it, as multiples of the region.

    Args:
        small, large: cells along a side of the two canvases that are compared.
        onward: regions that are read after the first, in the large canvas.
    """
    from ssldiff_core.geometry import Box
    from ssldiff_core.synthetic_scene import TILE_LAT, SyntheticScene

    seconds, region = {}, float(steps * TILE_LAT**2)
    for cells in (small, large):
        middle = cells * spec.cell_px // 2 // 512 * 512
        with SyntheticScene(random_grid(spec, cells * spec.cell_px), Settings(steps=steps)) as scene:
            began = time.perf_counter()
            scene.read(Box(middle, middle, 512, 512))
            seconds[cells] = time.perf_counter() - began
            first = scene.graph.latents_denoised
            began = time.perf_counter()
            for index in range(onward if cells == large else 0):
                scene.read(Box(middle + 512 * (1 + index), middle, 512, 512))
            spent, seen = time.perf_counter() - began, scene.graph.latents_denoised - first
    return {
        f"first_region_seconds_{steps}": seconds[large], f"first_region_cone_{steps}": first / region,
        f"first_region_canvas_ratio_{steps}": seconds[large] / seconds[small],
        f"scan_region_seconds_{steps}": spent / onward, f"scan_cone_{steps}": seen / region / onward,
    }  # fmt: skip
