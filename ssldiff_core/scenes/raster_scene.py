"""Georeferenced rasters (GeoTIFF, COG and others of GDAL): CRS and transform kept, pixel size true on the ground."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .ground import placement_of
from .pixel_size import pixel_size_from_mark
from .scene import Mask, Pixels, Scene
from .tone import OVERVIEW_PX, ToneMap, check_range, choose_bands, tone_of

if TYPE_CHECKING:
    from rasterio.io import DatasetReader
    from rasterio.windows import Window

DRIVERS = (
    "GTiff",
    "JP2OpenJPEG",
    "HFA",
    "PNG",
    "JPEG",
    "WEBP",
    "BMP",
    "AAIGrid",
    "SRTMHGT",
    "USGSDEM",
    "GPKG",
)
"""What GDAL may open here: formats of one file. Not VRT and its like, which may point at any other file or server."""


class RasterScene(Scene):
    """A raster by rasterio; reads take turns, for GDAL's datasets do not bear threads.

    Args:
        path: the file.
        pixel_size_m: overrides what the georeference says.
        bands: 1-based, one (grey) or three; by their colour tags where None, else the first three, else the first.
        value_range: the values that become 0 and 255.

    Raises:
        SceneError: bands or range do not fit.
        rasterio.RasterioIOError: where GDAL cannot open it (:func:`open_scene` turns this into a SceneError).
    """

    def __init__(
        self, path: Path, *, pixel_size_m: float | None = None, bands: tuple[int, ...] | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        self._stack, self._lock = ExitStack(), Lock()
        try:
            self._datasets = [self._open(path)]
            for index in range(len(self._datasets[0].overviews(1))):
                self._datasets.append(self._open(path, overview_level=index))
            self._init(path, pixel_size_m, bands, value_range)
        except BaseException:
            self._stack.close()
            raise

    def _init(
        self, path: Path, pixel_size_m: float | None, bands: tuple[int, ...] | None,
        value_range: tuple[float, float] | None,
    ) -> None:  # fmt: skip
        full, said = self._datasets[0], list[str]()
        if any(dtype.startswith("complex") for dtype in full.dtypes):
            raise ValueError("its values are complex numbers")
        tags = full.tags()
        placement = placement_of(full, said if pixel_size_m is None else [])
        size = pixel_size_m or pixel_size_from_mark(tags.get("TIFFTAG_IMAGEDESCRIPTION", "")) or placement.pixel_size_m
        self._colours = _palette(full, bands)
        chosen = choose_bands(path.name, bands, full.count, _default_bands(full))
        self._bands = list(chosen)
        self._scales = np.array([full.scales[band - 1] for band in chosen])
        self._offsets = np.array([full.offsets[band - 1] for band in chosen])
        self._plain = bool((self._scales == 1).all() and (self._offsets == 0).all())
        eight_bit = self._plain and all(full.dtypes[band - 1] == "uint8" for band in chosen)
        overview = None if eight_bit or value_range is not None else self._overview()
        self._tone: ToneMap = tone_of(chosen, check_range(path.name, value_range), overview, said)
        super().__init__(
            level_sizes=[(d.width, d.height) for d in self._datasets], pixel_size_m=size, path=path, warnings=said,
            crs=placement.crs, transform=placement.transform,
            decimated=_is_decimated(self._datasets), levels_cover=True,
            preprocessing={"reader": "rasterio", **self._tone.describe(), "scaled": not self._plain},
            attribution=tags.get("TIFFTAG_COPYRIGHT", ""),
            synthetic=tags.get("TIFFTAG_IMAGEDESCRIPTION", "").startswith("SYNTHETIC"),
        )  # fmt: skip

    def _open(self, path: Path, **options: Any) -> DatasetReader:
        import rasterio.errors
        from rasterio.io import DatasetReader

        # A missing georeference is told in the scene's own warnings.
        warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
        with rasterio.Env():  # rasterio.open itself takes only one driver
            dataset: DatasetReader = DatasetReader(str(path), driver=list(DRIVERS), **options)
        return self._stack.enter_context(dataset)

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[Pixels, Mask | None]:
        from rasterio.windows import Window

        values, valid = self._values(self._datasets[level], Window(x, y, width, height), (height, width))
        rgb = self._colours[values[..., 0]] if self._colours is not None else self._tone.apply(values)
        if valid.all():
            return rgb, None
        rgb[~valid] = 255
        return rgb, valid

    def _overview(self) -> tuple[NDArray[Any], Mask]:
        """Chosen bands of the whole raster, its longer side at most ``OVERVIEW_PX``."""
        full = self._datasets[0]
        scale = min(1.0, OVERVIEW_PX / max(full.width, full.height))
        return self._values(full, None, (max(1, round(full.height * scale)), max(1, round(full.width * scale))))

    def _values(
        self, dataset: DatasetReader, window: Window | None, shape: tuple[int, int]
    ) -> tuple[NDArray[Any], Mask]:
        """Scaled values (h, w, bands) and the mask: not nodata in every band, transparent, masked or NaN."""
        with self._lock:
            stored = dataset.read(self._bands, window=window, out_shape=(len(self._bands), *shape))
            valid = dataset.dataset_mask(window=window, out_shape=shape) > 0
        values = np.moveaxis(stored, 0, -1)
        if not self._plain:
            values = values * self._scales + self._offsets
        if np.issubdtype(values.dtype, np.floating):
            valid &= np.isfinite(values).all(axis=-1)
        return values, valid

    def _close(self) -> None:
        with self._lock:
            self._stack.close()


def _default_bands(dataset: DatasetReader) -> tuple[int, ...]:
    """Red, green and blue by their tags; else the first three that are not alpha; else the first."""
    from rasterio.enums import ColorInterp

    tags = list(dataset.colorinterp)
    wanted = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(tag in tags for tag in wanted):
        return tuple(tags.index(tag) + 1 for tag in wanted)
    colours = [i + 1 for i, tag in enumerate(tags) if tag != ColorInterp.alpha]
    return tuple(colours[:3]) if len(colours) >= 3 else tuple(colours[:1]) or (1,)


def _is_decimated(datasets: list[DatasetReader]) -> bool:
    """Whether overviews hold every n-th pixel (GDAL's default) and not means, by the look of a block of the first."""
    from rasterio.windows import Window

    if len(datasets) < 2:
        return False
    full, half = datasets[:2]
    step = round(full.width / half.width)
    side = min(256, half.width, full.width // step, half.height, full.height // step)
    left, top = (half.width - side) // 2, (half.height - side) // 2
    fine = full.read(1, window=Window(left * step, top * step, side * step, side * step)).astype(np.float64)
    coarse = half.read(1, window=Window(left, top, side, side)).astype(np.float64)
    blocks = fine.reshape(side, step, side, step)
    by_means = np.abs(blocks.mean(axis=(1, 3)) - coarse).mean()
    by_picking = min(np.abs(blocks[:, i, :, j] - coarse).mean() for i in {0, step // 2} for j in {0, step // 2})
    return bool(by_picking < by_means)


def _palette(dataset: DatasetReader, bands: tuple[int, ...] | None) -> Pixels | None:
    """RGB (values, 3) of a raster that stores indices into a colour table."""
    from rasterio.enums import ColorInterp

    if bands is not None or dataset.count != 1 or dataset.colorinterp[0] != ColorInterp.palette:
        return None
    table = np.zeros((np.iinfo(dataset.dtypes[0]).max + 1, 3), np.uint8)
    for value, colour in dataset.colormap(1).items():
        table[value] = colour[:3]
    return table
