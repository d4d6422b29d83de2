"""Patches of a scene, read block by block; by worker processes ahead of who asks, where the scene is a file."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..errors import SceneError
from ..geometry import Box, GridGeometry

if TYPE_CHECKING:
    from ..scenes import Scene

Block = tuple[slice, slice]
"""Rows and columns of cells."""

Patches = tuple[np.ndarray, np.ndarray]
"""Patches (r, c, px, px, 3) uint8 of a block, and the share of valid pixels of each cell (r, c) float."""

_AHEAD = 2
"""Blocks that are read ahead for each worker: enough that none waits, few enough that memory stays flat."""


class BlockReader:
    """Reads blocks of cells in the order asked for. A context manager.

    Args:
        scene: to read from.
        geometry: the grid's.
        workers: processes that read ahead, each with the scene opened for itself; 0 reads in this process. A scene
            that is no file (an array, a scene that is computed where it is read) is always read in this process.
    """

    def __init__(self, scene: Scene, geometry: GridGeometry, workers: int = 0) -> None:
        self._scene, self._geometry = scene, geometry
        self.workers = workers if scene.path is not None and scene.opened_with is not None else 0
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.workers:
            opening = partial(_open, self._scene.path, dict(self._scene.opened_with or {}), self._geometry)
            self._pool = ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn"), initializer=opening)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def read(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, np.ndarray, np.ndarray]]:
        """Each block with its patches and shares of valid pixels.

        Raises:
            SceneError: where the file is broken at a place, or a worker died.
        """
        if self._pool is None:
            for block in blocks:
                yield block, *read_block(self._scene, self._geometry, block)
            return
        waiting: deque[tuple[Block, Future[Patches]]] = deque()
        try:
            for block in blocks:
                waiting.append((block, self._pool.submit(_read, block)))
                if len(waiting) > _AHEAD * self.workers:
                    yield self._first(waiting)
            while waiting:
                yield self._first(waiting)
        except BrokenProcessPool as error:
            raise SceneError(
                f"read {self._scene.name} with {self.workers} readers", "one of them died", "",
                "Memory may be short: ask for fewer workers, or none",
            ) from error  # fmt: skip

    @staticmethod
    def _first(waiting: deque[tuple[Block, Future[Patches]]]) -> tuple[Block, np.ndarray, np.ndarray]:
        block, future = waiting.popleft()
        return block, *future.result()


def read_block(scene: Scene, geometry: GridGeometry, block: Block) -> Patches:
    """The patches of a block, and the share of valid pixels of each cell."""
    rows, cols, side = block[0].stop - block[0].start, block[1].stop - block[1].start, geometry.cell_px
    box_l0 = geometry.cells_to_l0(block[0].start, block[1].start, rows, cols)
    if box_l0.intersection(Box(0, 0, *scene.size_l0)) is None:
        return np.zeros((rows, cols, side, side, 3), dtype=np.uint8), np.zeros((rows, cols))
    region = scene.read_region(box_l0, size_px=(cols * side, rows * side))
    patches = region.pixels.reshape(rows, side, cols, side, 3).swapaxes(1, 2)
    return patches, region.valid.reshape(rows, side, cols, side).mean(axis=(1, 3))


_here: dict[str, Any] = {}
"""Of a worker process: its own scene, and the grid's geometry."""


def _open(path: Path | None, options: dict[str, Any], geometry: GridGeometry) -> None:
    from ..scenes import open_scene

    assert path is not None, "only files are read by workers"
    _here.update(scene=open_scene(path, **options), geometry=geometry)


def _read(block: Block) -> Patches:
    patches, share = read_block(_here["scene"], _here["geometry"], block)
    return np.ascontiguousarray(patches), share
