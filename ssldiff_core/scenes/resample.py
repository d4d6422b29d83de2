"""Any box of a stored level at any size, by Lanczos.

The level is thought of as continued by its border pixels; an output pixel is computed wherever its centre lies inside
the level and is white elsewhere. So the result at a place does not depend on how much else was asked for: reading in
parts equals reading the whole (to one grey level: Pillow weighs in fixed point).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..geometry import Box

LevelReader = Callable[[int, int, int, int], tuple[NDArray[np.uint8], NDArray[np.bool_] | None]]
"""(x, y, width, height) inside the level -> RGB (height, width, 3) and mask (height, width), None for all valid."""

_LANCZOS_SUPPORT = 3.0

_BLOCK_PX = 2**25
"""Most stored pixels held at once (100 MB of RGB): larger reads go in parts."""


def resample(
    read_level: LevelReader,
    level_size: tuple[int, int],
    extent: tuple[float, float],
    box: Box,
    size_px: tuple[int, int],
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Read ``box`` (pixels of the level) as ``size_px`` (width, height).

    Args:
        read_level: hands out stored pixels.
        level_size: (width, height) that are stored.
        extent: (width, height) of the scene in pixels of the level; a level rounded down ends a little before.
        box: what to read.
        size_px: (width, height) of the output.

    Returns:
        RGB (height, width, 3) uint8, white where invalid, and the mask of valid pixels (height, width).
    """
    width, height = size_px
    pixels = np.full((height, width, 3), 255, np.uint8)
    valid = np.zeros((height, width), np.bool_)
    col0, col1 = _centres_inside(box.x, box.width / width, width, extent[0])
    row0, row1 = _centres_inside(box.y, box.height / height, height, extent[1])
    if col0 >= col1 or row0 >= row1:
        return pixels, valid
    scale_x, scale_y = box.width / width, box.height / height
    for top, bottom, left, right in _parts(row0, row1, col0, col1, scale_x, scale_y):
        part = Box(box.x + left * scale_x, box.y + top * scale_y, (right - left) * scale_x, (bottom - top) * scale_y)
        rgb, mask = _resample_inside(read_level, level_size, part, (right - left, bottom - top))
        if mask is not None:
            rgb[~mask] = 255
        pixels[top:bottom, left:right] = rgb
        valid[top:bottom, left:right] = True if mask is None else mask
    return pixels, valid


def _centres_inside(start: float, scale: float, count: int, side: float) -> tuple[int, int]:
    """Output indices [first, last) whose centres ``start + (i + 0.5) * scale`` lie in [0, side)."""
    slack = 1e-6  # a box computed in floating point may miss a whole number by a hair
    first = math.ceil((0 - start) / scale - 0.5 - slack)
    last = math.ceil((side - start) / scale - 0.5 - slack)
    return max(0, first), min(count, last)


def _parts(
    row0: int, row1: int, col0: int, col1: int, scale_x: float, scale_y: float
) -> list[tuple[int, int, int, int]]:
    """(top, bottom, left, right) blocks of output pixels, each of ``_BLOCK_PX`` stored pixels at most."""
    rows, cols = row1 - row0, col1 - col0
    if rows * scale_y * cols * scale_x <= _BLOCK_PX or rows * cols == 1:
        return [(row0, row1, col0, col1)]
    if cols == 1 or (rows > 1 and rows * scale_y >= cols * scale_x):
        middle = row0 + rows // 2
        halves = [(row0, middle, col0, col1), (middle, row1, col0, col1)]
    else:
        middle = col0 + cols // 2
        halves = [(row0, row1, col0, middle), (row0, row1, middle, col1)]
    return [part for half in halves for part in _parts(*half, scale_x, scale_y)]


def _resample_inside(
    read_level: LevelReader, level_size: tuple[int, int], box: Box, size_px: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """As :func:`resample` for output pixels whose centres all lie inside the level."""
    whole = float(box.x).is_integer() and float(box.y).is_integer()
    as_stored = whole and box.width == size_px[0] and box.height == size_px[1]
    left, right = _block(box.x, box.right, 0.0 if as_stored else box.width / size_px[0])
    top, bottom = _block(box.y, box.bottom, 0.0 if as_stored else box.height / size_px[1])
    x, y = max(0, left), max(0, top)
    width, height = min(level_size[0], right) - x, min(level_size[1], bottom) - y
    rgb, mask = read_level(x, y, width, height)
    if mask is not None and mask.all():
        mask = None
    border = ((y - top, bottom - y - height), (x - left, right - x - width))
    if any(side for pair in border for side in pair):
        rgb = np.pad(rgb, (*border, (0, 0)), mode="edge")
        mask = None if mask is None else np.pad(mask, border, mode="edge")
    window = (box.x - left, box.y - top, box.right - left, box.bottom - top)
    if as_stored:
        return rgb.copy(), None if mask is None else mask.copy()  # copies, so that nothing outside shares the memory
    resized = np.array(Image.fromarray(rgb).resize(size_px, Image.Resampling.LANCZOS, box=window))
    if mask is None:
        return resized, None
    share = Image.fromarray(mask.astype(np.uint8) * 255).resize(size_px, Image.Resampling.BOX, box=window)
    return resized, np.asarray(share) >= 128


def _block(start: float, stop: float, scale: float) -> tuple[int, int]:
    """Whole pixels that the kernel touches around [start, stop); scale 0 is no kernel."""
    margin = _LANCZOS_SUPPORT * max(1.0, scale) + 1 if scale else 0
    return math.floor(start - margin), math.ceil(stop + margin)
