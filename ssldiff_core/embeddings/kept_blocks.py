"""What has been embedded of a grid, in memory, or on disk so that a run that was killed goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ExportError
from .block_reading import Block

_FACTS, _VECTORS, _VALID, _MARKS = "facts.json", "vectors.npy", "valid.npy", "marks.npy"


class KeptBlocks:
    """The arrays of a grid in the making, filled block by block.

    A block counts as done when the checksum written after it is that of its content, so that one whose writing was cut
    off is embedded again.

    Args:
        folder: where the arrays lie, mapped into memory; None for none. What is there of another grid, encoder or
            scene is thrown away.
        facts: JSON-able, what decides every number of the arrays.
        shape: (rows, cols, dim).
        blocks: all that are to be embedded.

    Attributes:
        vectors: (rows, cols, dim) float32, zero where not valid.
        valid: (rows, cols) bool.

    Raises:
        ExportError: where the folder cannot be written to.
    """

    def __init__(
        self, folder: Path | None, facts: Mapping[str, Any], shape: tuple[int, int, int], blocks: list[Block]
    ) -> None:
        self.folder, self.blocks = folder, blocks
        rows, cols = shape[:2]
        if folder is None:
            self.vectors, self.valid = np.zeros(shape, np.float32), np.zeros((rows, cols), bool)
            self._marks = np.zeros(len(blocks), np.int64)
            return
        text = json.dumps({**facts, "blocks": _digest(blocks), "shape": shape}, sort_keys=True, default=str)
        try:
            if not _holds(folder, text):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                for name, kind, size in (
                    (_VECTORS, np.float32, shape), (_VALID, np.bool_, (rows, cols)), (_MARKS, np.int64, (len(blocks),)),
                ):  # fmt: skip
                    np.lib.format.open_memmap(folder / name, "w+", kind, size).flush()
                (folder / _FACTS).write_text(text, encoding="utf-8")
            self.vectors, self.valid, self._marks = (
                np.lib.format.open_memmap(folder / name, "r+") for name in (_VECTORS, _VALID, _MARKS)
            )
        except (OSError, ValueError) as error:
            raise ExportError(
                f"keep what is encoded in {folder}",
                f"it is refused ({error})",
                "",
                "Make room there",
            ) from error

    def left(self) -> list[Block]:
        """The blocks that are not done."""
        marked = zip(self.blocks, self._marks, strict=True)
        return [block for block, mark in marked if mark == 0 or mark != self._mark(block)]

    def put(self, block: Block, vectors: np.ndarray, valid: np.ndarray) -> None:
        """Keep a block: vectors (r, c, dim) and validity (r, c)."""
        self.vectors[block], self.valid[block] = vectors, valid
        self._marks[self.blocks.index(block)] = self._mark(block)

    def forget(self) -> None:
        """Remove what lies on disk; the arrays stay until nobody holds them."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _mark(self, block: Block) -> int:
        """A checksum, never 0."""
        content = np.ascontiguousarray(self.vectors[block]).tobytes() + self.valid[block].tobytes()
        return zlib.crc32(content) + 1


def _holds(folder: Path, text: str) -> bool:
    """Whether the folder holds the arrays of these facts."""
    try:
        return (folder / _FACTS).read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _digest(blocks: list[Block]) -> str:
    return hashlib.sha256(repr(blocks).encode()).hexdigest()
