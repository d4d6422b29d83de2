"""A scene whose pixels are generated when they are read: a virtual slide of any size.

Any region of level 0 costs the tiles that it depends on (its cone), never the canvas, and reading on costs each tile
once. A tile is computed in the same crops whatever was read before, so the order of reading never changes a pixel.
Coarser levels begin as the colours of the grid's cells and become true where level 0 was drawn; or they are true from
the start, and then reading them draws all that lies under them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .drawing import model_for, part_by_part, resolve
from .embeddings.grid import EmbeddingGrid
from .errors import SettingsError
from .generate import make_manifest
from .geometry import Box
from .layouts import Layout, Palette
from .layouts.directions import nearest_direction
from .provenance import Manifest
from .scenes import Scene
from .scenes.scene import Mask, Pixels
from .settings import Settings

if TYPE_CHECKING:
    from .diffusion.graph import TileStore
    from .models.catalogue import Model

TILE_LAT = 64
"""Side of the tiles of latents and of pixels: small, so that a region needs few latents that it does not show."""

STEPS_PER_LEVEL = 2
"""Denoising steps between remembered levels: fewer tiles with wider halos cost less where little is read."""

SHIFT_LAT = 32
"""How far the lattice moves from level to level, as far as the region that is needed grows."""

START_LAT = 32
"""Half a tile, so that four tiles of latents lie under a tile of pixels and the decoder's halo.

With these numbers and a radius of 16 a first 512-px region of an empty canvas costs 20 times itself at 4 steps and 42
times at 8, halos included, and reading on 3.1 times.
"""

STORE_BYTES, PIXEL_BYTES = 2**31, 2**29
_GREY = (176, 176, 176)


class SyntheticScene(Scene):
    """The image of a grid or layout, computed where it is read.

    Args:
        source: what to draw.
        settings: how; few steps make it quick (``Settings(steps=4)``). The engine is dense, the tiles are its own.
        model: loaded model; by default the first for the grid's encoder.
        store: where tiles of latents are remembered; memory with a budget where None.
        coarse: True shows cells' colours on coarser levels where nobody has drawn yet; False draws there.
        palette: whose colours; the layout's, else the model's starting palette.

    Raises:
        GridError: where the model cannot draw the grid.
        SettingsError: where the model has no dense denoiser.

    Example:
        >>> grid = ssldiff.EmbeddingGrid.load("grid.npz")
        >>> with ssldiff.SyntheticScene(grid, ssldiff.Settings(seed=7, steps=2)) as scene:
        ...     pixels = scene.read(ssldiff.Box(100, 60, 64, 32), size_px=(64, 32))
        ...     print(scene.size_l0, scene.synthetic, pixels.shape)
        (384, 256) True (32, 64, 3)
    """

    def __init__(
        self, source: EmbeddingGrid | Layout, settings: Settings | None = None, *, model: Model | None = None,
        store: TileStore | None = None, coarse: bool = True, palette: Palette | None = None,
    ) -> None:  # fmt: skip
        from .diffusion.graph import MemoryStore, TileGraph

        settings = settings or Settings(steps=4)
        grid = source.grid() if isinstance(source, Layout) else source
        model = model_for(grid, settings, model)
        settings = resolve(settings, model)
        if settings.engine != "dense":
            raise SettingsError(
                f"draw parts of an image with the engine {settings.engine!r}", "it needs the whole canvas",
                "only dense draws parts that join", "Use a model of the native family",
            )  # fmt: skip
        self.grid, self.settings, self.model, self._source, self._coarse = grid, settings, model, source, coarse
        drawing = part_by_part(model, grid, settings)
        store = MemoryStore(STORE_BYTES) if store is None else store
        self.graph = TileGraph(drawing, store, TILE_LAT, STEPS_PER_LEVEL, SHIFT_LAT, START_LAT)
        self._palette = palette or (source.palette if isinstance(source, Layout) else None)
        self._tiles = _PixelTiles(PIXEL_BYTES)
        self._lock = threading.RLock()
        height, width = grid.geometry.shape_px
        halvings = range(grid.geometry.cell_px.bit_length())
        super().__init__(
            level_sizes=[(width >> k, height >> k) for k in halvings if grid.geometry.cell_px % (1 << k) == 0],
            pixel_size_m=grid.geometry.pixel_size_m, name="synthetic scene", synthetic=True,
            preprocessing={"reader": "synthetic", "model": model.spec.id, "seed": settings.seed},
        )  # fmt: skip

    @cached_property
    def manifest(self) -> Manifest:
        """What makes this scene. A run of the whole canvas gives the same pixels to rounding, not to the bit."""
        from dataclasses import replace

        made = make_manifest(self._source, self.grid, self.settings, self.settings.guidance_scale or 0.0, self.model)
        return replace(made, bit_exact=False)

    def refine(self, box_l0: Box) -> None:
        """Draw all of a region, so that every level is true there."""
        whole = Box(0, 0, *self.size_l0).intersection(box_l0)
        if whole is not None:
            for place in self._places(int(whole.x), int(whole.y), round(whole.right), round(whole.bottom), 0):
                self._drawn(place, 0)

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[Pixels, Mask | None]:
        found = np.empty((height, width, 3), np.uint8)
        side = self._side(level)
        for row, col in self._places(x, y, x + width, y + height, level):
            tile = self._tile((row, col), level)
            top, left = row * side - y, col * side - x
            rows = slice(max(0, top), min(height, top + tile.shape[0]))
            cols = slice(max(0, left), min(width, left + tile.shape[1]))
            found[rows, cols] = tile[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]
        return found, None

    def _side(self, level: int) -> int:
        """Pixels of a level along a tile."""
        return TILE_LAT * self.model.spec.latent_factor >> level

    def _places(self, left: int, top: int, right: int, bottom: int, level: int) -> list[tuple[int, int]]:
        side = self._side(level)
        rows, cols = range(top // side, -(-bottom // side)), range(left // side, -(-right // side))
        return [(row, col) for row in rows for col in cols]

    def _tile(self, place: tuple[int, int], level: int) -> Pixels:
        """The pixels of a tile at a level: drawn, or its cells' colours where that is enough."""
        if level and self._coarse and not self._tiles.was_drawn(place):
            return self._colours(place, level)
        return self._drawn(place, level)

    def _drawn(self, place: tuple[int, int], level: int) -> Pixels:
        from .diffusion.autoencoder import decode_canvas
        from .diffusion.graph import Block

        with self._lock:
            known = self._tiles.get(place, level)
            if known is not None:
                return known
            canvas, factor = self.graph.drawing.canvas, self.model.spec.latent_factor
            block = Block(place[0] * TILE_LAT, place[1] * TILE_LAT, TILE_LAT, TILE_LAT).meet(canvas)
            assert block is not None, "a place inside the scene"
            crop = block.grown(self.model.autoencoder.decoder_radius_lat, canvas)
            latents = self.graph.read(self.graph.levels, crop)
            image = decode_canvas(self.model.autoencoder, latents, device=self.model.device)
            rows, cols = (slice(s.start * factor, s.stop * factor) for s in block.slices(crop))
            return self._tiles.put(place, image[rows, cols], len(self.levels))[level]

    def _colours(self, place: tuple[int, int], level: int) -> Pixels:
        """The colour of the swatch nearest to each cell of a tile."""
        cells, side = TILE_LAT // self.grid.geometry.cell_lat, self.grid.geometry.cell_px >> level
        rows, cols = (slice(index * cells, (index + 1) * cells) for index in place)
        vectors, valid = self.grid.vectors[rows, cols], self.grid.valid[rows, cols]
        means, colours = self._swatches
        found = np.full((*valid.shape, 3), _GREY, np.uint8)
        if len(means):
            nearest = nearest_direction(vectors.reshape(-1, vectors.shape[2]), means).reshape(valid.shape)
            found = np.where(valid[..., None], colours[nearest], found)
        return found.repeat(side, axis=0).repeat(side, axis=1)

    @cached_property
    def _swatches(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        file, palette = self.model.spec.folder / "palette.npz", self._palette
        if palette is None and file.is_file():
            palette = Palette.load(file)
        if palette is None or palette.dim != self.grid.dim:
            return np.zeros((0, self.grid.dim), np.float32), np.zeros((0, 3), np.uint8)
        colours = [[int(s.colour[i : i + 2], 16) for i in (1, 3, 5)] for s in palette.swatches]
        return np.stack([swatch.mean for swatch in palette.swatches]), np.array(colours, np.uint8)


class _PixelTiles:
    """Drawn tiles at every level; the finest are forgotten first, and drawn again from the tiles of latents."""

    def __init__(self, budget_bytes: int) -> None:
        self._fine: OrderedDict[tuple[int, int], Pixels] = OrderedDict()
        self._coarser: dict[tuple[int, int], list[Pixels]] = {}
        self._budget, self._bytes = budget_bytes, 0

    def was_drawn(self, place: tuple[int, int]) -> bool:
        return place in self._coarser

    def get(self, place: tuple[int, int], level: int) -> Pixels | None:
        if level:
            return self._coarser[place][level - 1] if place in self._coarser else None
        if place in self._fine:
            self._fine.move_to_end(place)
        return self._fine.get(place)

    def put(self, place: tuple[int, int], pixels: Pixels, levels: int) -> list[Pixels]:
        pyramid = [pixels]
        while len(pyramid) < levels:
            wide = pyramid[-1].astype(np.uint16)
            total = wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2]
            pyramid.append(((total + 2) // 4).astype(np.uint8))
        self._fine[place], self._coarser[place] = np.ascontiguousarray(pixels), pyramid[1:]
        self._bytes += pixels.nbytes
        while self._bytes > self._budget and len(self._fine) > 1:
            self._bytes -= self._fine.popitem(last=False)[1].nbytes
        return pyramid
