"""The pixel size that a TIFF states: in its OME-XML, by ImageJ, or in resolution tags."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from .pixel_size import REMEDY, believe_resolution, pixel_size_from_mark, unit_in_metres
from .tiff_layout import TiffLayout

if TYPE_CHECKING:
    import tifffile

PixelSize = tuple[float, float]


def pixel_size_of(file: tifffile.TiffFile, layout: TiffLayout, warnings: list[str]) -> PixelSize | None:
    """Metres along a column and a row step, or None, with a warning, where the file does not say or is not believed."""
    marked = pixel_size_from_mark(file.pages.first.description)
    if marked is not None:
        return (marked, marked)
    if file.is_ome and file.ome_metadata:
        return _from_ome(file.ome_metadata, layout.series, warnings)
    page = layout.pages[0][0].keyframe
    if file.is_imagej:
        unit_m = unit_in_metres(str((file.imagej_metadata or {}).get("unit", "")))
    else:
        unit_m = {2: 0.0254, 3: 0.01}.get(int(page.resolutionunit))
    across, down = (float(v) for v in page.resolution)
    if unit_m is None or across <= 0 or down <= 0 or (across, down) == (1.0, 1.0):
        return believe_resolution(None, None, warnings)
    return believe_resolution(unit_m / across, unit_m / down, warnings)


def _from_ome(xml: str, series: int, warnings: list[str]) -> PixelSize | None:
    """Physical sizes of the series' ``Pixels``; what OME leaves out is in µm."""
    try:
        pixels = list(ElementTree.fromstring(xml).iterfind(".//{*}Image/{*}Pixels"))
        stated = pixels[series] if series < len(pixels) else pixels[0]
    except (ElementTree.ParseError, IndexError):
        warnings.append(f"The file's OME-XML cannot be read, so its pixel size is unknown: {REMEDY}.")
        return None
    x_m, y_m = (
        _ome_metres(stated.get(f"PhysicalSize{axis}"), stated.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XY"
    )
    return (x_m, y_m) if x_m and y_m else believe_resolution(None, None, warnings)


def _ome_metres(value: str | None, unit: str) -> float | None:
    unit_m = unit_in_metres(unit)
    try:
        metres = float(value) * unit_m if value is not None and unit_m is not None else math.nan
    except ValueError:
        return None
    return metres if math.isfinite(metres) and metres > 0 else None
