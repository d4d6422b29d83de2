"""The story for canvases larger than memory: everything lies in a folder, and a run that was killed goes on there.

The folder is that of a :class:`~ssldiff_core.diffusion.graph.trajectory.Trajectory`. Tiles of latents and of pixels
are files that appear whole or not at all; what is missing is computed, whoever began. Memory holds one tile and its
halo, whatever the canvas.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .drawing import model_for, part_by_part, resolve
from .embeddings.arrays import digest_bands
from .embeddings.grid import EmbeddingGrid
from .errors import Cancelled, SettingsError
from .generate import PREVIEW_PX, Step, make_manifest
from .layouts import Layout
from .provenance import Manifest
from .scenes import Scene
from .scenes.scene import Mask, Pixels
from .settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

    from .diffusion.graph import Block, TileGraph
    from .diffusion.graph.trajectory import Trajectory
    from .models.catalogue import Model

STREAM_ABOVE_PX = 2**24
"""Canvases of more pixels than 4096 × 4096 are streamed by the command line."""

_DECODE_LAT = 128
_BAND_PX = 512


class StreamedRun:
    """One run in a folder.

    Args:
        source: the grid or layout to draw.
        settings: how; the engine is ``dense``.
        folder: where it lies, made when needed. A run that was begun there with the same grid, settings and weights
            is continued.
        model: loaded model; by default the first for the grid's encoder.
        keep: whether the canvas after each step stays, so that the image can be regenerated.

    Raises:
        SettingsError: where the folder holds another run, or the settings name another engine.
        GridError: where the model cannot draw the grid.
    """

    def __init__(
        self, source: EmbeddingGrid | Layout, settings: Settings, folder: str | Path, *, model: Model | None = None,
        keep: bool = False,
    ) -> None:  # fmt: skip
        grid = source.grid() if isinstance(source, Layout) else source
        model = model_for(grid, settings, model)
        settings = resolve(settings, model)
        if settings.engine != "dense":
            raise SettingsError(
                f"stream a canvas with the engine {settings.engine!r}", "it needs the whole canvas at once",
                "only dense is streamed", "Leave out --engine",
            )  # fmt: skip
        self.model, self.grid, self.settings, self.folder, self.keep = model, grid, settings, Path(folder), keep
        self.manifest = self._begin(make_manifest(source, grid, settings, settings.guidance_scale or 0.0, model))
        self.tiles_computed = self.latents_denoised = 0

    def steps(
        self, *, preview_px: int = PREVIEW_PX, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[Step]:  # fmt: skip
        """Draw what is missing; a step for each tile, of latents and then of pixels. At the end there is a scene.

        Raises:
            Cancelled: where ``cancelled()`` says so, looked at before every tile; what was drawn stays.
        """
        if self._trajectory().versions:
            return
        graph = self._graph()
        work = graph.cone(graph.levels, graph.drawing.canvas)
        pixels = list(graph.drawing.canvas.cut(_DECODE_LAT))
        total = len(work) + len(pixels)
        preview = _Preview(graph.drawing.canvas, graph.drawing.denoiser.latent_channels, preview_px)
        began = time.monotonic()
        for index, node in enumerate(work):
            if cancelled():
                raise Cancelled("drawing the image")
            preview.put(graph.block(node), graph.compute(node))
            if index + 1 == len(work) or work[index + 1].level > node.level:
                self._forget(graph, node.level)
            each = (time.monotonic() - began) / (index + 1)
            eta = each * (len(work) - index - 1) + 0.1 * each * len(work)
            yield Step(index + 1, total, "denoise", preview.picture(self.model), eta)
        self.tiles_computed, self.latents_denoised = graph.tiles_computed, graph.latents_denoised
        began = time.monotonic()
        for index, block in enumerate(pixels):
            if cancelled():
                raise Cancelled("decoding the image")
            self._decode(graph, block)
            eta = (time.monotonic() - began) / (index + 1) * (len(pixels) - index - 1)
            yield Step(len(work) + index + 1, total, "decode", preview.picture(self.model), eta)
        self._finish(graph)

    def scene(self) -> TrajectoryScene:
        """The finished image, read block by block."""
        return TrajectoryScene(self._trajectory())

    def close(self) -> None:
        """Remove the folder where nothing of it is to be kept; call it when the image was written."""
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self, manifest: Manifest) -> Manifest:
        """The manifest of the run in the folder, or this one, now noted there."""
        place = self.folder / "0000"
        note = place / "run.json"
        if note.is_file():
            begun = Manifest.load(note)
            if begun.digest != manifest.digest:
                raise SettingsError(
                    f"draw in the folder {self.folder}", "it holds a run of another grid, settings or weights",
                    "a folder belongs to one run", f"Remove {self.folder}, or choose another folder",
                )  # fmt: skip
            if len(self._trajectory().versions) > 1:
                raise SettingsError(
                    f"draw in the folder {self.folder}", "it holds edits of this run", "a folder belongs to one run",
                    "Go on with `ssldiff regenerate`, or choose another folder",
                )  # fmt: skip
            same = (begun.machine, begun.versions) == (manifest.machine, manifest.versions)
            return replace(manifest, bit_exact=manifest.bit_exact and begun.bit_exact and same)
        if place.exists():
            raise SettingsError(
                f"draw in the folder {self.folder}", "something else lies there already", "a folder belongs to one run",
                "Choose another folder",
            )  # fmt: skip
        place.mkdir(parents=True)
        part = place / "run.json.part"
        part.write_text(manifest.to_json(), encoding="utf-8")
        part.replace(note)
        return manifest

    def _trajectory(self) -> Trajectory:
        from .diffusion.graph.trajectory import Trajectory

        trajectory = Trajectory(self.folder)
        if trajectory.versions:
            self.manifest = Manifest.from_json(trajectory.record)
        return trajectory

    def _graph(self) -> TileGraph:
        from .diffusion.graph import TileGraph
        from .diffusion.graph.zarr_store import ZarrStore

        settings, place = self.settings, self.folder / "0000"
        drawing = part_by_part(self.model, self.grid, settings)
        shape = (drawing.steps, drawing.denoiser.latent_channels, drawing.canvas.height, drawing.canvas.width)
        store = ZarrStore({"x": place / "levels-0", "x0": place / "x0"}, shape, settings.tile_lat)
        return TileGraph(drawing, store, settings.tile_lat)

    def _forget(self, graph: TileGraph, level: int) -> None:
        """A level is whole: what led to it is not needed any more."""
        graph.store.forget("x0", level - 1)
        if not self.keep:
            graph.store.forget("x", level - 1)

    def _decode(self, graph: TileGraph, block: Block) -> None:
        """The pixels of a block, where they are not there yet."""
        from .diffusion.autoencoder import decode_canvas
        from .diffusion.graph.trajectory import TILE_PX
        from .diffusion.graph.zarr_store import open_or_make

        factor, canvas = self.model.spec.latent_factor, graph.drawing.canvas
        place = self.folder / "0000" / "pixels-0"
        shape = (canvas.height * factor, canvas.width * factor, 3)
        chunks = (min(TILE_PX, shape[0]), min(TILE_PX, shape[1]), 3)
        array = open_or_make(place, shape, "uint8", chunks)
        rows, cols = (slice(s.start * factor, s.stop * factor) for s in block.slices(canvas))
        files = (
            place / "c" / str(row) / str(col) / "0"
            for row in range(rows.start // chunks[0], -(-rows.stop // chunks[0]))
            for col in range(cols.start // chunks[1], -(-cols.stop // chunks[1]))
        )
        if all(file.is_file() for file in files):
            return
        crop = block.grown(self.model.autoencoder.decoder_radius_lat, canvas)
        latents = graph.assemble(graph.levels, crop)
        image = decode_canvas(self.model.autoencoder, latents, device=self.model.device, tile_lat=2 * _DECODE_LAT)
        down, across = (slice(s.start * factor, s.stop * factor) for s in block.slices(crop))
        array[rows, cols] = image[down, across]

    def _finish(self, graph: TileGraph) -> None:
        import zarr

        from .diffusion.graph.trajectory import Trajectory, Version

        place, canvas = self.folder / "0000", graph.drawing.canvas
        levels, pixels = zarr.open_array(place / "levels-0"), zarr.open_array(place / "pixels-0")
        bands = (np.asarray(pixels[row : row + _BAND_PX]) for row in range(0, pixels.shape[0], _BAND_PX))
        shape = tuple(int(side) for side in pixels.shape)
        self.manifest = replace(self.manifest, image_digest=digest_bands(shape, "uint8", bands), image_shape=shape)
        draft = Version(canvas, (canvas,), (levels,), self.model.spec.latent_factor, (canvas,), (pixels,))
        Trajectory(self.folder).finish(draft, self.manifest.to_json())
        shutil.rmtree(place / "x0", ignore_errors=True)


class TrajectoryScene(Scene):
    """The image of a trajectory's last version as a scene, read where it lies.

    Args:
        trajectory: with one version or more.
    """

    def __init__(self, trajectory: Trajectory) -> None:
        manifest = Manifest.from_json(trajectory.record)
        factor = trajectory.versions[-1].factor
        canvas = trajectory.canvas
        super().__init__(
            level_sizes=[(canvas.width * factor, canvas.height * factor)], name="generated image", synthetic=True,
            pixel_size_m=manifest.grid.geometry.pixel_size_m, preprocessing={"reader": "trajectory"},
        )  # fmt: skip
        self._trajectory, self._factor = trajectory, factor

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[Pixels, Mask | None]:
        from .diffusion.graph import Block

        factor, canvas = self._factor, self._trajectory.canvas
        row, col = y // factor, x // factor
        block = Block(
            canvas.row + row, canvas.col + col, -(-(y + height) // factor) - row, -(-(x + width) // factor) - col
        )
        pixels = self._trajectory.image(block)
        top, left = y - row * factor, x - col * factor
        return pixels[top : top + height, left : left + width], None


class _Preview:
    """A small canvas of estimates, kept up tile by tile."""

    def __init__(self, canvas: Block, channels: int, max_px: int) -> None:
        import torch

        self._canvas, self._stride = canvas, max(1, -(-max(canvas.height, canvas.width) // max_px))
        self._thin = torch.zeros(channels, -(-canvas.height // self._stride), -(-canvas.width // self._stride))

    def put(self, block: Block, x0: Tensor) -> None:
        rows, cols = block.slices(self._canvas)
        stride = self._stride
        top, left = -rows.start % stride, -cols.start % stride
        part = x0[:, top::stride, left::stride]
        row, col = (rows.start + top) // stride, (cols.start + left) // stride
        self._thin[:, row : row + part.shape[1], col : col + part.shape[2]] = part

    def picture(self, model: Model) -> Pixels:
        from .diffusion.autoencoder import preview_rgb

        return preview_rgb(self._thin, model.latent_rgb, max(self._thin.shape[1:]))
