"""A scene read as a grid of embeddings, block by block."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GridError
from ..geometry import LATENT_FACTOR, Box, GridGeometry
from .block_encoding import embed_blocks
from .block_reading import Block
from .catalogue import check_pixel_size
from .foreground import foreground_cells
from .grid import EmbeddingGrid
from .kept_blocks import KeptBlocks

if TYPE_CHECKING:
    from ..scenes import Scene
    from .encoder import PatchEncoder

_BLOCK_CELLS = 8
"""Cells along the side of a block read at once; fixed, so that no setting of the computation moves a pixel."""


@dataclass(frozen=True)
class EmbedProgress:
    """How far an embedding has come.

    Args:
        done, total: cells.
        grid: the result, in the last one only.
    """

    done: int
    total: int
    grid: EmbeddingGrid | None = None


def embed_scene(
    scene: Scene, encoder: PatchEncoder, *, region_l0: Box | None = None, pixel_size_m: float, batch_size: int = 64,
    latent_factor: int = LATENT_FACTOR, workers: int = 0, foreground_only: bool = False, keep: Path | None = None,
) -> Iterator[EmbedProgress]:  # fmt: skip
    """Embed the whole cells inside a region, from its top-left corner.

    Everything that can be refused is refused before the first cell is read.

    Args:
        scene: an open scene of known pixel size.
        encoder: whose ``patch_px`` is the cell.
        region_l0: level-0 pixels; the scene's bounds where None. It may reach over the edge: cells with less than half
            of their pixels inside, or with data, are not valid.
        pixel_size_m: metres along a pixel of a patch.
        batch_size: patches for one call of the encoder.
        latent_factor: canvas pixels along a latent of the model that will draw.
        workers: processes beside this one, where the scene is a file; 0 for none. They read and decode ahead of the
            encoder, and a small one on a processor they run too, on a core each. Which numbers come out does not
            depend on it.
        foreground_only: leave cells without tissue out: they are not read, and not valid.
        keep: a folder for what is done, where a run that was killed goes on to the same grid; removed at the end.

    Yields:
        Progress after each block of cells; the last one has the grid.

    Raises:
        GridError: where the pixel size is unknown or outside the encoder's trained range, not one cell fits, or no cell
            is valid.
        SceneError: where the scene cannot be read.
        ExportError: where ``keep`` cannot be written to.

    Example:
        >>> encoder = ssldiff.load_patch_encoder("tissue-2")
        >>> with ssldiff.open_scene("slide.tif") as scene:
        ...     for progress in ssldiff.embed_scene(
        ...         scene, encoder, region_l0=ssldiff.Box(512, 512, 384, 256), pixel_size_m=1e-6
        ...     ):
        ...         grid = progress.grid
        >>> grid.shape_cell, grid.geometry.shape_px
        ((2, 3), (256, 384))
    """
    check_pixel_size(pixel_size_m, encoder.pixel_sizes_m, encoder.id)
    if batch_size < 1:
        raise GridError(
            f"embed {batch_size} patches at a time", "that is none", "a batch has at least one patch", "Use 64"
        )
    if scene.pixel_size_m is None:
        raise GridError(
            f"embed {scene.name}", "its file does not say how large its pixels are", "cells have a size on the ground",
            "Give the pixel size by hand, for example --scene-pixel-size 0.5um for a slide scanned at 20×",
        )  # fmt: skip
    region = region_l0 or scene.bounds_l0
    if region.intersection(Box(0, 0, *scene.size_l0)) is None:
        raise GridError(
            f"embed the region {_text(region)} of {scene.name}", "it lies wholly outside",
            f"the scene is 0,0,{scene.size_l0[0]},{scene.size_l0[1]} in level-0 pixels",
            f"For example {_text(scene.bounds_l0)}",
        )  # fmt: skip
    geometry = GridGeometry.covering(
        region, pixel_size_m=pixel_size_m, scene_pixel_size_m=scene.pixel_size_m, cell_px=encoder.patch_px,
        latent_factor=latent_factor,
    )  # fmt: skip
    wanted = foreground_cells(scene, geometry) if foreground_only else np.ones(geometry.shape_cell, dtype=bool)
    return _embed_cells(scene, encoder, geometry, batch_size, wanted, workers, keep)


def preprocessing_digest(scene: Scene, encoder: PatchEncoder, pixel_size_m: float) -> str:
    """sha256 (hex) of what was done to pixels on their way to embeddings: reading, resampling, encoding."""
    facts = {"scene": scene.preprocessing, "encoder": encoder.digest, "pixel_size_m": float(pixel_size_m).hex()}
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _embed_cells(
    scene: Scene, encoder: PatchEncoder, geometry: GridGeometry, batch_size: int, wanted: np.ndarray, workers: int,
    keep: Path | None,
) -> Iterator[EmbedProgress]:  # fmt: skip
    rows, cols = geometry.shape_cell
    blocks = [_tight(block, wanted[block]) for block in _blocks(rows, cols) if wanted[block].any()]
    digest = preprocessing_digest(scene, encoder, geometry.pixel_size_m)
    facts = {"scene": scene.digest, "preprocessing": digest, "geometry": asdict(geometry), "batch_size": batch_size}
    kept = KeptBlocks(keep, facts, (rows, cols, encoder.dim), blocks)
    left = kept.left()
    done = rows * cols - sum(wanted[block].size for block in left)
    found = embed_blocks(scene, geometry, encoder, left, wanted, workers=workers, batch_size=batch_size)
    for block, vectors, valid in found:
        kept.put(block, vectors, valid)
        done += valid.size
        if done < rows * cols:
            yield EmbedProgress(done, rows * cols)
    if not kept.valid.any():
        raise GridError(
            f"embed the region {_text(geometry.box_l0)} of {scene.name}",
            "no cell of it holds enough data" if wanted.all() else "no cell of it holds tissue and enough data",
            "at least half of the pixels of a valid cell are valid", "Choose a region inside the image",
        )  # fmt: skip
    arrays = (kept.vectors, kept.valid) if keep is None else (np.array(kept.vectors), np.array(kept.valid))
    grid = EmbeddingGrid(*arrays, geometry, encoder.id, digest, _source(scene, geometry))
    kept.forget()
    yield EmbedProgress(done, rows * cols, grid)


def _blocks(rows: int, cols: int) -> Iterator[Block]:
    for row in range(0, rows, _BLOCK_CELLS):
        for col in range(0, cols, _BLOCK_CELLS):
            yield slice(row, min(row + _BLOCK_CELLS, rows)), slice(col, min(col + _BLOCK_CELLS, cols))


def _tight(block: Block, wanted: np.ndarray) -> Block:
    """The part of a block around its wanted cells (r, c) bool, of which there is one at least."""
    around = []
    for side, axis in zip(block, (1, 0), strict=True):
        places = np.flatnonzero(wanted.any(axis=axis))
        around.append(slice(side.start + int(places[0]), side.start + int(places[-1]) + 1))
    return around[0], around[1]


def _source(scene: Scene, geometry: GridGeometry) -> dict[str, Any]:
    """JSON-able notes on where a grid was read: alias and digest, not the file's name or what its header says.

    Whom to name is said for places on the Earth and for synthetic scenes; a slide's header may name a patient.
    """
    source: dict[str, Any] = {"name": scene.alias, "region_l0": list(geometry.box_l0.as_tuple())}
    if scene.digest:
        source["digest"] = scene.digest
    if scene.attribution and (scene.crs is not None or scene.synthetic):
        source["attribution"] = scene.attribution
    if scene.crs is not None and scene.transform is not None:
        source.update(crs=str(scene.crs), transform=[float(v) for v in scene.transform])
    return source


def _text(box: Box) -> str:
    return ",".join(f"{value:g}" for value in box.as_tuple())
