"""The one door out: an image to a file, by the suffix of its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import ExportError
from ..geometry import GridGeometry
from ..scenes import Scene
from .embedding import describe, manifest_path
from .pixels import Block, PixelSource, source_of
from .png import write_png
from .replacing import replacing
from .tiff import write_ome_tiff, write_tiff


class HasJson(Protocol):
    """A manifest, as far as a file needs it."""

    def to_json(self) -> str:
        """The whole manifest as JSON text."""


@dataclass(frozen=True)
class Writing:
    """What a writer gets.

    Args:
        source: the pixels.
        description: the SYNTHETIC mark, pixel size and manifest as text.
        pixel_size_m: metres along a pixel.
        geometry: where the image lies in the scene that its grid was read from.
        quality: of JPEG, 1 to 100; None is lossless.
    """

    source: PixelSource
    description: str
    pixel_size_m: float
    geometry: GridGeometry | None
    quality: int | None


Writer = Callable[[Path, Writing], None]

_WRITERS: dict[str, Writer] = {
    ".ome.tif": lambda path, w: write_ome_tiff(path, w.source, w.description, w.pixel_size_m, w.quality),
    ".ome.tiff": lambda path, w: write_ome_tiff(path, w.source, w.description, w.pixel_size_m, w.quality),
    ".tif": lambda path, w: write_tiff(path, w.source, w.description, w.pixel_size_m, w.quality),
    ".tiff": lambda path, w: write_tiff(path, w.source, w.description, w.pixel_size_m, w.quality),
    ".png": lambda path, w: write_png(path, w.source, w.description, w.pixel_size_m),
}

SUFFIXES = tuple(_WRITERS)
"""The endings that :func:`write_image` knows; of two that fit, the longer counts."""


def write_image(
    path: str | Path, image: Block | Scene, manifest: HasJson, *, pixel_size_m: float,
    geometry: GridGeometry | None = None, quality: int | None = None,
) -> Path:  # fmt: skip
    """Write a result, with its manifest inside and beside (``NAME.manifest.json``), marked SYNTHETIC.

    Both files appear whole or not at all; files of the same names are replaced at the very end. The bytes depend on
    nothing but the arguments.

    Args:
        path: ``.ome.tif`` (pyramid in SubIFDs, as OME wants it), ``.tif`` (plain pyramid, which OpenSlide reads at all
            levels) or ``.png``.
        image: RGB (h, w, 3) uint8, or a scene, which is then read block by block.
        manifest: what made the image.
        pixel_size_m: metres along a pixel of the image.
        geometry: where the image lies in the scene that its grid was read from.
        quality: JPEG quality 1 to 100 inside TIFFs; lossless where None.

    Returns:
        the path.

    Raises:
        ExportError: an unknown suffix, no such folder, no permission, no space, or an image of another shape.
    """
    path = Path(path).expanduser()
    asked = f"write {path}"
    writer = _writer_of(path, asked)
    if isinstance(image, (np.ndarray, Scene)):
        source = source_of(image, asked)
    else:
        raise ExportError(asked, f"the image is a {type(image).__name__}", "an image is an array or a scene")
    if not (math.isfinite(pixel_size_m) and pixel_size_m > 0):
        raise ExportError(asked, f"its pixel size is {pixel_size_m}", "a pixel size is a length in metres above 0")
    if quality is not None and not 1 <= quality <= 100:
        raise ExportError(asked, f"the quality is {quality}", "JPEG quality goes from 1 to 100", "90 is a good value")
    beside, text = manifest_path(path), manifest.to_json()
    description = describe(text, beside.name, pixel_size_m, geometry)
    with replacing(asked, path, beside) as (image_part, manifest_part):
        manifest_part.write_text(text, encoding="utf-8")
        writer(image_part, Writing(source, description, float(pixel_size_m), geometry, quality))
    return path


def _writer_of(path: Path, asked: str) -> Writer:
    name = path.name.lower()
    fitting = [suffix for suffix in SUFFIXES if name.endswith(suffix) and len(name) > len(suffix)]
    if not fitting:
        raise ExportError(
            asked, f"its name ends in {path.suffix!r}" if path.suffix else "its name has no suffix",
            f"the suffix says what is written: {', '.join(SUFFIXES)}", f"For example {path.stem or 'image'}.ome.tif",
        )  # fmt: skip
    return _WRITERS[max(fitting, key=len)]
