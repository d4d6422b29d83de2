"""Where a result lies on the Earth: the place of its reference, carried over to the result's own pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ExportError
from ..geometry import GridGeometry

_GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)
"""ModelPixelScale, ModelTiepoint, ModelTransformation, GeoKeyDirectory, GeoDoubleParams, GeoAsciiParams."""


@dataclass(frozen=True)
class Place:
    """A coordinate system, and the way from an image's pixels into it.

    Args:
        crs: anything rasterio takes, e.g. ``EPSG:32610`` or WKT.
        transform: affine (a, b, c, d, e, f): x = a·col + b·row + c and y = d·col + e·row + f.

    Raises:
        ExportError: where the transform is none, or turns the image into a line.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]

    def __post_init__(self) -> None:
        numbers = self.transform
        if len(numbers) != 6 or not all(math.isfinite(number) for number in numbers):
            raise ExportError("place an image", f"its transform is {numbers}", "a transform is six finite numbers")
        if numbers[0] * numbers[4] == numbers[1] * numbers[3]:
            raise ExportError("place an image", f"its transform {numbers} has no inverse", "pixels have an area")

    def tags(self) -> list[tuple[int, int, int, Any, bool]]:
        """The GeoTIFF tags of the first page, as tifffile's ``extratags`` takes them.

        Raises:
            ExportError: where the coordinate system is unknown.
        """
        import tifffile
        from rasterio.io import MemoryFile

        with MemoryFile() as memory:
            try:
                with memory.open(
                    driver="GTiff", width=1, height=1, count=1, dtype="uint8", crs=self.crs, transform=self.affine
                ):
                    pass
            except Exception as error:  # GDAL's own errors, which rasterio does not all wrap
                raise ExportError(
                    "place an image", f"its coordinate system is not known: {error}", "it is EPSG:… or WKT"
                ) from error
            with tifffile.TiffFile(memory) as tiff:
                found = [tiff.pages.first.tags.get(code) for code in _GEO_TAGS]
                return [(tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in found if tag is not None]

    @property
    def affine(self) -> Any:
        """The transform as rasterio takes it."""
        from rasterio import Affine

        return Affine(*self.transform)


def place_of(source: Mapping[str, Any], geometry: GridGeometry | None) -> Place | None:
    """The place of a result: that of the scene its grid was read from, at the grid's origin and pixel size.

    Args:
        source: a grid's notes on its origin; those of a placed scene hold ``crs`` and ``transform``.
        geometry: where the result lies in the scene.

    Returns:
        None where the source says no place.
    """
    crs, transform = source.get("crs"), source.get("transform")
    if not crs or not transform or geometry is None:
        return None
    a, b, c, d, e, f = (float(number) for number in transform)
    (x, y), step = geometry.origin_l0, geometry.l0_per_px
    return Place(str(crs), (a * step, b * step, a * x + b * y + c, d * step, e * step, d * x + e * y + f))
