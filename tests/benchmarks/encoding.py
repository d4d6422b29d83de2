"""How fast a slide becomes a grid: against a plain timm loop over ``read_region``, on the same cells in the same run.

    python -m tests.benchmarks.encoding [--quick] [--json FILE]

A slide is made of the tissue demo scene, mirrored and laid out in islands on glass, as a pyramid of JPEG tiles at
0.25 µm; it is encoded at 0.5 µm by the shipped tissue encoder. The plain loop opens it with OpenSlide, reads each
patch at the level of the grid, and gives batches of 64 to the same timm network. Rounds of both alternate.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ssldiff_core.assets import assets_path
from ssldiff_core.embeddings.embed import embed_scene
from ssldiff_core.embeddings.encoder import TimmPatchEncoder, load_patch_encoder
from ssldiff_core.embeddings.foreground import foreground_cells
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.export.pixels import ArraySource
from ssldiff_core.export.tiff import write_tiff
from ssldiff_core.models.catalogue import get_model_spec
from ssldiff_core.scenes import open_scene

from .report import parse_arguments, peak_rss_mib, report

SLIDE_M, GRID_M, BATCH = 2.5e-7, 5e-7, 64


def write_slide(path: Path, side: int) -> None:
    """A slide of islands of tissue on glass; about half of it is tissue."""
    from PIL import Image

    with Image.open(assets_path("scenes") / "tissue-demo.tif") as image:
        tissue = np.asarray(image.convert("RGB"))
    tissue = np.concatenate([tissue, tissue[:, ::-1]], axis=1)
    tissue = np.concatenate([tissue, tissue[::-1]])
    times = -(-side // min(tissue.shape[:2]))
    pixels = np.tile(tissue, (times, times, 1))[:side, :side].copy()
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side * 2 * np.pi
    pixels[np.sin(2 * x) * np.sin(3 * y) + 0.4 * np.cos(5 * x + 2 * y) < 0] = 242
    write_tiff(path, ArraySource(pixels), "", SLIDE_M, quality=85)


def plain_loop(path: Path, encoder: TimmPatchEncoder, cells: np.ndarray) -> np.ndarray:
    """Embeddings (n, dim) of cells (n, 2), as a script of twenty lines computes them."""
    import openslide
    import torch

    found, batch = [], []
    with openslide.OpenSlide(str(path)) as slide, torch.inference_mode():
        level = slide.get_best_level_for_downsample(GRID_M / SLIDE_M * 1.01)
        step = round(encoder.patch_px * GRID_M / SLIDE_M)
        for number, (row, col) in enumerate(cells):
            place = (int(col) * step, int(row) * step)
            patch = slide.read_region(place, level, (encoder.patch_px, encoder.patch_px)).convert("RGB")
            batch.append(torch.from_numpy(np.array(patch)).permute(2, 0, 1).float() / 255)
            if len(batch) == BATCH or number + 1 == len(cells):
                pixels = (torch.stack(batch) - encoder._mean) / encoder._std
                found.append(encoder._finished(encoder._network(pixels).float().numpy()))
                batch = []
    return np.concatenate(found)


def encode(path: Path, encoder: TimmPatchEncoder, workers: int, *, foreground_only: bool) -> EmbeddingGrid:
    """The same by ssldiff."""
    with open_scene(path) as scene:
        *_, last = embed_scene(
            scene, encoder, pixel_size_m=GRID_M, workers=workers, foreground_only=foreground_only, batch_size=BATCH
        )
    assert last.grid is not None
    return last.grid


def timed(work: Callable[[], object]) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    side, rounds = (4096, 1) if arguments.quick else (12_288, 3)
    encoder = load_patch_encoder(get_model_spec("tissue").encoder_id)
    assert isinstance(encoder, TimmPatchEncoder)
    workers = max(1, (os.cpu_count() or 1) - 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.tif"
        write_slide(path, side)
        grid = encode(path, encoder, 0, foreground_only=True)
        cells = np.argwhere(grid.valid)
        with open_scene(path) as scene:
            assert (foreground_cells(scene, grid.geometry) == grid.valid).all()
        known = plain_loop(path, encoder, cells[:BATCH])
        cosine = float((known * grid.vectors[tuple(cells[:BATCH].T)]).sum(axis=1).mean())
        everywhere = np.argwhere(np.ones(grid.shape_cell, dtype=bool))
        seconds: dict[str, list[float]] = {"plain": [], "here": [], "ahead": [], "plain_all": []}
        for _ in range(rounds):
            seconds["plain"].append(timed(lambda: plain_loop(path, encoder, cells)))
            seconds["here"].append(timed(lambda: encode(path, encoder, 0, foreground_only=True)))
            seconds["ahead"].append(timed(lambda: encode(path, encoder, workers, foreground_only=True)))
            seconds["plain_all"].append(timed(lambda: plain_loop(path, encoder, everywhere)))
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    report(
        {
            "encoding_speedup": middle["plain"] / middle["ahead"],
            "encoding_speedup_without_workers": middle["plain"] / middle["here"],
            "encoding_speedup_whole_slide": middle["plain_all"] / middle["ahead"],
            "encoding_patches_per_s": len(cells) / middle["ahead"],
            "encoding_plain_patches_per_s": len(cells) / middle["plain"],
            "encoding_cells": float(grid.valid.size), "encoding_foreground_cells": float(len(cells)),
            "encoding_cosine_to_plain": cosine, "encoding_workers": float(workers), "encoding_rounds": float(rounds),
            "encoding_peak_rss_mib": peak_rss_mib(),
        },
        arguments.json, threads=int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)),
    )  # fmt: skip


if __name__ == "__main__":
    main()
