"""Real grids for the prior: the training images embedded at every pixel size, and what their cells are called.

Cells are called by the nearest swatch of a palette. The palette belongs to one encoder at one pixel size, so names are
read there, and carried to the other pixel sizes of the same picture by place: an encoder without a palette of its own
can so be given names by another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..embeddings.encoder import PatchEncoder, load_patch_encoder
from ..geometry import CELL_PX
from ..layouts import Palette
from .captions import measure_patches
from .data import TrainingImage, dihedral, iterate_images
from .layout_scenes import RealGrid

HALF = CELL_PX // 2
_SMALL_CELLS = 2
"""Images of so many cells are also read at lattices moved by half a cell."""


class CellNames:
    """Names of cells by the nearest swatch.

    Args:
        folder: of a model with ``encoder.json`` and ``palette.npz``.
    """

    def __init__(self, folder: Path) -> None:
        self.encoder = load_patch_encoder(folder)
        self.palette = Palette.load(folder / "palette.npz")
        self.names = np.array(self.palette.names, dtype=object)

    def read(self, pixels: NDArray[np.uint8], pixel_size_m: float) -> tuple[NDArray[np.object_], float]:
        """Names on a lattice half a cell wide (rows, cols), and the metres between its points.

        The first point is the centre of the cell in the top-left corner; (0, 0) names where the picture is too small.
        """
        scaled = resample(pixels, pixel_size_m, self.palette.pixel_size_m)
        step_m = HALF * self.palette.pixel_size_m
        if min(scaled.shape[:2]) < CELL_PX:
            return np.zeros((0, 0), dtype=object), step_m
        patches = cut_patches(scaled, HALF)
        vectors = self.encoder.encode(patches.reshape(-1, CELL_PX, CELL_PX, 3))
        return self.names[self.palette.nearest(vectors)].reshape(patches.shape[:2]), step_m


def build_grids(
    root: Path, domain: str, encoder: PatchEncoder, names: CellNames, *, split: str = "train", copies: int = 3,
    seed: int = 0,
) -> list[RealGrid]:  # fmt: skip
    """Every image of a split in ``copies`` turned copies at every pixel size."""
    generator = np.random.default_rng(seed)
    grids: list[RealGrid] = []
    for number, images in enumerate(_pictures(root, domain, split)):
        for turn in generator.permutation(8)[:copies].tolist():
            turned = [(image, np.ascontiguousarray(dihedral(image.pixels, turn))) for image in images]
            named, step_m = names.read(turned[0][1], turned[0][0].pixel_size_m)
            for image, pixels in turned:
                grids += _grids_of(image, pixels, number, encoder, named, step_m, domain)
    return grids


def _pictures(root: Path, domain: str, split: str) -> Iterator[list[TrainingImage]]:
    """The images of each picture, finest first; a labelled one also at the coarser pixel sizes of its domain."""
    every = sorted(iterate_images(root, domain, split), key=lambda image: (image.path, image.pixel_size_m))
    sizes = sorted({image.pixel_size_m for image in every})
    for _, group in groupby(every, key=lambda image: image.path):
        images = list(group)
        coarsest = images[-1]
        for size in sizes:
            if (
                images[0].label
                and domain == "aerial"
                and "uc_merced" in images[0].path
                and size > coarsest.pixel_size_m
            ):
                pixels = resample(coarsest.pixels, coarsest.pixel_size_m, size)
                if min(pixels.shape[:2]) >= 0.9 * CELL_PX:
                    images.append(TrainingImage(coarsest.path, coarsest.group, coarsest.label, size, pixels))
        yield images


def _grids_of(
    image: TrainingImage, pixels: NDArray[np.uint8], number: int, encoder: PatchEncoder,
    named: NDArray[np.object_], step_m: float, domain: str,
) -> list[RealGrid]:  # fmt: skip
    whole = fit_cells(pixels)
    rows, cols = (side // CELL_PX for side in whole.shape[:2])
    starts = [(0, 0)]
    if max(rows, cols) <= _SMALL_CELLS:
        starts += [(0, HALF), (HALF, 0), (HALF, HALF)]
    label = image.label if "naip" not in image.path else ""
    grids = []
    for top, left in starts:
        part = whole[top : top + (whole.shape[0] - top) // CELL_PX * CELL_PX, left:]
        part = part[:, : part.shape[1] // CELL_PX * CELL_PX]
        if 0 in part.shape:
            continue
        patches = cut_patches(part, CELL_PX)
        flat = np.ascontiguousarray(patches.reshape(-1, CELL_PX, CELL_PX, 3))
        vectors = encoder.encode(flat).reshape(*patches.shape[:2], -1).astype(np.float16)
        measures = measure_patches(flat, domain).reshape(*patches.shape[:2], 3)
        called = _names_at(patches.shape[:2], (top, left), image.pixel_size_m, named, step_m)
        grids.append(RealGrid(vectors, measures, called, label, image.pixel_size_m, number))
    return grids


def _names_at(
    shape: tuple[int, ...], start_px: tuple[int, int], pixel_size_m: float, named: NDArray[np.object_], step_m: float
) -> NDArray[np.object_]:
    """The name nearest to the centre of each cell."""
    if not named.size:
        return np.full(shape, "", dtype=object)
    half_m = step_m  # the first point lies one step, half a cell, from the corner
    indices: list[Sequence[int]] = []
    for axis in (0, 1):
        centre_m = (start_px[axis] + (np.arange(shape[axis]) + 0.5) * CELL_PX) * pixel_size_m
        nearest = np.rint((centre_m - half_m) / step_m).astype(int)
        indices.append(np.clip(nearest, 0, named.shape[axis] - 1))
    return np.asarray(named[np.ix_(indices[0], indices[1])])


def cut_patches(pixels: NDArray[np.uint8], spacing_px: int) -> NDArray[np.uint8]:
    """(h, w, 3) -> (rows, cols, 128, 128, 3): patches at every ``spacing_px``."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (CELL_PX, CELL_PX), axis=(0, 1))
    return np.ascontiguousarray(windows[::spacing_px, ::spacing_px].transpose(0, 1, 3, 4, 2))


def fit_cells(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stretched to whole cells where a side lacks less than a tenth of one: aerial images are 247 to 256 px wide."""
    height, width = (max(1, int((side + 0.1 * CELL_PX) // CELL_PX)) * CELL_PX for side in pixels.shape[:2])
    if height <= pixels.shape[0] and width <= pixels.shape[1]:
        return pixels
    size = (max(width, pixels.shape[1]), max(height, pixels.shape[0]))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def resample(pixels: NDArray[np.uint8], from_m: float, to_m: float) -> NDArray[np.uint8]:
    """At another pixel size."""
    if abs(from_m / to_m - 1) < 1e-6:
        return pixels
    height, width = (max(1, round(side * from_m / to_m)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
