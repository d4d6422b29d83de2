"""Tiles on disk: a Zarr array for each plane, a chunk for each tile.

A chunk is a file that appears whole or not at all, so a process killed at any moment leaves a store that holds what it
holds: the same tiles, and nothing half written.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .stores import Key
from .trajectory import make_array


class ZarrStore:
    """Tiles of a lattice that begins at the canvas's top-left latent (``shift_lat`` 0), in a folder.

    Args:
        folders: for each plane (``x``, ``x0``) where its array (levels, channels, h, w) lies, made where missing.
        shape: (levels, channels, height, width) of the canvas at all levels.
        tile_lat: side of a tile.
    """

    def __init__(self, folders: dict[str, Path], shape: tuple[int, int, int, int], tile_lat: int) -> None:
        self._folders, self._shape, self._tile = folders, shape, tile_lat
        chunks = (1, shape[1], min(tile_lat, shape[2]), min(tile_lat, shape[3]))
        self._arrays = {plane: open_or_make(folder, shape, "float32", chunks) for plane, folder in folders.items()}

    def has(self, key: Key) -> bool:
        level = self._folders[key.plane] / "c" / str(key.level - 1)
        return (level / "0" / str(key.row) / str(key.col)).is_file()

    def get(self, key: Key) -> Tensor:
        if not self.has(key):
            raise KeyError(key)
        return torch.from_numpy(self._arrays[key.plane][self._slices(key)])

    def put(self, key: Key, value: Tensor) -> None:
        self._arrays[key.plane][self._slices(key)] = value.numpy()

    def forget(self, plane: str, level: int) -> None:
        shutil.rmtree(self._folders[plane] / "c" / str(level - 1), ignore_errors=True)

    def trim(self) -> None:
        """Nothing: the disk has no budget."""

    def _slices(self, key: Key) -> tuple[Any, ...]:
        top, left = key.row * self._tile, key.col * self._tile
        return key.level - 1, slice(None), slice(top, top + self._tile), slice(left, left + self._tile)


def open_or_make(folder: Path, shape: tuple[int, ...], dtype: str, chunks: tuple[int, ...]) -> Any:
    """The Zarr array in a folder, made where there is none."""
    import zarr

    if (folder / "zarr.json").is_file():
        return zarr.open_array(folder, mode="r+")
    return make_array(folder, shape, dtype, chunks)
