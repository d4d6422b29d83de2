"""Shapes on the canvas in cells: polygons with holes and broad lines, and which positions they cover.

The frame is that of the grid's cells: x to the right, y down, the cell (row, col) covers [col, col + 1) × [row,
row + 1). Coordinates are kept to a thousandth of a cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import LayoutError

Point = tuple[float, float]
Ring = tuple[Point, ...]
Polygon = tuple[Ring, ...]
"""The outer ring, then the holes."""

MAX_POINTS = 200_000


def checked_polygons(values: Any, kind: str) -> tuple[Polygon, ...]:
    """Polygons as an edit keeps them.

    Raises:
        LayoutError: where one has no ring, or a ring has fewer than three points or one that is no pair of numbers.
    """
    found = tuple(tuple(_checked_points(ring, kind, 3) for ring in _listed(rings, kind)) for rings in values)
    if any(not rings for rings in found):
        raise LayoutError(
            f"make a {kind}", "a polygon has no ring", "a polygon is a list of rings, the outer one first"
        )
    return found


def checked_lines(values: Any, kind: str) -> tuple[Ring, ...]:
    """Lines as an edit keeps them; one point is a dot.

    Raises:
        LayoutError: as :func:`checked_polygons`.
    """
    return tuple(_checked_points(line, kind, 1) for line in _listed(values, kind))


def _listed(values: Any, kind: str) -> Iterable[Any]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise LayoutError(f"make a {kind}", f"{values!r} is no list", "shapes are lists of points")
    return values


def _checked_points(values: Any, kind: str, least: int) -> Ring:
    asked = f"make a {kind}"
    try:
        points = tuple((round(float(x), 3), round(float(y), 3)) for x, y in _listed(values, kind))
    except (TypeError, ValueError, OverflowError):
        raise LayoutError(asked, "a point is no pair of numbers", "a point is (x, y) in cells") from None
    if not all(math.isfinite(value) and abs(value) < 1e6 for point in points for value in point):
        raise LayoutError(asked, "a point is not finite or far away", "a point is (x, y) in cells")
    if points[1:] and points[0] == points[-1] and least > 1:
        points = points[:-1]
    if len(points) < least or len(points) > MAX_POINTS:
        raise LayoutError(asked, f"a line has {len(points)} points", f"it has {least} to {MAX_POINTS}")
    return points


@dataclass(frozen=True, eq=False)
class Coverage:
    """Which positions shapes cover: ``mask`` (h, w) bool, whose first position is (row, col) of the fine raster."""

    row: int
    col: int
    mask: np.ndarray


def cover(
    polygons: Sequence[Polygon], lines: Sequence[Ring], width_cell: float, shape_cell: tuple[int, int], per_cell: int
) -> Coverage | None:
    """The positions whose centres lie inside the shapes; None where there are none.

    Args:
        polygons: filled by the even-odd rule, so that holes are holes whatever way they turn.
        lines: as broad as a round brush of ``width_cell`` across draws them.
        width_cell: in cells.
        shape_cell: (rows, cols) of the canvas.
        per_cell: positions along the side of a cell.
    """
    height, width = (count * per_cell for count in shape_cell)
    outlines = [ring for rings in polygons for ring in rings] + list(lines)
    points = np.array([point for line in outlines for point in line]) * per_cell
    reach = width_cell / 2 * per_cell if lines else 0.0
    (left, top), (right, bottom) = np.floor(points.min(axis=0) - reach), np.ceil(points.max(axis=0) + reach)
    row, col = max(0, int(top)), max(0, int(left))
    rows, cols = min(height, int(bottom) + 1) - row, min(width, int(right) + 1) - col
    if rows < 1 or cols < 1:
        return None
    mask = np.zeros((rows, cols), bool)
    for rings in polygons:
        mask |= _inside(rings, row, col, mask.shape, per_cell)
    for line in lines:
        _draw_line(mask, np.array(line) * per_cell - (col, row), reach)
    return Coverage(row, col, mask) if mask.any() else None


def _inside(rings: Polygon, row: int, col: int, shape: tuple[int, ...], per_cell: int) -> np.ndarray:
    """Even-odd: a centre is inside where a line from it to the left crosses the rings an odd number of times."""
    crossed = np.zeros((shape[0], shape[1] + 1), np.int64)
    for ring in rings:
        points = np.array(ring) * per_cell - (col, row) - 0.5  # centres at whole numbers
        for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
            low, high = min(ay, by), max(ay, by)
            lines = np.arange(max(0, math.ceil(low)), min(shape[0], math.ceil(high)))  # low <= y < high
            if len(lines):
                at = np.ceil(ax + (lines - ay) * (bx - ax) / (by - ay))
                np.add.at(crossed, (lines, np.clip(at, 0, shape[1]).astype(np.intp)), 1)
    return np.asarray(crossed.cumsum(axis=1)[:, :-1] % 2 == 1)


def _draw_line(mask: np.ndarray, points: np.ndarray, reach: float) -> None:
    """Mark the centres within ``reach`` of a line."""
    starts, ends = (points[:1], points[:1]) if len(points) == 1 else (points[:-1], points[1:])
    for (ax, ay), (bx, by) in zip(starts, ends, strict=True):
        rows = slice(max(0, math.floor(min(ay, by) - reach)), max(0, math.ceil(max(ay, by) + reach)))
        cols = slice(max(0, math.floor(min(ax, bx) - reach)), max(0, math.ceil(max(ax, bx) + reach)))
        part = mask[rows, cols]
        y, x = np.mgrid[rows.start : rows.start + part.shape[0], cols.start : cols.start + part.shape[1]] + 0.5
        length = (bx - ax) ** 2 + (by - ay) ** 2
        along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0.0, 1.0) if length else 0.0
        part |= (x - ax - along * (bx - ax)) ** 2 + (y - ay - along * (by - ay)) ** 2 <= reach**2
