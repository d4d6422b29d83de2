"""Whatever else large_image opens, tile by tile."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compose import over_white
from .pixel_size import believe_resolution
from .scene import Mask, Pixels, Scene
from .tiles import stitch


class LargeImageScene(Scene):
    """An image by large_image: its tile pyramid, each level half the one before.

    Args:
        path: the file.
        pixel_size_m: overrides what the file says.

    Raises:
        large_image.exceptions.TileSourceError: where none of its sources opens it (:func:`open_scene` turns this into a
            SceneError).
    """

    def __init__(self, path: Path, *, pixel_size_m: float | None = None) -> None:
        import large_image

        self._source: Any = large_image.open(str(path))
        self._lock = Lock()
        facts: dict[str, Any] = self._source.getMetadata()
        warnings: list[str] = []
        sides = [facts.get(f"mm_{axis}") for axis in "xy"]
        metres = [None if side is None else float(side) * 1e-3 for side in sides]
        size = pixel_size_m or believe_resolution(metres[0], metres[1], warnings)
        self._tile_size = (int(facts["tileWidth"]), int(facts["tileHeight"]))
        self._top = int(facts["levels"]) - 1
        super().__init__(
            level_sizes=[(-(-facts["sizeX"] // 2**k), -(-facts["sizeY"] // 2**k)) for k in range(facts["levels"])],
            pixel_size_m=size, path=path, warnings=warnings,
            preprocessing={"reader": "large_image", "bands": [1, 2, 3], "stretch": None},
        )  # fmt: skip

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[Pixels, Mask | None]:
        pixels = stitch(
            (x, y, width, height), self._tile_size, lambda col, row: self._tile(col, row, self._top - level)
        )
        return over_white(pixels)

    def _tile(self, col: int, row: int, z: int) -> NDArray[np.uint8]:
        """One tile as RGBA (h, w, 4)."""
        with self._lock:
            tile = np.asarray(self._source.getTile(col, row, z, numpyAllowed="always"))
        if tile.dtype != np.uint8:
            raise ValueError(f"its values are {tile.dtype}, not 8-bit")
        if tile.shape[2] in (1, 2):
            tile = np.concatenate([tile[..., :1]] * 3 + [tile[..., 1:]], axis=-1)
        if tile.shape[2] == 3:
            tile = np.concatenate([tile, np.full_like(tile[..., :1], 255)], axis=-1)
        return tile[..., :4]

    def _close(self) -> None:
        self._source = None
