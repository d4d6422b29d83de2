"""Pictures that the tests write, and the files that they come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ssldiff_core.scenes import ArrayScene, Scene

WIDTH, HEIGHT = 701, 517
PIXEL_SIZE_M = 5e-7
UTM = {"crs": "EPSG:32633", "transform": (0.5, 0, 500_000, 0, -0.5, 5_000_000)}


def picture(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Smooth colours with some grain: (height, width, 3) uint8."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 17 + y / 31), np.sin(x / 7 - y / 23), np.cos(x / 41 + y / 11)], axis=-1)
    grain = np.random.default_rng(0).normal(0, 6, waves.shape)
    return np.clip(128 + 90 * waves + grain, 0, 254).astype(np.uint8)


def halves(pixels: np.ndarray, count: int) -> list[np.ndarray]:
    """The picture and its halves by means."""
    levels = [pixels]
    for _ in range(count):
        even = levels[-1][: levels[-1].shape[0] // 2 * 2, : levels[-1].shape[1] // 2 * 2].astype(np.float64)
        mean = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
        levels.append(np.rint(mean).astype(np.uint8))
    return levels


PER_CM = (0.01 / PIXEL_SIZE_M, 0.01 / PIXEL_SIZE_M)


def write_plain_pyramid(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """Pages one after the other, each half the last."""
    import tifffile

    with tifffile.TiffWriter(path, ome=False) as tiff:
        for level, page in enumerate(halves(pixels, 2)):
            tiff.write(
                page, tile=(128, 128), photometric="rgb", metadata=None, subfiletype=int(level > 0),
                resolution=PER_CM, resolutionunit="CENTIMETER", **{"compression": "adobe_deflate", **options},
            )  # fmt: skip
    return path


def write_ome_pyramid(path: Path, pixels: np.ndarray, *, axes: str = "YXS", **options: Any) -> Path:
    """OME-TIFF with smaller levels in SubIFDs."""
    import tifffile

    metadata = {"axes": axes, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    options |= {"photometric": "minisblack" if axes == "CYX" else "rgb"}
    options |= {"planarconfig": "separate"} if axes == "SYX" else {}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for level, page in enumerate(halves(pixels, 2)):
            first = {"metadata": metadata, "subifds": 2} if level == 0 else {"metadata": None, "subfiletype": 1}
            tiff.write(page if axes == "YXS" else np.moveaxis(page, -1, 0), tile=(128, 128), **options, **first)
    return path


def write_strips(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """One level in strips."""
    import tifffile

    tifffile.imwrite(
        path, pixels, photometric="rgb", rowsperstrip=37, metadata=None, resolution=PER_CM, resolutionunit="CENTIMETER",
        **{"compression": "lzw", **options},
    )  # fmt: skip
    return path


def write_raster(
    path: Path, pixels: np.ndarray, *, overviews: str = "", mask: np.ndarray | None = None, **profile: Any
) -> Path:
    """A GeoTIFF of bands (h, w, bands), in UTM unless said otherwise."""
    import rasterio
    from affine import Affine
    from rasterio.enums import Resampling

    tags = profile.pop("band_tags", {})
    settings: dict[str, Any] = {"tiled": True, "blockxsize": 128, "blockysize": 128, **UTM, **profile}
    if settings["transform"] is not None:
        settings["transform"] = Affine(*settings["transform"])
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(
            path, "w", driver="GTiff", width=pixels.shape[1], height=pixels.shape[0], count=pixels.shape[2],
            dtype=pixels.dtype, **settings,
        ) as dataset:  # fmt: skip
            dataset.write(np.moveaxis(pixels, -1, 0))
            if mask is not None:
                dataset.write_mask(mask)
            for name, value in tags.items():
                setattr(dataset, name, value)
        if overviews:
            with rasterio.open(path, "r+") as dataset:
                dataset.build_overviews([2, 4], Resampling[overviews])
    return path


def write_pillow(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """An ordinary image, without loss."""
    from PIL import Image

    Image.fromarray(pixels).save(path, dpi=(0.0254 / PIXEL_SIZE_M,) * 2, **options)
    return path


def _by(reader: str, name: str, write: Callable[[Path, np.ndarray], Path]) -> Callable[[Path], Scene]:
    """A scene of the picture, written into a folder and opened by a certain reader."""

    def make(folder: Path) -> Scene:
        from importlib import import_module

        module, cls = reader.split(":")
        path = write(folder / name, picture())
        scene: Scene = getattr(import_module(f"ssldiff_core.scenes.{module}"), cls)(path)
        return scene

    return make


READERS: dict[str, Callable[[Path], Scene]] = {
    "array": lambda folder: ArrayScene(picture(), pixel_size_m=PIXEL_SIZE_M),
    "openslide": _by("openslide_scene:OpenSlideScene", "a.tif", write_plain_pyramid),
    "ome": _by("tiff_scene:TiffScene", "a.ome.tif", write_ome_pyramid),
    "ome-channels": _by("tiff_scene:TiffScene", "a.ome.tif", lambda p, a: write_ome_pyramid(p, a, axes="CYX")),
    "ome-planar": _by("tiff_scene:TiffScene", "a.ome.tif", lambda p, a: write_ome_pyramid(p, a, axes="SYX")),
    "tiff-pyramid": _by("tiff_scene:TiffScene", "a.tif", write_plain_pyramid),
    "tiff-strips": _by("tiff_scene:TiffScene", "a.tif", write_strips),
    "tiff-jpeg2000": _by(
        "tiff_scene:TiffScene", "a.tif", lambda p, a: write_plain_pyramid(p, a, compression="jpeg2000")
    ),
    "raster": _by("raster_scene:RasterScene", "a.tif", lambda p, a: write_raster(p, a, overviews="average")),
    "large-image": _by("large_image_scene:LargeImageScene", "a.tif", write_plain_pyramid),
    "pillow-png": _by("pillow_scene:PillowScene", "a.png", write_pillow),
    "pillow-tiff": _by("pillow_scene:PillowScene", "a.tif", write_strips),
}
