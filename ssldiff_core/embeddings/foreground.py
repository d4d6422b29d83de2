"""Where the tissue of a slide is: the coloured part of its thumbnail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import GridError
from ..geometry import Box, GridGeometry

if TYPE_CHECKING:
    from ..scenes import Scene

_LOWEST, _HIGHEST = 0.05, 0.20
"""Bounds of the threshold on saturation: glass stays under the first, stained tissue over the second."""

_PX_A_CELL, _LEAST_TISSUE = 8, 0.1
"""Pixels of the thumbnail along a cell, and the share of them that makes a cell foreground."""

_DARKEST = 0.08
"""Pixels darker than this were never scanned."""


def foreground_mask(pixels: np.ndarray) -> np.ndarray:
    """Tissue against glass, by saturation with Otsu's threshold (1979), bounded for scenes that hold one of them only.

    Args:
        pixels: (h, w, 3) uint8 RGB, a thumbnail.

    Returns:
        (h, w) bool; specks of a pixel or two are smoothed away.

    Raises:
        GridError: where the pixels are of another shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise GridError(
            "find the tissue", f"the pixels are {pixels.dtype} of shape {pixels.shape}", "they are (h, w, 3) uint8"
        )
    from scipy import ndimage  # lazily: it takes a while to load

    highest = pixels.max(axis=2).astype(np.float32)
    saturation = 1.0 - pixels.min(axis=2) / np.maximum(highest, 1.0)
    scanned = highest > _DARKEST * 255
    saturation[~scanned] = 0.0
    threshold = np.clip(_otsu(saturation[scanned]), _LOWEST, _HIGHEST) if scanned.any() else _HIGHEST
    return np.asarray(ndimage.median_filter(saturation > threshold, size=5))


def foreground_cells(scene: Scene, geometry: GridGeometry) -> np.ndarray:
    """Cells of a grid that hold tissue: a tenth of a cell or more, by the thumbnail.

    Returns:
        (rows, cols) bool; False outside the scene.
    """
    across = max(scene.size_l0) / geometry.cell_l0
    thumbnail = scene.thumbnail(int(np.clip(_PX_A_CELL * across, 1024, 8192)))
    scale = thumbnail.shape[1] / scene.size_l0[0]
    total = np.pad(foreground_mask(thumbnail).astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    xs, ys = (
        np.rint((start + np.arange(count + 1) * geometry.cell_l0) * scale).astype(int)
        for start, count in zip(geometry.origin_l0, geometry.shape_cell[::-1], strict=True)
    )
    inside_x, inside_y = np.clip(xs, 0, thumbnail.shape[1]), np.clip(ys, 0, thumbnail.shape[0])
    corners = total[np.ix_(inside_y, inside_x)]
    tissue = corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]
    areas = np.maximum(np.diff(ys)[:, None] * np.diff(xs)[None], 1)
    found: np.ndarray = (tissue >= _LEAST_TISSUE * areas) & (tissue > 0)
    return found


def tissue_region(scene: Scene, width_l0: float, height_l0: float) -> tuple[Box, float]:
    """The region of a size with the most tissue, inside the scene's bounds, and the share of tissue in these bounds.

    Args:
        scene: of tissue; on an aerial scene this is merely the most colourful region.
        width_l0, height_l0: level-0 pixels; cut down to the bounds where larger.
    """
    thumbnail = scene.thumbnail()
    scale = thumbnail.shape[1] / scene.size_l0[0]
    bounds = scene.bounds_l0.scaled(scale)
    left, top = int(bounds.x), int(bounds.y)
    mask = foreground_mask(thumbnail)[top : max(top + 1, int(bounds.bottom)), left : max(left + 1, int(bounds.right))]
    width, height = min(width_l0, scene.bounds_l0.width), min(height_l0, scene.bounds_l0.height)
    row, col = _densest(mask, max(1, round(height * scale)), max(1, round(width * scale)))
    x = min((left + col) / scale, scene.bounds_l0.right - width)
    y = min((top + row) / scale, scene.bounds_l0.bottom - height)
    return Box(float(int(max(x, scene.bounds_l0.x))), float(int(max(y, scene.bounds_l0.y))), width, height), float(
        mask.mean()
    )


def _otsu(values: np.ndarray) -> float:
    """The threshold in [0, 1] that parts values into two classes with the least variance within."""
    counts, edges = np.histogram(values, bins=256, range=(0.0, 1.0))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1 + int(np.nan_to_num(between).argmax())])


def _densest(mask: np.ndarray, height: int, width: int) -> tuple[int, int]:
    """(row, col) of the window with the most True; the middle one of equals."""
    height, width = min(height, mask.shape[0]), min(width, mask.shape[1])
    total = np.pad(mask.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    best = np.argwhere(inside == inside.max())
    row, col = best[np.square(best - best.mean(axis=0)).sum(axis=1).argmin()]
    return int(row), int(col)
