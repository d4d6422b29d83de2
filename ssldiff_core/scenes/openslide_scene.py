"""Whole slides of the vendors that OpenSlide reads. Label and macro images are never asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..geometry import Box
from .compose import over_white
from .pixel_size import believe_resolution, believe_scanner, pixel_size_from_mark
from .scene import Mask, Pixels, Scene
from .tiles import TileCache, stitch

_BLOCK_PX = 256


class OpenSlideScene(Scene):
    """A slide by OpenSlide, whose own calls are safe from several threads.

    What a scanner left out (alpha 0) is white and invalid.

    Args:
        path: the slide.
        pixel_size_m: overrides what the file says.

    Raises:
        openslide.OpenSlideError: where OpenSlide cannot open it (:func:`open_scene` turns this into a SceneError).
    """

    def __init__(self, path: Path, *, pixel_size_m: float | None = None) -> None:
        import openslide

        self._slide = openslide.OpenSlide(str(path))
        properties = dict(self._slide.properties)
        comment = properties.get(openslide.PROPERTY_NAME_COMMENT) or ""
        warnings: list[str] = []
        size = pixel_size_m or _pixel_size(properties, comment, warnings)
        super().__init__(
            level_sizes=list(self._slide.level_dimensions), pixel_size_m=size, path=path, warnings=warnings,
            bounds_l0=_bounds(properties),
            preprocessing={"reader": "openslide", "bands": [1, 2, 3], "stretch": None},
            synthetic=comment.startswith("SYNTHETIC"),
        )  # fmt: skip
        self._downsamples, self._cache = self._slide.level_downsamples, TileCache()

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[Pixels, Mask | None]:
        downsample = self._downsamples[level]
        if float(downsample).is_integer():  # then every corner is one of OpenSlide's: nothing is blurred
            corner = (x * int(downsample), y * int(downsample))
            return over_white(np.asarray(self._slide.read_region(corner, level, (width, height))))
        return over_white(
            stitch((x, y, width, height), (_BLOCK_PX,) * 2, lambda col, row: self._block(level, col, row))
        )

    def _block(self, level: int, col: int, row: int) -> Pixels:
        """RGBA of a block of a fixed lattice over a level.

        OpenSlide takes corners in whole level-0 pixels and blurs by the fraction of a pixel that is left over where the
        downsample is no whole number. On a fixed lattice a place looks the same whatever is read around it.
        """
        downsample = self._downsamples[level]
        corner = (round(col * _BLOCK_PX * downsample), round(row * _BLOCK_PX * downsample))
        return self._cache.get(
            (level, col, row), lambda: np.asarray(self._slide.read_region(corner, level, (_BLOCK_PX, _BLOCK_PX)))
        )

    def _close(self) -> None:
        self._slide.close()
        self._cache.clear()


def _pixel_size(properties: dict[str, str], comment: str, warnings: list[str]) -> tuple[float, float] | None:
    marked = pixel_size_from_mark(comment)
    if marked is not None:
        return (marked, marked)
    x_m, y_m = (_metres(properties.get(f"openslide.mpp-{axis}")) for axis in "xy")
    if properties.get("openslide.vendor") == "generic-tiff":
        return believe_resolution(x_m, y_m, warnings)
    return believe_scanner(x_m, y_m, warnings)


def _metres(mpp: str | None) -> float | None:
    try:
        return None if mpp is None else float(mpp) * 1e-6
    except ValueError:
        return None


def _bounds(properties: dict[str, str]) -> Box | None:
    try:
        x, y, width, height = (float(properties[f"openslide.bounds-{key}"]) for key in ("x", "y", "width", "height"))
    except (KeyError, ValueError):
        return None
    return Box(x, y, width, height) if width > 0 and height > 0 else None
