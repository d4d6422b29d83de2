"""How images of any size become whole cells at a pixel size that the model knows, and the way back.

An image is resampled to the trained pixel size that is nearest to its own. A side under one cell is enlarged to one; a
side within 3 % of a whole number of cells is stretched to it; any other is continued by its mirror image to the next
whole cell, and the continuation is cut off again from what is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...embeddings.catalogue import check_pixel_size

STRETCH = 0.03
"""A side this near to a whole number of cells is stretched to it."""

SAME_SIZE = 1.02
"""Pixel sizes nearer than this ratio are one."""


@dataclass(frozen=True)
class Fit:
    """How an image lies on its canvas.

    Args:
        size_px: (height, width) of the image.
        scaled_px: (height, width) once it has the canvas's pixel size.
        shape_cell: rows and columns of cells that hold it.
        cell_px: side of a cell.
        pixel_size_m: of the canvas, as the model is told it.
    """

    size_px: tuple[int, int]
    scaled_px: tuple[int, int]
    shape_cell: tuple[int, int]
    cell_px: int
    pixel_size_m: float

    @property
    def note(self) -> str:
        """What was done to the size, for people; empty where nothing."""
        parts = []
        height, width = self.scaled_px
        if self.scaled_px != self.size_px:
            more = "enlarged" if height > self.size_px[0] else "resampled"
            parts.append(f"{more} from {self.size_px[1]} × {self.size_px[0]} to {width} × {height} px")
        rows, cols = (count * self.cell_px for count in self.shape_cell)
        if (rows, cols) != self.scaled_px:
            parts.append(f"continued by its mirror image to {cols} × {rows} px")
        return ", ".join(parts)

    def to_canvas(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (h, w, 3) on whole cells (rows · cell, cols · cell, 3) uint8."""
        scaled = resized(pixels, self.scaled_px)
        missing = [count * self.cell_px - side for count, side in zip(self.shape_cell, self.scaled_px, strict=True)]
        return np.pad(scaled, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric") if any(missing) else scaled

    def from_canvas(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What was drawn, at the image's own size."""
        height, width = self.scaled_px
        return resized(np.ascontiguousarray(canvas[:height, :width]), self.size_px)


def fit_image(
    size_px: tuple[int, int], pixel_size_m: float, trained_m: tuple[float, ...], cell_px: int, name: str
) -> Fit:
    """How an image becomes whole cells.

    Args:
        size_px: (height, width).
        pixel_size_m: metres along its pixels.
        trained_m: pixel sizes of the model.
        cell_px: side of a cell.
        name: of the model, for messages.

    Raises:
        GridError: where the pixel size lies outside the trained range, naming the nearest.
    """
    check_pixel_size(pixel_size_m, trained_m, name)
    drawn_m = min(trained_m, key=lambda size: abs(math.log(size / pixel_size_m)))
    scale = pixel_size_m / drawn_m
    if max(scale, 1.0 / scale) < SAME_SIZE:
        scale = 1.0
    if min(size_px) * scale < cell_px * (1.0 - STRETCH):
        scale = cell_px / min(size_px)
    sides = [_side(length * scale, cell_px) for length in size_px]
    return Fit(size_px, (sides[0][0], sides[1][0]), (sides[0][1], sides[1][1]), cell_px, drawn_m)


def _side(length: float, cell_px: int) -> tuple[int, int]:
    """Pixels along a side, and its cells."""
    cells = length / cell_px
    nearest = max(1, round(cells))
    if abs(cells - nearest) <= STRETCH * nearest:
        return nearest * cell_px, nearest
    return round(length), math.ceil(round(length) / cell_px)


def resized(pixels: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 at (height, width), by Lanczos where it differs."""
    if pixels.shape[:2] == size_px:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size_px[1], size_px[0]), Image.Resampling.LANCZOS))
