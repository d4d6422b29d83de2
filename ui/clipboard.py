"""Cells that were copied: kept on the server as they were, to be pasted into this document or another one."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import LayoutError
from ssldiff_core.geometry import format_length

from .documents import Document

if TYPE_CHECKING:
    from ssldiff_core.layouts.swatch import Swatch

    from .workspace import Workspace

KEPT_BLOCKS = 64
_GREY = "#808080"


@dataclass(frozen=True, eq=False)
class Block:
    """Copied cells.

    Args:
        swatch: holds the block's vectors as its texture, (rows, cols, dim); zeros where nothing was copied.
        kinds: for each copied cell, as offset (row, col) in the block, the id of the swatch it was of.
        colours: of the same cells, as they were shown.
        encoder_id, pixel_size_m: of the grid they are from.
    """

    swatch: Swatch
    kinds: Mapping[tuple[int, int], str]
    colours: Mapping[tuple[int, int], str]
    encoder_id: str
    pixel_size_m: float

    def to_json(self, token: str) -> dict[str, object]:
        """What a page needs to show the block under the pointer."""
        texture = self.swatch.texture
        rows, cols = texture.shape[:2] if texture is not None else (0, 0)
        cells = [[row, col, self.colours[row, col]] for row, col in sorted(self.kinds)]
        return {"token": token, "rows": rows, "cols": cols, "cells": cells}


class Clipboard:
    """The blocks copied last on this server, by a token that only the page that copied knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: OrderedDict[str, Block] = OrderedDict()

    def put(self, block: Block) -> str:
        token = uuid.uuid4().hex
        with self._lock:
            self._blocks[token] = block
            while len(self._blocks) > KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return token

    def get(self, token: str) -> Block:
        """The block of a token.

        Raises:
            LayoutError: where it is no longer kept.
        """
        with self._lock:
            if token not in self._blocks:
                raise LayoutError("paste", "what was copied is no longer kept", "", "Copy the cells again")
            self._blocks.move_to_end(token)
            return self._blocks[token]


def copy_cells(workspace: Workspace, document: Document, cells: list[tuple[int, int]]) -> dict[str, object]:
    """Copy cells as they are now; those that hold nothing are left out.

    Raises:
        LayoutError: where a cell lies outside, or none holds anything.
    """
    from ssldiff_core.layouts.swatch import Swatch

    with document.lock:
        layout, (labels, _) = document.need_layout(), document.labels()
        grid, swatches = layout.grid(), layout.palette.swatches if layout.palette else ()
    rows, cols = grid.shape_cell
    if any(not (0 <= row < rows and 0 <= col < cols) for row, col in cells):
        raise LayoutError("copy cells", f"some lie outside the grid of {rows} × {cols}")
    held = [(row, col) for row, col in cells if grid.valid[row, col]]
    if not held:
        raise LayoutError("copy cells", "none of them holds anything", "", "Select cells that have a colour")
    (top, left), (bottom, right) = np.min(held, axis=0), np.max(held, axis=0)
    texture = np.zeros((bottom - top + 1, right - left + 1, grid.dim), np.float32)
    kinds, colours = {}, {}
    for row, col in held:
        offset = (int(row - top), int(col - left))
        texture[offset] = grid.vectors[row, col]
        label = int(labels[row, col])
        shown = swatches[label] if 0 <= label < len(swatches) else None
        kinds[offset], colours[offset] = (shown.id, shown.colour) if shown else ("", _GREY)
    vectors = np.stack([texture[offset] for offset in sorted(kinds)])
    swatch = Swatch("copied cells", _GREY, vectors, texture=texture, origin=f"copied from {document.name}")
    block = Block(swatch, kinds, colours, grid.encoder_id, grid.geometry.pixel_size_m)
    return block.to_json(workspace.clipboard.put(block))


def paste_block(workspace: Workspace, document: Document, payload: Mapping[str, Any]) -> None:
    """Paste ``token`` so that the block's top-left cell comes to ``row``, ``col``; what lies outside is left out.

    Raises:
        LayoutError: where the block is gone, of another encoder or pixel size, or wholly outside.
    """
    from ssldiff_core.layouts.edits import Paste

    block = workspace.clipboard.get(str(payload.get("token")))
    try:
        row, col = int(payload["row"]), int(payload["col"])
    except (KeyError, TypeError, ValueError):
        raise LayoutError("paste", "the place is missing", "a place is a row and a column") from None
    with document.lock:
        layout = document.need_layout()
        _check_fits(block, document)
        rows, cols = layout.base.shape_cell
        inside = sorted((r, c) for r, c in block.kinds if 0 <= row + r < rows and 0 <= col + c < cols)
        if not inside:
            raise LayoutError("paste", "nothing of it lies in the grid", "", "Move it over the grid")
        if layout.palette is None:
            raise LayoutError("paste", "this document has no palette yet", "", "Read a region first")
        kept = layout.palette.keep(block.swatch)
        if kept is not layout.palette:
            document.set_palette(kept)
        cells = tuple((row + r, col + c) for r, c in inside)
        document.edit(Paste(cells, block.swatch.id, (row, col), tuple(block.kinds[offset] for offset in inside)))
    workspace.publish_layout(document)


def _check_fits(block: Block, document: Document) -> None:
    grid = document.need_layout().base
    ratio = block.pixel_size_m / grid.geometry.pixel_size_m
    if block.encoder_id != grid.encoder_id or block.swatch.dim != grid.dim or not 0.799 <= ratio <= 1.251:
        theirs = f"{block.encoder_id} at {format_length(block.pixel_size_m)}"
        raise LayoutError(
            "paste these cells here", f"they were read by {theirs}",
            f"this grid is of {grid.encoder_id} at {format_length(grid.geometry.pixel_size_m)}",
            "Paste into a document of the same model and pixel size",
        )  # fmt: skip
