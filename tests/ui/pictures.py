"""A scene made of areas that differ, so that cells fall into kinds; written as files that a user might open."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def draw_scene(width: int = 1400, height: int = 1300) -> np.ndarray:
    """(height, width, 3) uint8: stripes, blotches and plain areas in several colours."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    kind = ((np.sin(x / 190) + np.cos(y / 160)) * 1.6 + 3).astype(int) % 4
    colours = np.array([[232, 214, 226], [186, 92, 150], [96, 62, 134], [244, 242, 240]], np.float32)
    wave = np.sin(x / (3 + kind * 4)) * np.cos(y / (4 + kind * 2)) * 24
    return np.clip(colours[kind] + wave[..., None], 0, 255).astype(np.uint8)


def write_ome_tiff(path: Path, pixel_size_um: float = 0.5) -> Path:
    """An OME-TIFF that says how large its pixels are."""
    import tifffile

    size = {"PhysicalSizeX": pixel_size_um, "PhysicalSizeY": pixel_size_um}
    tifffile.imwrite(path, draw_scene(), photometric="rgb", tile=(256, 256), metadata={"axes": "YXS", **size})
    return path


def write_png(path: Path) -> Path:
    """A PNG, which does not say how large its pixels are."""
    from PIL import Image

    Image.fromarray(draw_scene()).save(path)
    return path


def write_geotiff(path: Path) -> Path:
    """A GeoTIFF of 30-cm pixels near Kampala."""
    import rasterio
    from rasterio.transform import from_origin

    pixels = draw_scene()
    shape = {"width": pixels.shape[1], "height": pixels.shape[0], "count": 3, "dtype": "uint8"}
    place = from_origin(450_000, 35_000, 0.3, 0.3)
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32636", transform=place, **shape) as out:
        out.write(pixels.transpose(2, 0, 1))
    return path
