"""Boxes put together from tiles, and a store of the tiles read last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tile = NDArray[Any]


def stitch(box: tuple[int, int, int, int], tile_size: tuple[int, int], get_tile: Callable[[int, int], Tile]) -> Tile:
    """The pixels of a box out of the tiles that it touches.

    Args:
        box: (x, y, width, height), whole pixels.
        tile_size: (width, height) of the lattice.
        get_tile: (column, row) of a tile -> (h, w, …) pixels; the last in a row or column may be short or padded.
    """
    x, y, width, height = box
    across, down = tile_size
    out: Tile | None = None
    for row in range(y // down, (y + height - 1) // down + 1):
        for col in range(x // across, (x + width - 1) // across + 1):
            tile = get_tile(col, row)
            if out is None:
                out = np.empty((height, width, *tile.shape[2:]), tile.dtype)
            left, top = max(x, col * across), max(y, row * down)
            right, bottom = min(x + width, (col + 1) * across), min(y + height, (row + 1) * down)
            out[top - y : bottom - y, left - x : right - x] = tile[
                top - row * down : bottom - row * down, left - col * across : right - col * across
            ]
    assert out is not None
    return out


class TileCache:
    """The tiles used last, up to a number of bytes; safe from several threads."""

    def __init__(self, max_bytes: int = 2**26) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._tiles: OrderedDict[Hashable, Tile] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Tile]) -> Tile:
        """The tile of a key, made if it is not there (two threads may both make it)."""
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
        tile = make()
        with self._lock:
            if key not in self._tiles:
                self._tiles[key] = tile
                self._bytes += tile.nbytes
            while self._bytes > self._max_bytes and len(self._tiles) > 1:
                self._bytes -= self._tiles.popitem(last=False)[1].nbytes
        return tile

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._tiles.clear()
            self._bytes = 0
