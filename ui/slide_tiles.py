"""Tiles of virtual slides on disk, each under a key made of all that decides its pixels.

The same cells give the same tile again: after an edit elsewhere, after an undo, after a restart of the server. A
tile's file, ``documents/<id>/tiles/<key>``, holds a JPEG for each level, which the page shows, and the pixels without
loss, of which the whole image is written. Tiles can be drawn again, so they are the first to go where the disk fills.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ssldiff_core.scenes import Scene

from .files import write_atomically
from .tiles import encode_jpeg

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid

FOLDER = "tiles"
TILE_PX = 512
LEVELS = 4
BUDGET_BYTES = 4 << 30
"""What tiles take on a server at most; the quota may leave them less."""
_HELD = 80
"""Decoded tiles that a slide's image holds while it is written: two rows of the largest canvas."""
_HEAD = struct.Struct(f"<{LEVELS + 1}Q")
Place = tuple[int, int]


class SlideTiles:
    """Args:
    documents: folder of all documents.
    """

    def __init__(self, documents: Path) -> None:
        self._documents = documents

    def there(self, document_id: str, keys: Iterable[str]) -> set[str]:
        """Those of the keys whose tiles are on disk."""
        folder = self._folder(document_id)
        names = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
        return names & set(keys)

    def put(self, document_id: str, key: str, pixels: np.ndarray) -> None:
        """Keep a tile, (height, width, 3) uint8.

        Raises:
            OSError: where the disk is full or read-only.
        """
        exact = io.BytesIO()
        Image.fromarray(pixels).save(exact, "PNG", compress_level=1)
        parts = [*(encode_jpeg(level, 90) for level in _pyramid(pixels)), exact.getvalue()]
        folder = self._folder(document_id)
        folder.mkdir(parents=True, exist_ok=True)
        content = _HEAD.pack(*map(len, parts)) + b"".join(parts)
        write_atomically(folder / key, lambda path: path.write_bytes(content))

    def jpeg(self, document_id: str, key: str, level: int) -> bytes | None:
        """What the page shows, halved ``level`` times; None where it is not there any more."""
        return self._part(document_id, key, level)

    def pixels(self, document_id: str, key: str) -> np.ndarray | None:
        """The tile as it was put; None where it is not there any more."""
        content = self._part(document_id, key, LEVELS)
        return None if content is None else np.asarray(Image.open(io.BytesIO(content)))

    def _part(self, document_id: str, key: str, index: int) -> bytes | None:
        path = self._folder(document_id) / key
        try:
            with path.open("rb") as file:
                sizes = _HEAD.unpack(file.read(_HEAD.size))
                file.seek(sum(sizes[:index]), os.SEEK_CUR)
                content = file.read(sizes[index])
            os.utime(path)  # those that nobody looked at for longest go first
        except (OSError, struct.error):
            return None
        return content

    def _folder(self, document_id: str) -> Path:
        return self._documents / document_id / FOLDER


class SlideImage(Scene):
    """A slide's level 0, put together of its tiles.

    Args:
        size_px: (width, height).
        read_tile: the pixels of the tile at (row, col), :data:`TILE_PX` a side but for the last ones.
        pixel_size_m: metres along a pixel.
    """

    def __init__(
        self, size_px: tuple[int, int], read_tile: Callable[[Place], np.ndarray], pixel_size_m: float
    ) -> None:  # fmt: skip
        super().__init__(level_sizes=[size_px], pixel_size_m=pixel_size_m, name="virtual slide", synthetic=True)
        self._read_tile, self._lock = read_tile, threading.Lock()
        self._held: OrderedDict[Place, np.ndarray] = OrderedDict()

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[np.ndarray, None]:
        found = np.empty((height, width, 3), np.uint8)
        for row in range(y // TILE_PX, -(-(y + height) // TILE_PX)):
            for col in range(x // TILE_PX, -(-(x + width) // TILE_PX)):
                tile, top, left = self._tile((row, col)), row * TILE_PX - y, col * TILE_PX - x
                rows = slice(max(0, top), min(height, top + tile.shape[0]))
                cols = slice(max(0, left), min(width, left + tile.shape[1]))
                found[rows, cols] = tile[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]
        return found, None

    def _tile(self, place: Place) -> np.ndarray:
        with self._lock:
            if place not in self._held:
                self._held[place] = self._read_tile(place)
                while len(self._held) > _HELD:
                    self._held.popitem(last=False)
            self._held.move_to_end(place)
            return self._held[place]


def tile_keys(facts: tuple[object, ...], grid: EmbeddingGrid, reach_cell: int) -> dict[Place, str]:
    """The key of each tile of a canvas: of the facts, the canvas, the place, and the cells within reach of the tile.

    Args:
        facts: JSON-able; model and settings.
        grid: what is drawn.
        reach_cell: how far beyond a tile a cell is felt in it, in cells.
    """
    geometry = grid.geometry
    cells, per_tile = _cell_digests(grid), TILE_PX // geometry.cell_px
    head = json.dumps([*facts, grid.encoder_id, asdict(geometry)], sort_keys=True).encode()
    keys: dict[Place, str] = {}
    for row in range(-(-geometry.rows // per_tile)):
        for col in range(-(-geometry.cols // per_tile)):
            window = tuple(
                slice(max(0, k * per_tile - reach_cell), (k + 1) * per_tile + reach_cell) for k in (row, col)
            )
            digest = hashlib.blake2b(head + struct.pack("<2I", row, col), digest_size=16)
            digest.update(np.ascontiguousarray(cells[window]).tobytes())
            keys[row, col] = digest.hexdigest()
    return keys


def _cell_digests(grid: EmbeddingGrid) -> np.ndarray:
    """(rows, cols, 16) uint8: a digest of all that lies in each cell, borders finer than cells included."""
    rows, cols = grid.shape_cell
    size = grid.dim * 4
    content, valid = np.ascontiguousarray(grid.vectors, np.float32).tobytes(), grid.valid.ravel()
    finer = _finer_facts(grid)
    found = bytearray()
    for index in range(rows * cols):
        digest = hashlib.blake2b(content[index * size : (index + 1) * size], digest_size=16)
        digest.update(b"\1" if valid[index] else b"\0")
        digest.update(finer.get(divmod(index, cols), b""))
        found += digest.digest()
    return np.frombuffer(bytes(found), np.uint8).reshape(rows, cols, 16)


def _finer_facts(grid: EmbeddingGrid) -> dict[Place, bytes]:
    """What lies in those cells that any class but the ground reaches into: labels, and vectors of their parts."""
    regions = grid.regions
    if regions is None:
        return {}
    side = regions.cell_lat
    blocks = regions.labels.reshape(grid.shape_cell[0], side, grid.shape_cell[1], side).swapaxes(1, 2)
    head = json.dumps([regions.names, regions.transition_lat]).encode()
    facts = {(int(r), int(c)): head + blocks[r, c].tobytes() for r, c in np.argwhere(blocks.any(axis=(2, 3)))}
    for (index, row, col), vector in zip(regions.cells.tolist(), regions.vectors, strict=True):
        facts[row, col] = facts.get((row, col), head) + struct.pack("<I", index) + vector.tobytes()
    return facts


def _pyramid(pixels: np.ndarray) -> list[np.ndarray]:
    """The tile, and its halves by the rounded mean of 2 × 2 pixels."""
    levels = [pixels]
    while len(levels) < LEVELS:
        last = levels[-1].astype(np.uint16)
        last = last[: last.shape[0] // 2 * 2, : last.shape[1] // 2 * 2]
        total = last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2]
        levels.append(((total + 2) // 4).astype(np.uint8))
    return levels


def trim_tiles(documents: Path, budget_bytes: int) -> int:
    """Remove the tiles that nobody looked at for longest until the rest fits; returns the bytes that were freed."""
    found = []
    for path in documents.glob(f"*/{FOLDER}/*"):
        try:
            stat = path.stat()
        except OSError:  # its document was deleted meanwhile
            continue
        found.append((stat.st_mtime, stat.st_size, path))
    excess, freed = sum(size for _, size, _ in found) - budget_bytes, 0
    for _, size, path in sorted(found):
        if freed >= excess:
            break
        path.unlink(missing_ok=True)
        freed += size
    return freed
