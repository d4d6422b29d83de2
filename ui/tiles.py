"""Tiles and thumbnails of scenes as JPEG bytes, remembered within a budget.

Level ``z`` of the pyramid halves ``max_level - z`` times; a tile is 256 × 256 pixels of its level, less at the edges.
"""

from __future__ import annotations

import io
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
from PIL import Image

from ssldiff_core.errors import SceneError
from ssldiff_core.geometry import Box

from .library import SceneEntry
from .once import Once
from .open_scenes import OpenScenes

TILE_PX = 256


def max_level(size_l0: tuple[int, int]) -> int:
    """The level at which one tile pixel is one level-0 pixel; at level 0 the whole scene fits one tile."""
    return max(0, math.ceil(math.log2(max(size_l0) / TILE_PX)))


def tile_box(size_l0: tuple[int, int], z: int, x: int, y: int) -> tuple[Box, tuple[int, int]]:
    """Level-0 box and (width, height) in pixels of a tile.

    Raises:
        SceneError: where the scene has no such tile.
    """
    top = max_level(size_l0)
    if not 0 <= z <= top:
        raise SceneError("show a tile", f"level {z} does not exist", f"levels run from 0 to {top}")
    scale = 2 ** (top - z)
    width, height = (math.ceil(side / scale) for side in size_l0)
    left, upper = x * TILE_PX, y * TILE_PX
    if not (0 <= left < width and 0 <= upper < height):
        raise SceneError("show a tile", f"column {x}, row {y} lies outside level {z}")
    size_px = (min(TILE_PX, width - left), min(TILE_PX, height - upper))
    return Box(left * scale, upper * scale, size_px[0] * scale, size_px[1] * scale), size_px


def encode_jpeg(pixels: np.ndarray, quality: int = 88) -> bytes:
    """RGB uint8 (height, width, 3) -> JPEG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    return buffer.getvalue()


class ByteCache:
    """Least recently used bytes within a budget."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget, self._held = budget_bytes, 0
        self._lock = threading.Lock()
        self._items: OrderedDict[Hashable, bytes] = OrderedDict()
        self._making: Once[Hashable, bytes] = Once()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The bytes of a key, made where they are not held: once, however many ask. Nobody waits for another key."""
        known = self._look_up(key)
        return self._making.get(key, lambda: self._look_up(key) or self._keep(key, make())) if known is None else known

    def _look_up(self, key: Hashable) -> bytes | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def _keep(self, key: Hashable, value: bytes) -> bytes:
        with self._lock:
            self._items[key] = value
            self._held += len(value)
            while self._held > self._budget and len(self._items) > 1:
                self._held -= len(self._items.popitem(last=False)[1])
        return value


class TileServer:
    """Tiles, thumbnails and patches of scenes, as JPEG bytes."""

    def __init__(self, scenes: OpenScenes, budget_bytes: int = 96 << 20) -> None:
        self.scenes = scenes
        self._cache = ByteCache(budget_bytes)

    def tile(self, entry: SceneEntry, z: int, x: int, y: int) -> bytes:
        def make() -> bytes:
            box, size_px = tile_box(self.scenes.get(entry).size_l0, z, x, y)
            quality = 93 if entry.origin == "result" else 86
            return encode_jpeg(self.scenes.read_small(entry, box, size_px), quality)

        return self._cache.get(("tile", entry.id, entry.version, z, x, y), make)

    def thumbnail(self, entry: SceneEntry, max_px: int = 320) -> bytes:
        def make() -> bytes:
            width, height = self.scenes.get(entry).size_l0
            scale = min(1.0, max_px / max(width, height))
            size_px = (max(1, round(width * scale)), max(1, round(height * scale)))
            return encode_jpeg(self.scenes.read_small(entry, Box(0, 0, width, height), size_px))

        return self._cache.get(("thumbnail", entry.id, entry.version, max_px), make)

    def patch(self, entry: SceneEntry, box_l0: Box, side_px: int) -> bytes:
        def make() -> bytes:
            return encode_jpeg(self.scenes.read(entry, lambda scene: scene.read(box_l0, size_px=(side_px, side_px))))

        return self._cache.get(("patch", entry.id, entry.version, box_l0.as_tuple(), side_px), make)
