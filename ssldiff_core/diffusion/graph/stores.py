"""Where tiles are remembered. A store holds values by level and place and knows nothing of how they come about."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, Protocol

from torch import Tensor


class Key(NamedTuple):
    """What a tile is known by.

    Args:
        plane: ``x`` the canvas after a level, ``x0`` the estimate that led there.
        level: 1 … the graph's levels.
        row, col: the tile's place in the level's lattice.
    """

    plane: str
    level: int
    row: int
    col: int


class TileStore(Protocol):
    """Tiles (channels, h, w) float32 by key."""

    def has(self, key: Key) -> bool: ...

    def get(self, key: Key) -> Tensor:
        """The tile as it was put, which nobody changes; KeyError where there is none."""

    def put(self, key: Key, value: Tensor) -> None: ...

    def forget(self, plane: str, level: int) -> None:
        """Drop all tiles of a plane of a level."""

    def trim(self) -> None:
        """Called when a reading is done: what is over the budget may go."""


class MemoryStore:
    """Tiles in memory. Beyond the budget those used least recently are forgotten, between readings.

    Args:
        budget_bytes: what may stay; None for all.
    """

    def __init__(self, budget_bytes: int | None = None) -> None:
        self.budget_bytes = budget_bytes
        self.bytes = 0
        self._tiles: OrderedDict[Key, Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tiles)

    def has(self, key: Key) -> bool:
        return key in self._tiles

    def get(self, key: Key) -> Tensor:
        self._tiles.move_to_end(key)
        return self._tiles[key]

    def put(self, key: Key, value: Tensor) -> None:
        if key in self._tiles:
            self._drop(key)
        self._tiles[key] = value
        self.bytes += value.nbytes

    def forget(self, plane: str, level: int) -> None:
        for key in [key for key in self._tiles if key[:2] == (plane, level)]:
            self._drop(key)

    def trim(self) -> None:
        while self.budget_bytes is not None and self.bytes > self.budget_bytes and self._tiles:
            self._drop(next(iter(self._tiles)))

    def _drop(self, key: Key) -> None:
        self.bytes -= self._tiles.pop(key).nbytes
