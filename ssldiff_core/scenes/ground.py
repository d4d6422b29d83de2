"""How large a raster's pixels are on the ground, and where they lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..geometry import format_length
from .pixel_size import REMEDY

if TYPE_CHECKING:
    from rasterio.crs import CRS
    from rasterio.io import DatasetReader

_SEMI_MAJOR_M = 6378137.0
_ECCENTRICITY_2 = 0.00669437999014132  # WGS 84

_HALF_STEP_PX = 8
"""Distances are taken over this many pixels to either side of the centre: far above the transform's own rounding."""

_USUAL_M = (1e-3, 1e5)


@dataclass(frozen=True)
class Placement:
    """Where a raster lies.

    Args:
        pixel_size_m: true metres along a column step and a row step at the centre; None is unknown.
        crs: ``EPSG:…`` or WKT.
        transform: affine from pixels to the CRS (a, b, c, d, e, f).
    """

    pixel_size_m: tuple[float, float] | None
    crs: str | None
    transform: tuple[float, ...] | None


def placement_of(dataset: DatasetReader, warnings: list[str]) -> Placement:
    """CRS, transform and ground pixel size of a raster; what is missing is said in ``warnings``."""
    from rasterio.transform import from_gcps

    transform, crs = dataset.transform, dataset.crs
    points, points_crs = dataset.gcps
    if transform.is_identity and len(points) >= 3:
        transform, crs = from_gcps(points), points_crs
        warnings.append("The raster is placed by control points: its pixel size is that of the affine through them.")
    if transform.is_identity:
        warnings.append(f"The raster has no georeference, so its pixel size is unknown: {REMEDY}.")
        return Placement(None, crs.to_string() if crs else None, None)
    affine = tuple(float(v) for v in tuple(transform)[:6])
    if not crs:
        warnings.append(f"The raster has a transform but no CRS, so the unit of its pixel size is unknown: {REMEDY}.")
        return Placement(None, None, affine)
    size = ground_pixel_size(crs.to_wkt(), affine, (dataset.width, dataset.height), warnings)
    if size is not None and not all(_USUAL_M[0] <= side <= _USUAL_M[1] for side in size):
        warnings.append(
            f"The georeference gives pixels of {format_length(size[0])} × {format_length(size[1])}, which is unusual: "
            f"check it, or {REMEDY}."
        )
    return Placement(size, crs.to_string(), affine)


def ground_pixel_size(
    crs: str, transform: tuple[float, ...], size_px: tuple[int, int], warnings: list[str]
) -> tuple[float, float] | None:
    """True metres along one column step and one row step at the centre of a raster.

    The ends of a short step in pixels go through the CRS to longitude and latitude, and the distance between them is
    taken on the WGS 84 ellipsoid. So degrees, feet, the stretch of Mercator away from the equator, and rotation need no
    case of their own.

    Args:
        crs: anything rasterio takes.
        transform: affine (a, b, c, d, e, f) from pixels to the CRS.
        size_px: (width, height).
        warnings: gets a sentence where axes are skew or the CRS is not tied to the Earth.
    """
    from rasterio.crs import CRS

    system = CRS.from_user_input(crs)
    a, b, c, d, e, f = transform
    col, row, step = size_px[0] / 2, size_px[1] / 2, _HALF_STEP_PX
    ends = [(col - step, row), (col + step, row), (col, row - step), (col, row + step)]
    xs, ys = [a * u + b * v + c for u, v in ends], [d * u + e * v + f for u, v in ends]
    steps = _steps_on_ellipsoid(system, xs, ys) or _steps_on_plane(system, xs, ys, warnings)
    if steps is None:
        warnings.append(f"The CRS does not say what its unit is, so the pixel size is unknown: {REMEDY}.")
        return None
    (east0, north0), (east1, north1) = steps
    x_m, y_m = math.hypot(east0, north0) / (2 * step), math.hypot(east1, north1) / (2 * step)
    if not (x_m > 0 and y_m > 0 and math.isfinite(x_m * y_m)):
        warnings.append(f"The georeference gives pixels without a size: {REMEDY}.")
        return None
    cosine = (east0 * east1 + north0 * north1) / (4 * step**2 * x_m * y_m)
    if abs(cosine) > math.sin(math.radians(1)):
        warnings.append(
            f"The raster's rows and columns meet at {math.degrees(math.acos(cosine)):.0f}° on the ground, not at 90°."
        )
    return (x_m, y_m)


Step = tuple[float, float]


def _steps_on_ellipsoid(crs: CRS, xs: list[float], ys: list[float]) -> tuple[Step, Step] | None:
    """(east, north) metres of both steps, or None where the CRS has no way to longitude and latitude."""
    from rasterio.warp import transform

    try:
        lons, lats = transform(crs, "EPSG:4326", xs, ys)[:2]
    except Exception:  # GDAL's own errors, which rasterio does not all wrap
        return None
    if not all(math.isfinite(v) for v in (*lons, *lats)):
        return None
    return _step(lons[0], lats[0], lons[1], lats[1]), _step(lons[2], lats[2], lons[3], lats[3])


def _step(lon0: float, lat0: float, lon1: float, lat1: float) -> Step:
    """(east, north) metres of a short way on the ellipsoid, by its radii of curvature at the middle."""
    lat = math.radians((lat0 + lat1) / 2)
    shrink = 1 - _ECCENTRICITY_2 * math.sin(lat) ** 2
    across_m = _SEMI_MAJOR_M / math.sqrt(shrink)
    along_m = across_m * (1 - _ECCENTRICITY_2) / shrink
    turn = (lon1 - lon0 + 180) % 360 - 180  # the short way over the date line
    return math.radians(turn) * math.cos(lat) * across_m, math.radians(lat1 - lat0) * along_m


def _steps_on_plane(crs: CRS, xs: list[float], ys: list[float], warnings: list[str]) -> tuple[Step, Step] | None:
    """As :func:`_steps_on_ellipsoid` by the CRS's unit alone: site grids, other bodies."""
    from rasterio.errors import CRSError

    try:
        unit_m = float(crs.units_factor[1])
    except (CRSError, ValueError):
        return None
    if crs.is_geographic:  # degrees of another body, whose radius is not known here
        return None
    warnings.append("The CRS is not tied to the Earth: the pixel size is taken from its unit of length alone.")
    return ((xs[1] - xs[0]) * unit_m, (ys[1] - ys[0]) * unit_m), ((xs[3] - xs[2]) * unit_m, (ys[3] - ys[2]) * unit_m)
