"""Ordinary images (PNG, JPEG, WebP, small TIFF …) by Pillow, wholly in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..errors import SceneError
from .array_scene import ArrayScene
from .compose import over_white
from .pixel_size import believe_resolution, pixel_size_from_mark
from .scene import Mask, Pixels
from .tone import check_range, choose_bands, tone_of

MAX_PX = 80_000_000
"""Larger images are left to readers that do not hold them whole (and Pillow itself warns from here on)."""


class PillowScene(ArrayScene):
    """An image by Pillow, turned upright by its EXIF tag; transparency over white, wholly transparent is invalid.

    Args:
        path: the file.
        pixel_size_m: overrides what the file says.
        bands: 1-based, one (grey) or three.
        value_range: the values that become 0 and 255; without it, images of more than 8 bits are stretched.

    Raises:
        SceneError: bands or range do not fit.
        OSError: where Pillow cannot read it (:func:`open_scene` turns this into a SceneError).
    """

    def __init__(
        self, path: Path, *, pixel_size_m: float | None = None, bands: tuple[int, ...] | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        warnings: list[str] = []
        with Image.open(path) as image:
            if image.width * image.height > MAX_PX:
                raise OSError(f"{image.width} × {image.height} px are too many to hold in memory")
            text = _description(image)
            size = pixel_size_m or _pixel_size(image, text, warnings)
            _load(image, path.name)
            values, valid = _values(ImageOps.exif_transpose(image))
        count = values.shape[2]
        chosen = choose_bands(path.name, bands, count, (1, 2, 3) if count >= 3 else (1,))
        values = values[..., [band - 1 for band in chosen]]
        overview = None if values.dtype == np.uint8 else (values, np.ones(values.shape[:2], np.bool_))
        tone = tone_of(chosen, check_range(path.name, value_range), overview, warnings)
        super().__init__(
            tone.apply(values), valid=valid, path=path, pixel_size_m=size, warnings=warnings,
            preprocessing={"reader": "pillow", **tone.describe()},
            synthetic=text.startswith("SYNTHETIC"),
        )  # fmt: skip


def _load(image: Image.Image, name: str) -> None:
    """Decode the image; one that Pillow knows but cannot decode is damaged, and no other reader is to patch it up."""
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise SceneError(
            f"open {name} as a scene", f"the {image.format} image is damaged or cut short ({error})",
            "a scene file is whole", "Copy the file again and compare its size with the original's",
        ) from error  # fmt: skip


def _values(image: Image.Image) -> tuple[NDArray[Any], Mask | None]:
    """Stored values (h, w, bands) and the mask."""
    if image.mode in ("I", "F", "I;16", "I;16L", "I;16B"):
        return np.asarray(image)[..., None], None
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        pixels: Pixels = np.asarray(image.convert("RGBA"))
        return over_white(pixels)
    grey = image.mode in ("1", "L")
    values = np.asarray(image.convert("L" if grey else "RGB"))
    return (values[..., None] if grey else values), None


def _description(image: Image.Image) -> str:
    tags = getattr(image, "tag_v2", {})
    return str(image.info.get("Description") or tags.get(270, ""))


def _pixel_size(image: Image.Image, text: str, warnings: list[str]) -> tuple[float, float] | None:
    marked = pixel_size_from_mark(text)
    if marked is not None:
        return (marked, marked)
    across, down = (float(v) for v in image.info.get("dpi", (0, 0))[:2])
    if across <= 0 or down <= 0:
        return believe_resolution(None, None, warnings)
    return believe_resolution(0.0254 / across, 0.0254 / down, warnings)
