"""The graph itself: which tiles a region needs, and how one is computed.

A level stands for ``steps_per_level`` denoising steps (the last levels are whole, the first may have fewer). To
compute a tile, a crop of the level before is taken, wider by the receptive field for each of these steps, and shrinks
by as much with every step. A tile's crop depends on its place alone, never on what was asked for: so the order of
asking does not change a bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..denoisers import Condition
from .drawing import Drawing
from .lattice import Block, Lattice
from .stores import Key, TileStore

_KEPT_FIELD_LATENTS = 2**19
"""Canvases up to so many latents keep their field between steps; larger ones compute it anew."""


@dataclass(frozen=True)
class Node:
    """A tile of a level: 1 … the graph's levels."""

    level: int
    row: int
    col: int


class TileGraph:
    """The lazy graph of one drawing.

    Args:
        drawing: what decides the numbers.
        store: where tiles are remembered.
        tile_lat: side of a tile.
        steps_per_level: denoising steps between remembered levels.
        shift_lat: how far the lattice moves from a level to the one before: half the width by which the needed region
            grows, so that few tiles cover it.
        start_lat: where the last level's lattice begins: half a tile lets four tiles cover a block of a tile's size
            and the decoder's halo, instead of nine.
    """

    def __init__(
        self, drawing: Drawing, store: TileStore, tile_lat: int, steps_per_level: int = 1, shift_lat: int = 0,
        start_lat: int = 0,
    ) -> None:  # fmt: skip
        self.drawing, self.store = drawing, store
        self.tile_lat, self.steps_per_level = tile_lat, steps_per_level
        self.shift_lat, self.start_lat = shift_lat, start_lat
        self.levels = -(-drawing.steps // steps_per_level)
        self.tiles_computed = 0
        self.latents_denoised = 0
        """Latents that the network has seen, halos included, each step counted."""
        self._fields: dict[Block, Condition] | None = {} if drawing.canvas.area <= _KEPT_FIELD_LATENTS else None

    def lattice(self, level: int) -> Lattice:
        """How a level is cut."""
        offset = (self.start_lat - (self.levels - level) * self.shift_lat) % self.tile_lat
        return Lattice(self.drawing.canvas, self.tile_lat, offset)

    def steps_of(self, level: int) -> range:
        """The denoising steps (0 …) that lead to a level."""
        last = self.drawing.steps - (self.levels - level) * self.steps_per_level
        return range(max(0, last - self.steps_per_level), last)

    def read(self, level: int, block: Block, plane: str = "x") -> Tensor:
        """A block of a level (channels, h, w) float32, computing what is not there yet; level 0 is the noise."""
        for node in self.cone(level, block, plane):
            self.compute(node)
        found = self.assemble(level, block, plane)
        self.store.trim()
        return found

    def cone(self, level: int, block: Block, plane: str = "x") -> list[Node]:
        """The tiles that must be computed before a block of a level can be read; each after those it needs."""
        levels: list[list[Node]] = []
        needed = {(plane, *place) for place in self.lattice(level).covering(block)} if level else set()
        while needed:
            missing = sorted({
                (row, col) for name, row, col in needed if not self.store.has(Key(name, level, row, col))
            })  # fmt: skip
            levels.append([Node(level, row, col) for row, col in missing])
            needed = set()
            if level > 1:
                lattice = self.lattice(level - 1)
                for node in levels[-1]:
                    crop, first = self._crop(node), self._first(node)
                    needed |= {("x", *place) for place in lattice.covering(crop)}
                    needed |= {("x0", *place) for place in lattice.covering(first)}
            level -= 1
        return [node for nodes in reversed(levels) for node in nodes]

    def compute(self, node: Node) -> Tensor:
        """One tile, from the level before, which is there; returns its estimate x0."""
        drawing, canvas, halo = self.drawing, self.drawing.canvas, self.drawing.halo_lat
        steps, tile = self.steps_of(node.level), self.block(node)
        crop = widest = self._crop(node)
        x, condition = self.assemble(node.level - 1, crop), self._condition(crop)
        previous = self.assemble(node.level - 1, self._first(node), "x0") if node.level > 1 else None
        for step in steps:
            keep = tile.grown(halo * (steps.stop - 1 - step), canvas)
            x, x0 = drawing.advance(step, x, condition.part(*crop.slices(widest)), crop, keep, previous)
            self.latents_denoised += crop.area
            following = tile.grown(halo * max(0, steps.stop - 2 - step), canvas)
            crop, previous = keep, x0[(slice(None), *following.slices(keep))]
        self.tiles_computed += 1
        self.store.put(Key("x", node.level, node.row, node.col), x.contiguous())
        self.store.put(Key("x0", node.level, node.row, node.col), x0.contiguous())
        return x0

    def assemble(self, level: int, block: Block, plane: str = "x") -> Tensor:
        """A block of a level whose tiles are all there."""
        if level == 0:
            return self.drawing.start(block)
        lattice = self.lattice(level)
        places = list(lattice.covering(block))
        if len(places) == 1 and lattice.block(*places[0]) == block:
            return self.store.get(Key(plane, level, *places[0]))
        found = torch.empty(self.drawing.denoiser.latent_channels, block.height, block.width)
        for place in places:
            tile = lattice.block(*place)
            shared = tile.meet(block)
            assert shared is not None, "a covering tile shares a latent"
            part = self.store.get(Key(plane, level, *place))[(slice(None), *shared.slices(tile))]
            found[(slice(None), *shared.slices(block))] = part
        return found

    def block(self, node: Node) -> Block:
        """Where a tile lies."""
        return self.lattice(node.level).block(node.row, node.col)

    def nodes(self, level: int) -> Iterator[Node]:
        """All tiles of a level, row by row."""
        return (Node(level, *place) for place in self.lattice(level).covering(self.drawing.canvas))

    def _crop(self, node: Node) -> Block:
        """What a tile needs of the level before."""
        return self.block(node).grown(self.drawing.halo_lat * len(self.steps_of(node.level)), self.drawing.canvas)

    def _first(self, node: Node) -> Block:
        """What the first step to a tile gives, and needs the previous x0 of."""
        return self.block(node).grown(self.drawing.halo_lat * (len(self.steps_of(node.level)) - 1), self.drawing.canvas)

    def _condition(self, crop: Block) -> Condition:
        if self._fields is None:
            return self.drawing.condition(crop)
        if crop not in self._fields:
            self._fields[crop] = self.drawing.condition(crop)
        return self._fields[crop]
