"""The one door out: an image to a file, by the suffix of its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from ..errors import ExportError
from ..geometry import GridGeometry
from ..scenes import Scene
from .cog import write_cog
from .dzi import files_folder, write_dzi, write_dzi_zip
from .embedding import describe, manifest_path
from .pixels import Block, PixelSource, source_of
from .place import Place, place_of
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
        name: of the file.
        source: the pixels.
        description: the SYNTHETIC mark, pixel size and manifest as text.
        manifest: the manifest, as JSON text.
        pixel_size_m: metres along a pixel.
        place: where the image lies on the Earth, where that is known.
        quality: of JPEG, 1 to 100; None is lossless.
        folder: an empty folder for formats that need one beside the file.
    """

    name: str
    source: PixelSource
    description: str
    manifest: str
    pixel_size_m: float
    place: Place | None
    quality: int | None
    folder: Path | None = None


Writer = Callable[[Path, Writing], None]

_WRITERS: dict[str, Writer] = {
    ".ome.tif": lambda path, w: write_ome_tiff(path, w.source, w.description, w.pixel_size_m, w.quality),
    ".ome.tiff": lambda path, w: write_ome_tiff(path, w.source, w.description, w.pixel_size_m, w.quality),
    ".cog.tif": write_cog,
    ".cog.tiff": write_cog,
    ".tif": lambda path, w: write_tiff(path, w.source, w.description, w.pixel_size_m, w.quality, w.place),
    ".tiff": lambda path, w: write_tiff(path, w.source, w.description, w.pixel_size_m, w.quality, w.place),
    ".png": write_png,
    ".dzi": write_dzi,
    ".dzi.zip": write_dzi_zip,
}

SUFFIXES = tuple(_WRITERS)
"""The endings that :func:`write_image` knows; of two that fit, the longer counts."""


def write_image(
    path: str | Path, image: Block | Scene, manifest: HasJson, *, pixel_size_m: float,
    geometry: GridGeometry | None = None, quality: int | None = None,
) -> Path:  # fmt: skip
    """Write a result, with its manifest inside and beside (``NAME.manifest.json``), marked SYNTHETIC.

    All files appear whole or not at all; files of the same names are replaced at the very end. The bytes depend on
    nothing but the arguments. Pixels are read and written block by block, and memory stays flat.

    Args:
        path: ``.ome.tif`` (OME-TIFF with its pyramid), ``.tif`` (plain pyramid; a GeoTIFF where the place is known),
            ``.cog.tif`` (cloud-optimised GeoTIFF), ``.dzi`` (Deep Zoom, with a folder ``NAME_files`` of tiles),
            ``.dzi.zip`` (the same in one file) or ``.png``.
        image: RGB (h, w, 3) uint8, or a scene, which is then read block by block.
        manifest: what made the image; where it has a ``source`` that names a coordinate system, the image is placed.
        pixel_size_m: metres along a pixel of the image.
        geometry: where the image lies in the scene that its grid was read from.
        quality: JPEG quality 1 to 100 inside TIFFs and Deep Zoom; lossless where None.

    Returns:
        the path.

    Raises:
        ExportError: an unknown suffix, no such folder, no permission, no space, or an image of another shape.

    Example:
        >>> grid = ssldiff.EmbeddingGrid.load("grid.npz")
        >>> *_, last = ssldiff.generate(grid, ssldiff.Settings(seed=7, steps=2))
        >>> ssldiff.write_image("out.ome.tif", last.result.image, last.result.manifest, pixel_size_m=1e-6).name
        'out.ome.tif'
        >>> with ssldiff.open_scene("out.ome.tif") as scene:
        ...     print(scene.size_l0, scene.pixel_size_m)
        (384, 256) 1e-06
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
    origin = cast("Mapping[str, object]", getattr(manifest, "source", {}))
    writing = Writing(
        path.name, source, describe(text, beside.name, pixel_size_m, geometry), text, float(pixel_size_m),
        place_of(origin, geometry), quality,
    )  # fmt: skip
    folders = (files_folder(path),) if writer is write_dzi else ()
    with replacing(asked, path, beside, folders=folders) as (image_part, manifest_part, *folder_parts):
        manifest_part.write_text(text, encoding="utf-8")
        writer(image_part, replace(writing, folder=folder_parts[0] if folder_parts else None))
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
