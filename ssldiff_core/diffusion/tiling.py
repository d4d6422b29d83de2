"""Tiles with halo: how a canvas is cut so that a network of finite radius computes each part as if it saw the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import SettingsError


@dataclass(frozen=True)
class Tile:
    """A block of the canvas and the larger crop that it is computed from; latents, half-open.

    Args:
        row, col, height, width: the block that is kept.
        crop_row, crop_col, crop_height, crop_width: the block with its halo, cut at the canvas's edge.
    """

    row: int
    col: int
    height: int
    width: int
    crop_row: int
    crop_col: int
    crop_height: int
    crop_width: int

    @property
    def canvas(self) -> tuple[slice, slice]:
        """Where the kept block lies on the canvas."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    @property
    def crop(self) -> tuple[slice, slice]:
        """Where the crop lies on the canvas."""
        return (
            slice(self.crop_row, self.crop_row + self.crop_height),
            slice(self.crop_col, self.crop_col + self.crop_width),
        )

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where the kept block lies in the crop."""
        row, col = self.row - self.crop_row, self.col - self.crop_col
        return slice(row, row + self.height), slice(col, col + self.width)


def cut_tiles(shape: tuple[int, int], tile: int, radius: int, phase: int = 1) -> Iterator[Tile]:
    """Row by row, the tiles of a canvas. Crops start and end at multiples of ``phase``, or at the canvas's edge.

    Args:
        shape: (height, width) of the canvas.
        tile: side of the kept blocks, a multiple of ``phase``.
        radius: how far an output depends on its input.
    """
    if tile < 1 or tile % phase:
        raise SettingsError(
            f"cut tiles of {tile} latents", f"the network's phase is {phase}", f"a tile is a multiple of {phase}",
            f"Try {max(phase, round(tile / phase) * phase)}",
        )  # fmt: skip
    halo = -(-radius // phase) * phase
    for row in range(0, shape[0], tile):
        for col in range(0, shape[1], tile):
            height, width = min(tile, shape[0] - row), min(tile, shape[1] - col)
            top, left = max(0, row - halo), max(0, col - halo)
            bottom, right = min(shape[0], row + height + halo), min(shape[1], col + width + halo)
            yield Tile(row, col, height, width, top, left, bottom - top, right - left)
