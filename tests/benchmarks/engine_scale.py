"""How time and memory grow with the canvas, and what an edit or a read of a part costs."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np

from ssldiff_core import EmbeddingGrid, Settings, generate
from ssldiff_core.diffusion.graph.trajectory import Trajectory
from ssldiff_core.models.catalogue import get_model_spec
from ssldiff_core.regenerate import regenerate

from .generate import random_grid

STREAM = """
import sys, tempfile
from pathlib import Path
from tests.benchmarks.engine_scale import tissue_grid
from tests.benchmarks.report import peak_rss_mib
from ssldiff_core import Settings
from ssldiff_core.streaming import StreamedRun
side, steps, tile = (int(word) for word in sys.argv[1:4])
with tempfile.TemporaryDirectory() as folder:
    run = StreamedRun(tissue_grid(side), Settings(steps=steps, tile_lat=tile), Path(folder) / "run")
    for step in run.steps():
        pass
print(peak_rss_mib())
"""


def tissue_grid(side_px: int) -> EmbeddingGrid:
    """Random unit embeddings for the shipped tissue model."""
    return random_grid(get_model_spec("tissue"), side_px)


def streamed_rss_mib(side_px: int, steps: int, tile_lat: int = 128) -> float:
    """Peak resident memory of a process of its own that streams a canvas."""
    words = [sys.executable, "-c", STREAM, str(side_px), str(steps), str(tile_lat)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def seconds_per_mpx(side_px: int, steps: int, repeats: int) -> float:
    """Of a whole image, the median of ``repeats``."""
    grid = tissue_grid(side_px)
    seconds = []
    for seed in range(repeats):
        began = time.perf_counter()
        list(generate(grid, Settings(seed=seed, steps=steps)))
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds)) / (side_px / 1000.0) ** 2


def edit_fractions(side_px: int, steps: int, edits: tuple[int, ...] = (1, 4, 16)) -> dict[str, float]:
    """Time to draw again after an edit of a square of cells, as a part of the time of the whole run."""
    grid = tissue_grid(side_px)
    trajectory = Trajectory()
    began = time.perf_counter()
    list(generate(grid, Settings(steps=steps), keep=trajectory))
    whole = time.perf_counter() - began
    figures = {}
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


def first_region_seconds(cells: int, steps: int) -> float:
    """Time to the first 512-px region in the middle of a canvas of ``cells`` × ``cells`` that nobody has drawn."""
    from ssldiff_core.geometry import Box
    from ssldiff_core.synthetic_scene import SyntheticScene

    grid = tissue_grid(cells * 128)
    middle = cells // 2 * 128
    with SyntheticScene(grid, Settings(steps=steps)) as scene:
        began = time.perf_counter()
        scene.read(Box(middle, middle, 512, 512))
        return time.perf_counter() - began
