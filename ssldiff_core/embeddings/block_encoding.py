"""Blocks of cells read and embedded: on a processor by several processes at once, else read ahead of the network."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SceneError
from ..geometry import GridGeometry
from .block_reading import Block, BlockReader, read_block

if TYPE_CHECKING:
    from ..scenes import Scene
    from .encoder import PatchEncoder

MIN_VALID_SHARE = 0.5
"""A cell with fewer valid pixels than this holds no embedding."""

_AHEAD = 2
"""Blocks that wait for each worker: enough that none is idle, few enough that the last ones end together."""

Embedded = tuple[np.ndarray, np.ndarray]
"""Vectors (r, c, dim) float32 of a block, zero where not valid, and validity (r, c) bool."""


def embed_blocks(
    scene: Scene, geometry: GridGeometry, encoder: PatchEncoder, blocks: Sequence[Block], wanted: np.ndarray, *,
    workers: int, batch_size: int,
) -> Iterator[tuple[Block, np.ndarray, np.ndarray]]:  # fmt: skip
    """Each block with its :data:`Embedded`, in any order.

    A small encoder on a processor is copied into the workers: each reads and embeds whole blocks on one core, as this
    process does too, which no two threads of one network do as fast. Other encoders run here, and workers read ahead.

    Args:
        scene, geometry, encoder: of the grid.
        blocks: inside the grid.
        wanted: (rows, cols) bool, which cells are embedded.
        workers: processes beside this one; 0 for none, as for a scene that is no file.
        batch_size: patches for one call of the encoder.

    Raises:
        SceneError: where the file is broken at a place, or a worker died.
    """
    copy = _packed(encoder) if workers and scene.path is not None and scene.opened_with is not None else None
    if copy is not None:
        yield from _shared_out(scene, geometry, encoder, blocks, wanted, min(workers, len(blocks)), batch_size, copy)
        return
    with BlockReader(scene, geometry, workers) as reader:
        for block, patches, share in reader.read(blocks):
            yield block, *_encode(encoder, patches, share, wanted[block], batch_size)


def _encode(
    encoder: PatchEncoder, patches: np.ndarray, share: np.ndarray, wanted: np.ndarray, batch_size: int
) -> Embedded:
    valid = wanted & (share >= MIN_VALID_SHARE)
    vectors = np.zeros((*valid.shape, encoder.dim), dtype=np.float32)
    here = patches[valid]
    if len(here):
        parts = [encoder.encode(here[start : start + batch_size]) for start in range(0, len(here), batch_size)]
        vectors[valid] = np.concatenate(parts)
    return vectors, valid


def _packed(encoder: PatchEncoder) -> bytes | None:
    """The encoder as it goes to a worker; None where it stays here."""
    if not getattr(encoder, "travels", False):
        return None
    try:
        return pickle.dumps(encoder)
    except Exception:  # a network of somebody else's package may hold whatever cannot be copied
        return None


def _shared_out(
    scene: Scene, geometry: GridGeometry, encoder: PatchEncoder, blocks: Sequence[Block], wanted: np.ndarray,
    workers: int, batch_size: int, copy: bytes,
) -> Iterator[tuple[Block, np.ndarray, np.ndarray]]:  # fmt: skip
    import torch

    threads = torch.get_num_threads()
    opening = partial(_begin, scene.path, dict(scene.opened_with or {}), geometry, copy, batch_size)
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=opening)
    todo, running = deque(blocks), dict[Future[Embedded], Block]()
    try:
        torch.set_num_threads(max(1, min(threads, (os.cpu_count() or 1) - workers)))
        while todo or running:
            while todo and len(running) < _AHEAD * workers:
                block = todo.popleft()
                running[pool.submit(_embed_there, block, wanted[block])] = block
            ready = [future for future in running if future.done()]
            if not ready and todo:  # nobody has finished: this process takes a block, from the first second on
                block = todo.popleft()
                yield block, *_encode(encoder, *read_block(scene, geometry, block), wanted[block], batch_size)
                continue
            for future in ready or wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), *future.result()
    except BrokenProcessPool as error:
        raise SceneError(
            f"read {scene.name} with {workers} workers", "one of them died", "",
            "Memory may be short: ask for fewer workers, or none",
        ) from error  # fmt: skip
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


_here: dict[str, Any] = {}
"""Of a worker process: its own scene and encoder, and the grid's geometry."""


def _begin(path: Path | None, options: dict[str, Any], geometry: GridGeometry, copy: bytes, batch_size: int) -> None:
    import torch

    from ..scenes import open_scene

    assert path is not None, "only files are read by workers"
    torch.set_num_threads(1)
    _here.update(
        scene=open_scene(path, **options), geometry=geometry, encoder=pickle.loads(copy), batch_size=batch_size
    )


def _embed_there(block: Block, wanted: np.ndarray) -> Embedded:
    patches, share = read_block(_here["scene"], _here["geometry"], block)
    return _encode(_here["encoder"], patches, share, wanted, _here["batch_size"])
