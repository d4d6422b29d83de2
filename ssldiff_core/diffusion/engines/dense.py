"""The dense engine: no windows. A fully convolutional denoiser draws the canvas in tiles with a halo.

The halo is as wide as the network's receptive field, so the tiled result is that of the whole canvas, to rounding.
Reflect padding happens only at the canvas's edge, where crops are cut. The engine is the simplest policy over the graph
of tiles: every level whole, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from ...errors import Cancelled
from ..denoisers import Denoiser
from ..field import ConditioningField
from ..graph import MemoryStore, TileGraph
from ..graph.drawing import Drawing
from ..memory import keep_freed_pages
from ..noise import NoiseSource
from ..schedule import Solver


@dataclass(frozen=True)
class EngineStep:
    """The canvas after a step.

    Args:
        index: 1 … total.
        total: steps of the run.
        latents: the canvas (channels, h, w) float32 at the step's lower noise level; in the end clean.
        x0: the estimate of the clean latents.
    """

    index: int
    total: int
    latents: Tensor
    x0: Tensor


class DenseEngine:
    """Draws with disjoint tiles, each computed from a crop as wide as the receptive field demands.

    Args:
        tile_lat: side of a tile in latents.
    """

    def __init__(self, tile_lat: int = 512) -> None:
        self.tile_lat = tile_lat
        self.latents_denoised = 0
        """Of the last run: latents that the network has seen, halos included, each step counted."""

    def run(
        self, denoiser: Denoiser, field: ConditioningField, noise: NoiseSource, solver: Solver,
        levels: tuple[float, ...], cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[EngineStep]:  # fmt: skip
        """Denoise the field's canvas from pure noise.

        Args:
            levels: descending noise levels, one more than there are steps.
            cancelled: looked at before every tile.

        Raises:
            Cancelled: where ``cancelled()`` says so.
        """
        keep_freed_pages()
        drawing = Drawing(denoiser, field, noise, solver, levels)
        graph = TileGraph(drawing, MemoryStore(), self.tile_lat)
        for level in range(1, graph.levels + 1):
            for node in graph.cone(level, drawing.canvas):
                if cancelled():
                    raise Cancelled("drawing the image")
                graph.compute(node)
            self.latents_denoised = graph.latents_denoised
            x, x0 = (graph.assemble(level, drawing.canvas, plane) for plane in ("x", "x0"))
            for plane in ("x", "x0"):
                graph.store.forget(plane, level - 1)
            yield EngineStep(level, graph.levels, x, x0)
