"""A sentence proposes layouts: shown as cells with names, and taken into the document like cells that were copied.

A proposal fills what the user does not keep. Each candidate becomes a block of the clipboard, so that taking it is one
edit, which one undo takes back, and any brush changes it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import LayoutError, SettingsError

from .clipboard import Block
from .documents import Document
from .jobs import Job
from .wishes import whole_number

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.palette import Palette
    from ssldiff_core.models.catalogue import ModelSpec
    from ssldiff_core.text_to_grid import TextRequest

    from .workspace import Workspace

MOST_CANDIDATES = 6
SEEDS = 2**31
EXAMPLES = {
    "aerial": (
        "a river through the middle from top to bottom, houses on the left, farmland on the right",
        "a harbour at the bottom, car park at the top",
        "a park in the centre surrounded by houses",
        "mostly farmland, a freeway running across the middle",
    ),
    "tissue": (
        "tumour on the left, fat on the right",
        "necrosis in the centre surrounded by tumour",
        "mostly stroma, a little inflamed stroma in the top left corner",
        "bone at the top, blood at the bottom",
    ),
}  # fmt: skip


def examples_of(spec: ModelSpec) -> list[str]:
    """Sentences to begin with; of another model's own words where it is no shipped one. None where it has no prior."""
    from ssldiff_core.models.prior import PRIOR_FOLDER, has_prior, read_prior_spec

    if not has_prior(spec):
        return []
    if spec.id in EXAMPLES:
        return list(EXAMPLES[spec.id])
    names = [words[0] for words in read_prior_spec(spec.folder / PRIOR_FOLDER).concepts.values()]
    return [f"{a} on the left, {b} on the right" for a, b in zip(names[::2], names[1::2], strict=False)][:4]


def start_description(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> Job:
    """Queue layouts for a text.

    Args:
        workspace: of the server.
        document: has a layout, whose place, shape and pixel size are filled.
        values: ``text``; ``negative``; ``count`` of candidates; ``seed`` of the first; ``like``, the seed of a layout
            to stay near to; ``keep``, cells as [row, col] that stay as they are.

    Raises:
        LayoutError: where there is no layout, or a kept cell lies outside it.
        SettingsError: where a value is out of range, or the text is empty.
    """
    layout = document.need_layout()
    own = layout.palette
    if own is None:
        raise LayoutError("lay out a text", "this document has no palette yet", "", "Read a region first")
    request = _request(document, layout.grid(), values)

    def work(job: Job) -> None:
        from ssldiff_core.text_to_grid import propose_grids

        workspace.jobs.report(job, phase="laying out", done=0, total=1)
        proposal = propose_grids(request)
        kept = request.sketch.valid if request.sketch is not None else np.zeros(layout.base.shape_cell, bool)
        with document.lock:
            palette = document.need_layout().palette or own
        candidates = [_candidate(workspace, grid, palette, ~kept) for grid in proposal.grids]
        workspace.events.publish(document.id, {
            "type": "proposal", "job": job.id, "text": request.text, "seed": request.seed, "candidates": candidates,
            "notes": list(proposal.notes), "phrases": list(proposal.prompt.phrases),
        })  # fmt: skip

    title = f"Lay out “{request.text[:40]}” in {document.name}"
    return workspace.jobs.submit(Job("describe", document.id, total=1, title=title), work)


def _request(document: Document, grid: EmbeddingGrid, values: Mapping[str, Any]) -> TextRequest:
    from ssldiff_core.text_to_grid import TextRequest

    text = str(values.get("text", ""))
    if not text.strip():
        raise SettingsError("lay out a text", "it is empty", "a text says what to show", "Type a sentence")
    geometry = grid.geometry
    like = values.get("like")
    return TextRequest(
        text, document.model_id, (geometry.cols * geometry.cell_px, geometry.rows * geometry.cell_px),
        negative=str(values.get("negative", "")), pixel_size_m=geometry.pixel_size_m,
        seed=whole_number(values.get("seed", 0), "seed", 0, SEEDS - 1),
        candidates=whole_number(values.get("count", 1), "candidates", 1, MOST_CANDIDATES),
        like_seed=None if like is None else whole_number(like, "seed", 0, SEEDS - 1),
        sketch=_kept(grid, values.get("keep")),
    )  # fmt: skip


def _kept(grid: EmbeddingGrid, cells: object) -> EmbeddingGrid | None:
    """The cells that stay, as a sketch; None where there are none."""
    if not isinstance(cells, list) or not cells:
        return None
    valid = np.zeros(grid.shape_cell, bool)
    rows, cols = grid.shape_cell
    for cell in cells:
        if not isinstance(cell, list) or len(cell) != 2 or not all(isinstance(side, int) for side in cell):
            raise LayoutError("keep cells", f"{cell!r} is none", "a cell is [row, column]")
        if not (0 <= cell[0] < rows and 0 <= cell[1] < cols):
            raise LayoutError("keep cells", f"some lie outside the grid of {rows} × {cols}")
        valid[cell[0], cell[1]] = True
    valid &= grid.valid
    if valid.all():
        raise LayoutError("lay out a text", "all cells are kept", "at least one is left to fill", "Select fewer cells")
    return replace(grid, valid=valid) if valid.any() else None


def _candidate(
    workspace: Workspace, grid: EmbeddingGrid, palette: Palette, free: np.ndarray
) -> dict[str, object]:  # fmt: skip
    """A candidate as the page shows it, kept as a block under a token."""
    from ssldiff_core.layouts.swatch import Swatch

    nearest = palette.nearest(grid.vectors.reshape(-1, grid.dim)).reshape(grid.shape_cell)
    swatches = palette.swatches
    places = [(int(row), int(col)) for row, col in np.argwhere(free)]
    top, left = (min(place[axis] for place in places) for axis in (0, 1))
    bottom, right = (max(place[axis] for place in places) + 1 for axis in (0, 1))
    texture = np.ascontiguousarray(grid.vectors[top:bottom, left:right]).astype(np.float32)
    kinds = {(row - top, col - left): swatches[nearest[row, col]].id for row, col in places}
    colours = {(row - top, col - left): swatches[nearest[row, col]].colour for row, col in places}
    vectors = texture.reshape(-1, grid.dim)
    swatch = Swatch("described cells", "#808080", vectors, texture=texture, origin="laid out from a text")
    token = workspace.clipboard.put(Block(swatch, kinds, colours, grid.encoder_id, grid.geometry.pixel_size_m))
    counts = np.bincount(nearest.ravel(), minlength=len(swatches))
    shares = [
        {"name": swatches[i].name, "colour": swatches[i].colour, "share": round(float(counts[i] / nearest.size), 4)}
        for i in np.argsort(-counts) if counts[i]
    ]  # fmt: skip
    return {
        "token": token, "row": top, "col": left, "rows": grid.shape_cell[0], "cols": grid.shape_cell[1],
        "cells": nearest.ravel().tolist(), "colours": [swatch.colour for swatch in swatches], "shares": shares,
    }  # fmt: skip
