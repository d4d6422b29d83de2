"""Where the places of a georeferenced scene lie on the Earth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .scene import Scene


def lon_lat(scene: Scene, xs_l0: Sequence[float], ys_l0: Sequence[float]) -> NDArray[np.float64] | None:
    """Longitude and latitude (WGS 84) of places.

    Args:
        scene: with a CRS, or none.
        xs_l0: level-0 pixels, as many as ``ys_l0``.
        ys_l0: level-0 pixels.

    Returns:
        (n, 2) degrees; None where the scene does not say where it lies, or its CRS has no way to longitude and
        latitude.
    """
    if scene.crs is None or scene.transform is None:
        return None
    from rasterio.warp import transform

    a, b, c, d, e, f = scene.transform
    east = [a * x + b * y + c for x, y in zip(xs_l0, ys_l0, strict=True)]
    north = [d * x + e * y + f for x, y in zip(xs_l0, ys_l0, strict=True)]
    try:
        lons, lats = transform(scene.crs, "EPSG:4326", east, north)[:2]
    except Exception:  # GDAL's own errors, which rasterio does not all wrap
        return None
    if not all(math.isfinite(v) for v in (*lons, *lats)):
        return None
    return np.column_stack([lons, lats])


def lon_lat_lattice(scene: Scene, n: int = 17) -> NDArray[np.float64] | None:
    """:func:`lon_lat` on an n × n lattice over the whole scene, row by row, (n · n, 2); its corners are the scene's.

    Between its points a bilinear mean is right to a small part of a pixel for scenes of some kilometres. Longitudes
    go on over the date line, so that the mean holds there too.
    """
    width, height = scene.size_l0
    ys, xs = np.meshgrid(np.linspace(0, height, n), np.linspace(0, width, n), indexing="ij")
    found = lon_lat(scene, xs.ravel().tolist(), ys.ravel().tolist())
    if found is not None:
        found[:, 0] = found[0, 0] + (found[:, 0] - found[0, 0] + 180) % 360 - 180
    return found
