"""One large canvas over several processes: each draws a band of it, and tells its neighbours the rows they look at.

A step of the dense drawing looks ``halo`` latents around a position. So a process that holds a band of rows needs, at
every step, ``halo`` rows of the band above and of the band below, and nothing else of the canvas. Bands are whole rows
of the tiles that one process would draw, and each tile sees the same crop: the numbers are those of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from ...errors import Cancelled, SettingsError
from ..denoisers import Condition
from .drawing import Drawing
from .lattice import Block


class Peers(Protocol):
    """The processes that draw together.

    Attributes:
        rank: which one this is, from the top.
        size: how many there are.
    """

    rank: int
    size: int

    def exchange(self, up: Tensor | None, down: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Give ``up`` to the process above and ``down`` to the one below (None where there is none), and get what they
        give: (from above, from below), of the same shapes.
        """

    def wait(self) -> None:
        """Return when all have called it."""


@dataclass(frozen=True)
class BandStep:
    """A band after a step.

    Args:
        index: 1 … total.
        total: steps of the run.
        band: where it lies.
        latents: (channels, h, w) float32 at the step's lower noise level; in the end clean.
        x0: (channels, h, w) float32, the step's estimate, which a two-step solver goes on from.
    """

    index: int
    total: int
    band: Block
    latents: Tensor
    x0: Tensor


def cut_bands(canvas: Block, count: int, tile_lat: int) -> list[Block]:
    """Bands of whole rows of tiles, as even as may be, from the top.

    Raises:
        SettingsError: where there are fewer rows of tiles than bands.
    """
    rows = -(-canvas.height // tile_lat)
    if count < 1 or rows < count:
        raise SettingsError(
            f"draw a canvas with {count} processes", f"it has {rows} rows of tiles of {tile_lat} latents",
            "each process draws at least one row of tiles", f"Use {max(1, rows)} processes, or smaller tiles",
        )  # fmt: skip
    edges = [min(rank * rows // count * tile_lat, canvas.height) for rank in range(count)] + [canvas.height]
    return [Block(canvas.row + top, canvas.col, bottom - top, canvas.width) for top, bottom in pairwise(edges)]


def widen(x: Tensor, halo: int, peers: Peers) -> Tensor:
    """A band (channels, h, w) with ``halo`` rows of its neighbours above and below, where it has them."""
    if halo == 0 or peers.size == 1:
        return x
    first, last = peers.rank == 0, peers.rank == peers.size - 1
    above, below = peers.exchange(
        None if first else x[:, :halo].contiguous(), None if last else x[:, -halo:].contiguous()
    )
    return torch.cat([part for part in (above, x, below) if part is not None], dim=1)


def draw_band(
    drawing: Drawing, peers: Peers, tile_lat: int, cancelled: Callable[[], bool] = lambda: False,
    after: BandStep | None = None,
) -> Iterator[BandStep]:  # fmt: skip
    """Denoise this process's band of a drawing from pure noise; every process of ``peers`` runs the same.

    Args:
        drawing: the whole canvas.
        peers: who draws the other bands.
        tile_lat: side of a tile; at least the halo.
        cancelled: looked at before every tile.
        after: go on after this step, the same for all processes, to the numbers of a run that never stopped.

    Raises:
        SettingsError: where tiles are narrower than the halo, or fewer rows of them than processes.
        Cancelled: where ``cancelled()`` says so.
    """
    canvas, halo = drawing.canvas, drawing.halo_lat
    if tile_lat < halo:
        raise SettingsError(
            f"draw a canvas in bands with tiles of {tile_lat} latents", f"a step looks {halo} latents around",
            "a tile is at least that wide", f"The least is {halo}",
        )  # fmt: skip
    band = cut_bands(canvas, peers.size, tile_lat)[peers.rank]
    tiles = list(band.cut(tile_lat))
    conditions: list[Condition] = []
    first = after.index if after else 0
    x, x0 = (after.latents, after.x0) if after else (drawing.start(band), None)
    for step in range(first, drawing.steps):
        wide, around = widen(x, halo, peers), band.grown(halo, Block(canvas.row, band.col, canvas.height, band.width))
        following, estimate = torch.empty_like(x), torch.empty_like(x)
        for number, tile in enumerate(tiles):
            if cancelled():
                raise Cancelled("drawing the image")
            crop, inside = tile.grown(halo, canvas), (slice(None), *tile.slices(band))
            if step == first:
                conditions.append(drawing.condition(crop))
            previous = x0[inside].contiguous() if x0 is not None else None
            seen = wide[(slice(None), *crop.slices(around))].contiguous()
            following[inside], estimate[inside] = drawing.advance(step, seen, conditions[number], crop, tile, previous)
        x, x0 = following, estimate
        yield BandStep(step + 1, drawing.steps, band, x, estimate)
