"""What is written: an array, or a scene that is read (and perhaps computed) block by block."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ExportError
from ..geometry import Box
from ..scenes import Scene

Block = NDArray[np.uint8]

TILE_PX = 256

_IN_MEMORY_BYTES = 2**28
"""Larger levels of a pyramid wait on disk until it is their turn."""


class PixelSource(Protocol):
    """Pixels by the block."""

    shape: tuple[int, int]
    """(height, width)."""

    def read(self, row: int, col: int, height: int, width: int) -> Block:
        """RGB (height, width, 3) uint8 of a block inside."""


class ArraySource:
    """Pixels in memory (or in a memory map)."""

    def __init__(self, pixels: Block) -> None:
        self.shape = (pixels.shape[0], pixels.shape[1])
        self._pixels = pixels

    def read(self, row: int, col: int, height: int, width: int) -> Block:
        return self._pixels[row : row + height, col : col + width]


class SceneSource:
    """The level-0 pixels of a scene."""

    def __init__(self, scene: Scene) -> None:
        self.shape = (scene.size_l0[1], scene.size_l0[0])
        self._scene = scene

    def read(self, row: int, col: int, height: int, width: int) -> Block:
        return self._scene.read(Box(col, row, width, height), size_px=(width, height))


def source_of(image: Block | Scene, asked: str) -> PixelSource:
    """Pixels to write.

    Raises:
        ExportError: where an array is not (h, w, 3) uint8.
    """
    if isinstance(image, Scene):
        return SceneSource(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ExportError(asked, f"the image is {image.dtype} of shape {image.shape}", "an image is (h, w, 3) uint8")
    return ArraySource(image)


def pyramid_shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """(height, width) of each level: halves, rounded up, until one tile holds the image."""
    shapes = [shape]
    while max(shapes[-1]) > TILE_PX:
        height, width = shapes[-1]
        shapes.append(((height + 1) // 2, (width + 1) // 2))
    return shapes


class Pyramid:
    """An image and its halves, written tile by tile, finest level first.

    While the tiles of a level go out, the next level is made of them by averaging 2 × 2 pixels; so each source pixel is
    read once, and at most two levels are held (in memory, or in an unnamed file in ``folder`` where they are large).

    Args:
        source: the pixels.
        folder: where large levels wait.
    """

    def __init__(self, source: PixelSource, folder: Path) -> None:
        self.shapes = pyramid_shapes(source.shape)
        self._folder = folder
        self._sources: dict[int, PixelSource] = {0: source}

    def tiles(self, level: int) -> Iterator[Block]:
        """The tiles (256, 256, 3) of a level, row by row, continued over the edge by border pixels.

        Levels are asked for in order, each to its end.
        """
        height, width = self.shapes[level]
        source = self._sources.pop(level)
        following = self._level_store(level + 1) if level + 1 < len(self.shapes) else None
        if following is not None:
            self._sources[level + 1] = ArraySource(following)
        for row in range(0, height, TILE_PX):
            for col in range(0, width, TILE_PX):
                tile = source.read(row, col, min(TILE_PX, height - row), min(TILE_PX, width - col))
                if following is not None:
                    half = halve(tile)
                    top, left = row // 2, col // 2
                    following[top : top + half.shape[0], left : left + half.shape[1]] = half
                yield pad_to_tile(tile)

    def _level_store(self, level: int) -> Block:
        shape = (*self.shapes[level], 3)
        size = int(np.prod(shape, dtype=np.int64))
        if size <= _IN_MEMORY_BYTES:
            return np.empty(shape, np.uint8)
        with tempfile.TemporaryFile(dir=self._folder) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)  # a full disk must be an error here, not a bus error later
            return np.memmap(file, np.uint8, "w+", shape=shape)


def halve(pixels: Block) -> Block:
    """Half the size, rounded up, by the rounded mean of 2 × 2 pixels; an odd border counts double."""
    odd = [(0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)]
    wide = np.pad(pixels, odd, mode="edge").astype(np.uint16)
    total = wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2]
    return ((total + 2) // 4).astype(np.uint8)


def pad_to_tile(tile: Block) -> Block:
    """A tile of full size, continued by its border pixels."""
    missing = [(0, TILE_PX - tile.shape[0]), (0, TILE_PX - tile.shape[1]), (0, 0)]
    return np.pad(tile, missing, mode="edge") if tile.shape[:2] != (TILE_PX, TILE_PX) else np.ascontiguousarray(tile)
