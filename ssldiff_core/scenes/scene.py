"""One face for every large image: size, pixel size, and any region at any pixel size.

A reader (one file each, beside this one) says which levels its file stores and hands out whole pixels of a level;
choosing the level, resampling, padding and validity are done here, once, so that all readers obey the same laws:

* a read in parts equals the read of the whole (to the rounding of one grey level);
* an output pixel whose centre lies outside the scene, or whose pixels are mostly no data, is white and invalid;
* level 0 has square pixels on the ground. Where a file's pixels are not square, level 0 is a frame of the same area
  whose pixels are, and ``levels[0].size`` is what the file stores.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import SceneError
from ..geometry import Box, format_length
from .identity import alias_of, file_digest
from .resample import LevelReader, resample

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MIN_SIDE_PX = 16
"""Scenes with a shorter side hold nothing to describe."""

MAX_REGION_PX = 2**29
"""Most output pixels of one read: 1.5 GiB of RGB."""

SQUARE_TOLERANCE = 0.02
"""Pixels count as square up to this ratio of their sides: a 128-px cell is then off by 2.5 px at most."""

_SPARE_IF_DECIMATED = 4.0
"""A level of every n-th pixel is fine enough where at least 4 × 4 of its pixels are averaged into one."""

_LEVEL_TOLERANCE = 0.01
"""Levels are rounded to whole pixels: 4.01 is fine enough where 4 is asked."""


@dataclass(frozen=True)
class Level:
    """One stored resolution.

    Args:
        size: (width, height) in stored pixels.
        downsample: level-0 pixels along one pixel of this level (geometric mean of both axes).
    """

    size: tuple[int, int]
    downsample: float


@dataclass(frozen=True)
class Region:
    """Pixels of a scene.

    Args:
        pixels: (h, w, 3) uint8, RGB, white where invalid.
        valid: (h, w) bool; False outside the scene and where the file holds no data.
    """

    pixels: Pixels
    valid: Mask

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.shape != (*self.valid.shape, 3):
            raise SceneError(
                "make a region", f"it has {self.pixels.dtype} {self.pixels.shape} beside a mask {self.valid.shape}",
                "a region is uint8 (h, w, 3) with a mask (h, w)",
            )  # fmt: skip
        self.pixels.flags.writeable = False
        self.valid.flags.writeable = False


class Scene(ABC):
    """A large image that can be read anywhere, at any pixel size. A context manager; reads may come from many threads.

    Args:
        level_sizes: (width, height) of each stored level, finest first.
        pixel_size_m: metres along a stored pixel of the finest level, (x, y) where the axes differ; None is unknown.
        path: the file, where there is one.
        name: for people.
        warnings: what a user should know about this file (sentences).
        bounds_l0: the part that holds an image, in stored pixels of the finest level; the whole where None.
        crs: coordinate reference system as ``EPSG:…`` or WKT.
        transform: affine from stored pixels of the finest level to the CRS, rasterio's order (a, b, c, d, e, f).
        preprocessing: JSON-able account of how stored values became RGB; goes into a grid's digest.
        attribution: whom to name when pixels are shown.
        synthetic: True where the file says that its pixels were generated.
        decimated: True where coarser levels hold every n-th pixel instead of means, so that reading them aliases.
        levels_cover: True where every level spans the scene exactly (GDAL); else sizes are taken as rounded halves.

    Raises:
        SceneError: where the finest level is smaller than 16 px a side.
    """

    opened_with: Mapping[str, Any] | None = None
    """Options that :func:`open_scene` opens the same scene with again; None for a scene that is no file."""

    def __init__(
        self, *, level_sizes: Sequence[tuple[int, int]], pixel_size_m: float | tuple[float, float] | None = None,
        path: Path | None = None, name: str = "", warnings: Sequence[str] = (), bounds_l0: Box | None = None,
        crs: str | None = None, transform: Sequence[float] | None = None,
        preprocessing: Mapping[str, Any] | None = None, attribution: str = "", synthetic: bool = False,
        decimated: bool = False, levels_cover: bool = False,
    ) -> None:  # fmt: skip
        self.path, self.name = path, name or (path.name if path else "scene")
        width, height = level_sizes[0]
        if min(width, height) < MIN_SIDE_PX:
            raise SceneError(
                f"open {self.name} as a scene", f"it is {width} × {height} px",
                f"a scene has at least {MIN_SIDE_PX} px a side", "Choose a larger image",
            )  # fmt: skip
        said = list(warnings)
        self.size_l0, self.pixel_size_m = _square_frame((width, height), pixel_size_m, said)
        stretch = (self.size_l0[0] / width, self.size_l0[1] / height)
        self._factors = tuple(
            (stretch[0] * fx, stretch[1] * fy)
            for fx, fy in (_factors((width, height), size, levels_cover) for size in level_sizes)
        )
        self.levels = tuple(
            Level((w, h), math.sqrt(fx * fy)) for (w, h), (fx, fy) in zip(level_sizes, self._factors, strict=True)
        )
        whole = Box(0, 0, *self.size_l0)
        if bounds_l0 is not None:
            b = bounds_l0
            bounds_l0 = Box(b.x * stretch[0], b.y * stretch[1], b.width * stretch[0], b.height * stretch[1])
            bounds_l0 = bounds_l0.intersection(whole)
        self.bounds_l0 = bounds_l0 or whole
        self.crs = crs
        self.transform = None if transform is None else _transform_of_frame(transform, stretch)
        self.preprocessing: dict[str, Any] = dict(preprocessing or {})
        self.attribution, self.synthetic, self.warnings = attribution, synthetic, tuple(said)
        self._spare = _SPARE_IF_DECIMATED if decimated else 1.0
        self._closed, self._alias = False, ""

    @cached_property
    def digest(self) -> str:
        """:func:`~ssldiff_core.scenes.identity.file_digest` of the file; empty where there is none."""
        return file_digest(self.path) if self.path is not None else ""

    @property
    def alias(self) -> str:
        """What grids and manifests call this scene: what the user says, else of its digest; the name without a file."""
        return self._alias or (alias_of(self.digest) if self.digest else self.name)

    @alias.setter
    def alias(self, alias: str) -> None:
        self._alias = alias.strip()[:120]

    @abstractmethod
    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[Pixels, Mask | None]:
        """Stored pixels of a box that lies inside a level; safe to call from several threads.

        Returns:
            RGB (height, width, 3) uint8 over white, and what holds data (height, width), None for all.
        """

    def _close(self) -> None:  # noqa: B027 - a reader without a file has nothing to do
        """Let go of the file."""

    def read_region(
        self, box_l0: Box, pixel_size_m: float | None = None, *, size_px: tuple[int, int] | None = None
    ) -> Region:
        """A region with its mask of valid pixels.

        Args:
            box_l0: where, in level-0 pixels; fractions are fine, and it may reach over the edge.
            pixel_size_m: metres along one output pixel; level 0's own where None.
            size_px: (width, height) of the output; wins over ``pixel_size_m``.

        Raises:
            SceneError: the region lies wholly outside, the pixel size is needed but unknown, the output would be too
                large, or the file is broken at this place.
        """
        asked = f"read the region {_format_box(box_l0)} of {self.name}"
        if self._closed:
            raise SceneError(asked, "the scene is closed", "", "Open it again")
        if box_l0.intersection(Box(0, 0, *self.size_l0)) is None:
            raise SceneError(
                asked, "it lies wholly outside", f"the scene is {_format_box(Box(0, 0, *self.size_l0))}",
                f"The nearest region inside is {_format_box(self._nearest_inside(box_l0))}",
            )  # fmt: skip
        width, height = size_px if size_px is not None else self.size_at(box_l0, pixel_size_m)
        if width < 1 or height < 1 or width * height > MAX_REGION_PX:
            raise SceneError(
                asked, f"the output would be {width} × {height} px", f"one read gives 1 to {MAX_REGION_PX} pixels",
                "Read it in parts, or at a coarser pixel size",
            )  # fmt: skip
        level = self._best_level(box_l0.width / width, box_l0.height / height)
        fx, fy = self._factors[level]
        box = Box(box_l0.x / fx, box_l0.y / fy, box_l0.width / fx, box_l0.height / fy)
        try:
            pixels, valid = resample(
                self._level_reader(level), self.levels[level].size, (self.size_l0[0] / fx, self.size_l0[1] / fy), box,
                (width, height),
            )  # fmt: skip
        except SceneError:
            raise
        except Exception as error:  # decoders raise whatever they like on a broken file
            raise SceneError(
                asked, f"its pixels cannot be decoded ({first_line(error, self.path)})", "a scene file is whole",
                "The file may be damaged or cut short: copy it again",
            ) from error  # fmt: skip
        return Region(pixels, valid)

    def read(self, box_l0: Box, pixel_size_m: float | None = None, *, size_px: tuple[int, int] | None = None) -> Pixels:
        """RGB (h, w, 3) uint8 of a region, white where there is nothing; as :meth:`read_region`."""
        return self.read_region(box_l0, pixel_size_m, size_px=size_px).pixels

    def size_at(self, box_l0: Box, pixel_size_m: float | None = None) -> tuple[int, int]:
        """(width, height) in pixels that a region has at a pixel size, at least one each.

        Raises:
            SceneError: where the scene's pixel size is unknown, or the one asked for is no length.
        """
        scale = 1.0
        if pixel_size_m is not None:
            asked = f"read {self.name} at a pixel size of {pixel_size_m:g} m"
            if not (math.isfinite(pixel_size_m) and pixel_size_m > 0):
                raise SceneError(asked, "that is no length", "a pixel size is a length in metres above 0")
            if self.pixel_size_m is None:
                raise SceneError(
                    asked, "its file does not say how large its pixels are", "a pixel size is needed for that",
                    "Give it by hand, for example --scene-pixel-size 0.5um for a slide scanned at 20×",
                )  # fmt: skip
            scale = self.pixel_size_m / pixel_size_m
        return max(1, round(box_l0.width * scale)), max(1, round(box_l0.height * scale))

    def thumbnail(self, max_px: int = 1024) -> Pixels:
        """The whole scene, RGB (h, w, 3) uint8, its longer side ``max_px`` or what the scene has if that is less."""
        scale = min(1.0, max_px / max(self.size_l0))
        size = (max(1, round(self.size_l0[0] * scale)), max(1, round(self.size_l0[1] * scale)))
        return self.read(Box(0, 0, *self.size_l0), size_px=size)

    def close(self) -> None:
        """Let go of the file; twice is fine."""
        if not self._closed:
            self._closed = True
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        size = "unknown" if self.pixel_size_m is None else format_length(self.pixel_size_m)
        return f"{type(self).__name__}({self.name!r}, {self.size_l0[0]} × {self.size_l0[1]} px, pixel size {size})"

    def _level_reader(self, level: int) -> LevelReader:
        return lambda x, y, width, height: self._read_level(level, x, y, width, height)

    def _best_level(self, scale_x: float, scale_y: float) -> int:
        """The coarsest level that is fine enough for ``scale`` level-0 pixels along an output pixel."""
        most_x, most_y = (scale * (1 + _LEVEL_TOLERANCE) / self._spare for scale in (scale_x, scale_y))
        fine = [i for i, (fx, fy) in enumerate(self._factors) if fx <= most_x and fy <= most_y]
        return max(fine, key=lambda i: self.levels[i].downsample, default=0)

    def _nearest_inside(self, box_l0: Box) -> Box:
        width, height = min(box_l0.width, self.size_l0[0]), min(box_l0.height, self.size_l0[1])
        x = min(max(box_l0.x, 0.0), self.size_l0[0] - width)
        y = min(max(box_l0.y, 0.0), self.size_l0[1] - height)
        return Box(x, y, width, height)


def _factors(full: tuple[int, int], level: tuple[int, int], covers: bool) -> tuple[float, float]:
    """Stored pixels of the finest level along one of another, in x and y: a whole number where sizes were rounded."""
    n = round(full[0] / level[0])
    if not covers and all(side in (a // n, -(-a // n)) for a, side in zip(full, level, strict=True)):
        return (float(n), float(n))
    return (full[0] / level[0], full[1] / level[1])


def _square_frame(
    size: tuple[int, int], pixel_size_m: float | tuple[float, float] | None, warnings: list[str]
) -> tuple[tuple[int, int], float | None]:
    """Size and pixel size of a level 0 with square pixels and the same area."""
    if pixel_size_m is None or isinstance(pixel_size_m, (int, float)):
        return size, pixel_size_m
    x_m, y_m = pixel_size_m
    mean_m = math.sqrt(x_m * y_m)
    if max(x_m, y_m) <= min(x_m, y_m) * (1 + SQUARE_TOLERANCE):
        return size, mean_m
    square = (max(1, round(size[0] * x_m / mean_m)), max(1, round(size[1] * y_m / mean_m)))
    warnings.append(
        f"The stored pixels are not square on the ground ({format_length(x_m)} × {format_length(y_m)}): the scene is "
        f"read as {square[0]} × {square[1]} square pixels of {format_length(mean_m)}; {size[0]} × {size[1]} are stored."
    )
    return square, mean_m


def _transform_of_frame(transform: Sequence[float], stretch: tuple[float, float]) -> tuple[float, ...]:
    a, b, c, d, e, f = (float(v) for v in transform)
    return (a / stretch[0], b / stretch[1], c, d / stretch[0], e / stretch[1], f)


def _format_box(box: Box) -> str:
    return ",".join(f"{value:.10g}" for value in box.as_tuple())


def first_line(error: BaseException, path: Path | None) -> str:
    """What a decoder says of a file, without its folder: where a server keeps its files is nobody's business."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    for place in (path, path.resolve()) if path is not None else ():
        said = said.replace(str(place), place.name)
    return said[:200]
