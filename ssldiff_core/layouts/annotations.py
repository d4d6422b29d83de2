"""Annotations as GeoJSON, as QuPath writes them, and the layouts that they become: classes are swatches by name.

QuPath's features are polygons and multi-polygons with a classification; its colours come as ``color: [r, g, b]`` or
packed as ``colorRGB``. A class ``A: B`` is a sort of ``A``, one whose name ends in ``*`` (``Ignore*``) counts for
nothing. Coordinates are pixels, x to the right and y down. What is no area (points, lines), no annotation (detections,
cells of a segmentation) or has no class is counted and left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LayoutError
from .edits import EraseRegion, Mode, PaintRegion
from .layout import Layout
from .palette import Palette
from .shapes import Polygon, cover

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MAX_BYTES = 1 << 30
MAX_FEATURES = 500_000
_AREAS = ("Polygon", "MultiPolygon", "GeometryCollection")
_NO_ANNOTATIONS = ("detection", "cell", "tile", "tma_core", "root")


@dataclass(frozen=True, eq=False)
class Annotation:
    """An area with a class.

    Args:
        name: of the class; empty where it has none.
        colour: ``#rrggbb`` of the class, empty where it says none.
        geometry: a valid polygon or multi-polygon of shapely, in pixels.
    """

    name: str
    colour: str
    geometry: BaseGeometry

    @property
    def is_ignored(self) -> bool:
        """Whether the class says that it counts for nothing, as ``Ignore*`` does."""
        return self.name.endswith("*")


@dataclass(frozen=True, eq=False)
class Annotations:
    """What a file holds: ``areas`` in its order, and ``left_out``, how many of what kind were left out."""

    areas: tuple[Annotation, ...]
    left_out: Mapping[str, int]
    extent: tuple[float, float, float, float] | None = None
    """What the file covers, where it says more than its areas do."""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, without the ignored and the empty one."""
        return tuple(sorted({area.name for area in self.areas if area.name and not area.is_ignored}))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of all areas.

        Raises:
            LayoutError: where there is none.
        """
        if self.extent is not None:
            return self.extent
        if not self.areas:
            raise LayoutError("lay out these annotations", "no area is among them", "areas are polygons")
        boxes = list(zip(*(area.geometry.bounds for area in self.areas), strict=True))
        return min(boxes[0]), min(boxes[1]), max(boxes[2]), max(boxes[3])


def read_annotations(path: str | Path) -> Annotations:
    """Read a GeoJSON file.

    Raises:
        LayoutError: where it cannot be read, is no JSON, or no GeoJSON.
    """
    path = Path(path)
    asked = f"read annotations from {path}"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LayoutError(asked, f"it is larger than {MAX_BYTES >> 20} MiB", "", "Export fewer objects")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise LayoutError(asked, f"it cannot be opened: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise LayoutError(asked, f"it is no JSON: {type(error).__name__}", "annotations are GeoJSON") from None
    return annotations_from_geojson(data, asked)


def annotations_from_geojson(data: Any, asked: str = "read annotations") -> Annotations:
    """The areas of a feature collection, a feature, a list of features or a bare geometry.

    Raises:
        LayoutError: where it is none of these, or a coordinate is no number.
    """
    areas, left_out = [], Counter[str]()
    for feature in _features(data, asked):
        properties = feature.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        geometry = feature.get("geometry")
        kind = properties.get("objectType", properties.get("object_type", "annotation"))
        if kind in _NO_ANNOTATIONS:
            left_out[f"objects that are a {kind}"] += 1
        elif not isinstance(geometry, Mapping) or geometry.get("type") not in _AREAS:
            left_out["objects that are no area"] += 1
        else:
            shape = _area(geometry, asked)
            if shape.is_empty:
                left_out["empty areas"] += 1
            else:
                areas.append(Annotation(*_class_of(properties), shape))
    return Annotations(tuple(areas), dict(left_out))


def _features(data: Any, asked: str) -> Iterator[Mapping[str, Any]]:
    if isinstance(data, Mapping) and data.get("type") == "FeatureCollection":
        data = data.get("features")
    elif isinstance(data, Mapping) and data.get("type") == "Feature":
        data = [data]
    elif isinstance(data, Mapping) and data.get("type") in _AREAS:
        data = [{"geometry": data}]
    if not isinstance(data, list) or not all(isinstance(feature, Mapping) for feature in data):
        raise LayoutError(asked, "it is JSON, but no GeoJSON", "GeoJSON is a FeatureCollection of areas")
    if len(data) > MAX_FEATURES:
        raise LayoutError(asked, f"it has {len(data)} objects", f"up to {MAX_FEATURES} are read")
    yield from data


def _area(geometry: Mapping[str, Any], asked: str, depth: int = 0) -> BaseGeometry:
    """A valid polygon or multi-polygon; empty where nothing of it has an area.

    Raises:
        LayoutError: where its coordinates are malformed.
    """
    import shapely

    try:
        if geometry.get("type") == "GeometryCollection":
            inner = [part for part in geometry["geometries"] if depth < 8 and part.get("type") in _AREAS]
            return _areas_of(shapely.union_all([_area(part, asked, depth + 1) for part in inner]))
        rings = geometry["coordinates"]
        polygons = [rings] if geometry["type"] == "Polygon" else list(rings)
        shapes = [_polygon(part) for part in polygons if len(part)]
        return _areas_of(shapely.union_all([shapely.make_valid(shape) for shape in shapes]))
    except LayoutError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, shapely.errors.ShapelyError) as error:
        raise LayoutError(
            asked, f"a polygon is malformed: {type(error).__name__}", "rings are lists of [x, y]"
        ) from None


def _polygon(rings: Any) -> BaseGeometry:
    import shapely

    points = [[(float(point[0]), float(point[1])) for point in ring] for ring in rings]
    if any(not abs(value) < 1e9 for ring in points for point in ring for value in point):
        raise ValueError("a coordinate is not finite")
    if len(points[0]) < 3:
        return shapely.Polygon()
    return shapely.Polygon(points[0], [ring for ring in points[1:] if len(ring) >= 3])


def _areas_of(shape: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry; lines and points to which a broken polygon may fall apart are gone."""
    import shapely

    return shapely.union_all([part for part in _polygons_in(shape) if part.area > 0])


def _polygons_in(shape: BaseGeometry) -> Iterator[BaseGeometry]:
    if shape.geom_type == "Polygon":
        yield shape
    for part in getattr(shape, "geoms", ()):
        yield from _polygons_in(part)


def _class_of(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Name and colour of a feature's class, in any of the forms that QuPath writes."""
    found = properties.get("classification")
    found = {"name": found} if isinstance(found, str) else found if isinstance(found, Mapping) else {}
    name = found.get("name")
    if not isinstance(name, str):
        names = found.get("names")
        name = ": ".join(str(part) for part in names) if isinstance(names, list) else ""
    return name.strip()[:200], _colour(found.get("color", found.get("colorRGB", properties.get("color"))))


def _colour(value: Any) -> str:
    if isinstance(value, list) and len(value) >= 3 and all(isinstance(v, int) and 0 <= v < 256 for v in value[:3]):
        return "#" + "".join(f"{v:02x}" for v in value[:3])
    if isinstance(value, int) and not isinstance(value, bool):
        return f"#{value & 0xFFFFFF:06x}"  # packed as (alpha, red, green, blue), also as a negative number
    return ""


def match_classes(names: Sequence[str], palette: Palette, mapping: Mapping[str, str]) -> dict[str, str]:
    """Class -> name of a swatch: as mapped, else of the same name, else of the class that it is a sort of.

    Raises:
        LayoutError: naming the classes for which there is no swatch.
    """
    by_lower = {name.lower(): name for name in palette.names}
    wanted = {key.lower(): palette.find(value).name for key, value in mapping.items()}
    found, missing = {}, []
    for name in names:
        parts = name.split(": ")
        sorts = [": ".join(parts[:length]).lower() for length in range(len(parts), 0, -1)]
        swatch = next((table[key] for key in sorts for table in (wanted, by_lower) if key in table), None)
        if swatch is None:
            missing.append(name)
        else:
            found[name] = swatch
    if missing:
        raise LayoutError(
            "lay out these annotations", f"no swatch is named {', '.join(missing)}",
            f"the palette has {', '.join(palette.names)}", f"Say which swatch it is: --map '{missing[0]}=SWATCH'",
        )  # fmt: skip
    return found


def draw_annotations(
    layout: Layout, annotations: Annotations, *, origin_px: tuple[float, float], cell_px: float,
    mapping: Mapping[str, str] | None = None, unclassified: str | None = None, mode: Mode = "sample", seed: int = 0,
) -> Layout:  # fmt: skip
    """The layout with annotations as regions: large ones first, so that what lies within others is seen.

    Args:
        layout: with a palette.
        annotations: in pixels.
        origin_px: (x, y) of the layout's top-left corner in these pixels.
        cell_px: side of a cell in these pixels.
        mapping: class -> swatch, where their names differ.
        unclassified: swatch for areas without a class; None leaves them out.
        mode, seed: of painting.

    Raises:
        LayoutError: where the palette has no swatch for a class, or no area lies on the canvas.
    """
    import shapely
    from shapely.affinity import affine_transform

    if layout.palette is None:
        raise LayoutError("lay out annotations", "the layout has no palette", "classes are swatches")
    swatches: dict[str, str | None] = dict(match_classes(annotations.names, layout.palette, mapping or {}))
    canvas = shapely.box(0, 0, layout.base.geometry.cols, layout.base.geometry.rows)
    scale = 1.0 / cell_px
    matrix = [scale, 0, 0, scale, -origin_px[0] * scale, -origin_px[1] * scale]
    runs: list[tuple[str | None, list[Polygon]]] = []
    for area in sorted(annotations.areas, key=lambda area: -area.geometry.area):
        if not area.name and unclassified is None:
            continue
        swatch = None if area.is_ignored else swatches[area.name] if area.name else unclassified
        inside = canvas.intersection(affine_transform(area.geometry, matrix))
        polygons = [_rings(part) for part in _polygons_in(inside) if part.area > 1e-6]
        if polygons and runs and runs[-1][0] == swatch:
            runs[-1][1].extend(polygons)
        elif polygons:
            runs.append((swatch, polygons))
    before = layout
    for index, (swatch, polygons) in enumerate(runs):
        layout = _drawn(layout, swatch, tuple(polygons), mode, seed + index)
    if layout is before:
        raise LayoutError(
            "lay out annotations", f"none of {len(annotations.areas)} areas lies on the canvas",
            "areas and canvas are in the same pixels", "Check --frame, --region and the pixel sizes",
        )  # fmt: skip
    return layout


def _drawn(layout: Layout, swatch: str | None, polygons: tuple[Polygon, ...], mode: Mode, seed: int) -> Layout:
    """With one more region; one that covers no latent is left out."""
    geometry = layout.base.geometry
    if cover(polygons, (), 0.0, geometry.shape_cell, geometry.cell_lat) is None:
        return layout
    return layout.apply(
        EraseRegion(polygons) if swatch is None else PaintRegion(swatch, polygons, mode=mode, seed=seed)
    )


def _rings(polygon: BaseGeometry) -> Polygon:
    rings = [polygon.exterior, *polygon.interiors]
    return tuple(tuple((float(x), float(y)) for x, y in ring.coords[:-1]) for ring in rings)
