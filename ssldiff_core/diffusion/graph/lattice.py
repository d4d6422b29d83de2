"""Blocks of the canvas, and the lattice of tiles that a level of the graph is cut into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import SettingsError


@dataclass(frozen=True)
class Block:
    """A rectangle of latents, half-open; rows and columns may be negative, since a canvas grows in any direction.

    Args:
        row, col: the top-left latent.
        height, width: sides, above 0.
    """

    row: int
    col: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        return self.row + self.height

    @property
    def right(self) -> int:
        return self.col + self.width

    @property
    def area(self) -> int:
        """Latents inside."""
        return self.height * self.width

    def meet(self, other: Block) -> Block | None:
        """What both share, or None."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height, width = min(self.bottom, other.bottom) - row, min(self.right, other.right) - col
        return Block(row, col, height, width) if height > 0 and width > 0 else None

    def grown(self, margin: int, within: Block) -> Block:
        """With a margin on every side, cut at the edge of ``within``, which holds a part of it."""
        row, col = max(self.row - margin, within.row), max(self.col - margin, within.col)
        bottom, right = min(self.bottom + margin, within.bottom), min(self.right + margin, within.right)
        return Block(row, col, bottom - row, right - col)

    def moved(self, rows: int, cols: int) -> Block:
        return Block(self.row + rows, self.col + cols, self.height, self.width)

    def slices(self, outer: Block) -> tuple[slice, slice]:
        """Where it lies in an array that holds ``outer``."""
        row, col = self.row - outer.row, self.col - outer.col
        return slice(row, row + self.height), slice(col, col + self.width)

    def cut(self, side: int) -> Iterator[Block]:
        """Row by row, in blocks of at most ``side``."""
        for row in range(self.row, self.bottom, side):
            for col in range(self.col, self.right, side):
                yield Block(row, col, min(side, self.bottom - row), min(side, self.right - col))


@dataclass(frozen=True)
class Lattice:
    """Disjoint square tiles over a canvas; those at its edge are cut.

    Args:
        canvas: what is covered.
        tile: side of a tile.
        offset: where the first whole tile begins, 0 ≤ offset < tile, counted from the canvas's top-left latent.
    """

    canvas: Block
    tile: int
    offset: int = 0

    def __post_init__(self) -> None:
        if self.tile < 1 or not 0 <= self.offset < self.tile:
            raise SettingsError(
                f"cut tiles of {self.tile} latents", f"the offset is {self.offset}", "0 ≤ offset < tile, tile above 0"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Tiles down and across."""
        canvas = self.canvas
        return self._index(canvas.bottom - 1, canvas.row) + 1, self._index(canvas.right - 1, canvas.col) + 1

    def block(self, row: int, col: int) -> Block:
        """The tile (row, col)."""
        lead = self.offset - self.tile if self.offset else 0
        whole = Block(
            self.canvas.row + lead + row * self.tile, self.canvas.col + lead + col * self.tile, self.tile, self.tile
        )
        cut = whole.meet(self.canvas)
        if cut is None:
            raise SettingsError(f"take the tile ({row}, {col})", f"the lattice has {self.shape} tiles")
        return cut

    def covering(self, block: Block) -> Iterator[tuple[int, int]]:
        """Row by row, (row, col) of the tiles that share a latent with a block inside the canvas."""
        rows = range(self._index(block.row, self.canvas.row), self._index(block.bottom - 1, self.canvas.row) + 1)
        cols = range(self._index(block.col, self.canvas.col), self._index(block.right - 1, self.canvas.col) + 1)
        return ((row, col) for row in rows for col in cols)

    def _index(self, position: int, start: int) -> int:
        return (position - start + (self.tile - self.offset if self.offset else 0)) // self.tile
