"""The label map of a result: which class each pixel of the image is of, as an indexed PNG and as GeoJSON.

Both lie pixel on pixel over the image: a cell's class fills the cell's pixels, or, with labels finer than cells,
borders run where they were drawn. In the PNG 0 is no class, ``k + 1`` the class ``k`` of the list, and 255 what a
training should ignore, a band along the borders between classes. The GeoJSON has one polygon, with holes, for each
piece of a class that is joined by sides; coordinates are pixels of the image, x to the right and y down, and QuPath
reads its classes and colours.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ExportError
from ..provenance import NOTICE
from .replacing import replacing

IGNORED = 255
IGNORE_PX = 24
"""Band beside borders in which a training should ignore labels, in pixels, on either side."""

MAX_CLASSES = 254


@dataclass(frozen=True)
class LabelClass:
    """A class of the map: its name, and its colour as ``#rrggbb``."""

    name: str
    colour: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(self.colour.removeprefix("#"))
        return red, green, blue


def label_pixels(labels: NDArray[np.integer], cell_px: int, ignore_px: int = 0) -> NDArray[np.uint8]:
    """The map as pixels.

    Args:
        labels: (rows, cols), index of a class, -1 for none.
        cell_px: side of a cell in pixels.
        ignore_px: pixels nearer than this to another class, on either side of the border, become :data:`IGNORED`.

    Returns:
        (rows · cell_px, cols · cell_px) uint8.

    Raises:
        ExportError: for more classes than a byte holds.
    """
    if labels.size and int(labels.max()) >= MAX_CLASSES:
        raise ExportError(
            "write a label map", f"it has {int(labels.max()) + 1} classes", f"a byte tells {MAX_CLASSES} apart",
            "Merge swatches first",
        )  # fmt: skip
    cells = (np.maximum(labels, -1) + 1).astype(np.uint8)
    pixels = np.kron(cells, np.ones((cell_px, cell_px), np.uint8))
    return _with_band(pixels, ignore_px) if ignore_px > 0 else pixels


def _with_band(pixels: NDArray[np.uint8], ignore_px: int) -> NDArray[np.uint8]:
    from scipy import ndimage  # lazily: it takes a while to load

    side = 2 * ignore_px + 1
    low = ndimage.minimum_filter(pixels, size=(side, side), mode="nearest")
    high = ndimage.maximum_filter(pixels, size=(side, side), mode="nearest")
    return np.where(low == high, pixels, np.uint8(IGNORED)).astype(np.uint8)


def write_label_png(
    path: Path, labels: NDArray[np.integer], classes: Sequence[LabelClass], *, cell_px: int, ignore_px: int = 0
) -> Path:
    """Write the map as an indexed PNG in the classes' colours; its text ``classes`` lists their names by index.

    Raises:
        ExportError: too many classes, or the file system refuses.
    """
    from PIL import Image, PngImagePlugin

    image = Image.fromarray(label_pixels(labels, cell_px, ignore_px), mode="P")
    colours = [(0, 0, 0), *(one.rgb for one in classes)]
    colours += [(0, 0, 0)] * (IGNORED - len(colours)) + [(255, 255, 255)]
    image.putpalette([channel for colour in colours for channel in colour])
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "SYNTHETIC label map")
    text.add_itxt("Description", f"{NOTICE} Labels: pixel 0 none, 255 ignore, k the class k of the list.")
    names = {str(index + 1): one.name for index, one in enumerate(classes)}
    text.add_itxt("classes", json.dumps(names, ensure_ascii=False))
    with replacing(f"write {path}", path) as (part,):
        image.save(part, format="PNG", pnginfo=text, optimize=True)
    return path


def label_geojson(
    labels: NDArray[np.integer], classes: Sequence[LabelClass], *, cell_px: float,
    origin_px: tuple[float, float] = (0.0, 0.0), smooth: float = 0.0,
) -> dict[str, object]:  # fmt: skip
    """The map as a GeoJSON object (see the module's docstring).

    Args:
        labels: (rows, cols), index of a class, -1 for none.
        classes: that they index.
        cell_px: side of a label in the pixels of the coordinates.
        origin_px: (x, y) of the map's top-left corner in these pixels.
        smooth: labels that an outline may be moved by to have fewer corners; neighbours keep their common border.
    """
    from rasterio.features import shapes
    from rasterio.transform import Affine

    raster = np.ascontiguousarray(labels, dtype=np.int32)
    place = Affine(cell_px, 0.0, origin_px[0], 0.0, cell_px, origin_px[1])
    pieces = list(shapes(raster, mask=raster >= 0, connectivity=4, transform=place))
    geometries = [geometry for geometry, _ in pieces]
    if smooth:
        geometries = _smoothed(geometries, smooth * cell_px)
    features = [_feature(shape, classes[int(label)]) for shape, (_, label) in zip(geometries, pieces, strict=True)]
    return {"type": "FeatureCollection", "synthetic": True, "notice": NOTICE, "features": features}


def _smoothed(geometries: list[dict[str, object]], tolerance: float) -> list[dict[str, object]]:
    import shapely
    from shapely.geometry import mapping, shape

    simple = shapely.coverage_simplify([shape(geometry) for geometry in geometries], tolerance)
    return [json.loads(json.dumps(mapping(one))) for one in simple]


def _feature(geometry: dict[str, object], one: LabelClass) -> dict[str, object]:
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "objectType": "annotation", "synthetic": True, "name": one.name,
            "classification": {"name": one.name, "color": list(one.rgb)},
        },
    }  # fmt: skip


def write_label_geojson(
    path: Path, labels: NDArray[np.integer], classes: Sequence[LabelClass], *, cell_px: float,
    origin_px: tuple[float, float] = (0.0, 0.0), smooth: float = 0.0,
) -> Path:  # fmt: skip
    """Write :func:`label_geojson`.

    Raises:
        ExportError: where the file system refuses.
    """
    body = label_geojson(labels, classes, cell_px=cell_px, origin_px=origin_px, smooth=smooth)
    with replacing(f"write {path}", path) as (part,):
        part.write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
    return path
