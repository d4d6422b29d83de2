"""A scene whose pixels are all in memory: small images, tests, results."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import SceneError
from .scene import Mask, Pixels, Scene


class ArrayScene(Scene):
    """An RGB array as a scene.

    Args:
        pixels: (h, w, 3) uint8.
        valid: (h, w) bool; all valid where None.
        facts: as for :class:`Scene` (``pixel_size_m``, ``name``, ``path`` …).

    Raises:
        SceneError: where the array is of another shape or type.
    """

    def __init__(self, pixels: Pixels, *, valid: Mask | None = None, **facts: Any) -> None:
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise SceneError(
                "use an array as a scene", f"it is {pixels.dtype} of shape {pixels.shape}", "a scene is (h, w, 3) uint8"
            )
        if valid is not None and valid.shape != pixels.shape[:2]:
            raise SceneError(
                "use an array as a scene", f"its mask is {valid.shape} beside {pixels.shape[:2]} pixels",
                "a mask has the height and width of its pixels",
            )  # fmt: skip
        facts.setdefault("preprocessing", {"reader": "array"})
        super().__init__(level_sizes=[(pixels.shape[1], pixels.shape[0])], **facts)
        self._pixels, self._valid = pixels, valid

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[Pixels, Mask | None]:
        rows, cols = slice(y, y + height), slice(x, x + width)
        return self._pixels[rows, cols], None if self._valid is None else self._valid[rows, cols]
