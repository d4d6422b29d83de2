"""Documents as the page reads them: JSON, with numbers of cells as base64."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

from ssldiff_core.geometry import format_length

from .documents import Document

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.layout import Layout


def layout_to_json(document: Document) -> dict[str, object]:
    """What changes with a stroke: labels and edited cells as base64 (int16, uint8), undo and redo."""
    with document.lock:
        layout = document.need_layout()
        labels, edited = document.labels()
        return {
            "type": "layout",
            "version": document.version,
            "labels": _base64(labels),
            "edited": _base64(edited),
            "pending": _base64(document.pending()),
            "divided": _divided_to_json(layout),
            "edits": len(layout.edits),
            "can_undo": document.can_undo,
            "can_redo": document.can_redo,
        }


def _divided_to_json(layout: Layout) -> dict[str, object] | None:
    """The cells that borders run through (int32) and the swatches in them (n × side × side, int16); None: no cell."""
    if layout.palette is None:
        return None
    cells, labels = layout.divided_cells()
    if not len(cells):
        return None
    index = (cells[:, 0] * layout.base.shape_cell[1] + cells[:, 1]).astype(np.int32)
    return {"side": labels.shape[1], "cells": _base64(index), "labels": _base64(labels.astype(np.int16))}


def document_to_json(document: Document) -> dict[str, object]:
    """The whole document as the page needs it."""
    with document.lock:
        scene = document.scene
        body: dict[str, object] = {
            "type": "document",
            "id": document.id,
            "name": document.name,
            "version": document.version,
            "model_id": document.model_id,
            **_speeds(document.model_id),
            "scene": None if scene is None else {**vars(scene), "needs_pixel_size": scene.pixel_size_m is None},
            "results": [vars(record) for record in document.results],
            "shown": document.shown,
            "bookmarks": [vars(bookmark) for bookmark in document.bookmarks],
            "grid": None,
            "palette": None,
        }
        if document.layout is not None:
            body["grid"] = {**_grid_to_json(document.layout.base, document.grid_note), "asks": document.asks}
            body["layout"] = layout_to_json(document)
            body["palette"] = _palette_to_json(document)
        return body


def _speeds(model_id: str) -> dict[str, bool]:
    """Whether the page may offer fast drawing, and begins with it; a model that is not here any more has none."""
    from ssldiff_core.errors import ModelError
    from ssldiff_core.models.catalogue import get_model_spec

    try:
        spec = get_model_spec(model_id)
    except ModelError:
        return {"has_student": False, "begins_fast": False}
    return {"has_student": spec.has_student, "begins_fast": spec.has_student and spec.begins_fast}


def _grid_to_json(grid: EmbeddingGrid, note: str) -> dict[str, object]:
    geometry = grid.geometry
    return {
        "rows": geometry.rows,
        "cols": geometry.cols,
        "origin_l0": geometry.origin_l0,
        "cell_l0": geometry.cell_l0,
        "cell_px": geometry.cell_px,
        "pixel_size_m": geometry.pixel_size_m,
        "pixel_size": format_length(geometry.pixel_size_m),
        "encoder_id": grid.encoder_id,
        "digest": grid.digest,
        "note": note,
    }


def _palette_to_json(document: Document) -> dict[str, object] | None:
    palette = document.need_layout().palette
    if palette is None:
        return None
    swatches = [
        {
            "id": swatch.id, "name": swatch.name, "colour": swatch.colour, "origin": swatch.origin,
            "vectors": len(swatch.vectors), "exemplars": len(swatch.exemplars), "texture": swatch.texture is not None,
        }
        for swatch in palette.swatches
    ]  # fmt: skip
    last = document.palette_history[-1][0] if document.palette_history else ""
    return {
        "version": document.palette_version, "swatches": swatches, "points": sorted(document.points),
        "points_key": document.points_key,
        "last_change": last, "pixel_size": format_length(palette.pixel_size_m), "encoder_id": palette.encoder_id,
    }  # fmt: skip


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
