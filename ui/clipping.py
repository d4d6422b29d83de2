"""Shapes drawn within a selection: what of them lies in the selected cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ssldiff_core.errors import LayoutError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from ssldiff_core.layouts.edits import EraseRegion, PaintRegion

ROUND = 16
"""Segments of a quarter of a round brush's outline."""


def clip_to_cells(
    edit: PaintRegion | EraseRegion, cells: Sequence[tuple[int, int]]
) -> PaintRegion | EraseRegion | None:  # fmt: skip
    """The edit with its shapes cut to cells (row, col); None where nothing of them is left.

    Raises:
        LayoutError: where a cell is no pair of numbers.
    """
    from dataclasses import replace

    import shapely

    try:
        boxes = [shapely.box(int(col), int(row), int(col) + 1, int(row) + 1) for row, col in cells]
    except (TypeError, ValueError):
        raise LayoutError("paint within cells", "one is no pair of numbers", "a cell is [row, column]") from None
    parts = [shapely.make_valid(shapely.Polygon(rings[0], rings[1:])) for rings in edit.polygons]
    for line in edit.lines:
        drawn = shapely.LineString(line) if len(line) > 1 else shapely.Point(line[0])
        parts.append(drawn.buffer(edit.width_cell / 2, quad_segs=ROUND))
    left = shapely.intersection(shapely.union_all(parts), shapely.union_all(boxes))
    polygons = tuple(_polygons(left))
    return replace(edit, polygons=polygons, lines=(), width_cell=0.0) if polygons else None


def read_cells(values: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The cells that an edit of the page is to stay ``within``; empty where it may go anywhere."""
    cells = values.get("within") or []
    return list(cells) if isinstance(cells, list) else []


def _polygons(shape: BaseGeometry) -> Iterator[tuple[tuple[tuple[float, float], ...], ...]]:
    """Outer ring and holes of each polygon; lines and points that are left over hold nothing."""
    for part in getattr(shape, "geoms", [shape]):
        if part.geom_type == "Polygon" and part.area > 1e-6:
            rings = (part.exterior, *part.interiors)
            yield tuple(tuple((float(x), float(y)) for x, y in ring.coords[:-1]) for ring in rings)
