"""What a user does to the palette: new swatches from cells, points, the scene or two others; merge, delete, reorder.

Each change of the palette can be taken back: a document remembers the palettes before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import LayoutError

from . import picking
from .documents import Document
from .projecting import fit_square

if TYPE_CHECKING:
    from ssldiff_core.layouts.palette import Palette
    from ssldiff_core.layouts.swatch import Swatch

    from .workspace import Workspace

HISTORY = 100
MAX_NEAREST = 24


def palette_of(document: Document) -> Palette:
    """The document's palette.

    Raises:
        LayoutError: where it has none.
    """
    palette = document.need_layout().palette
    if palette is None:
        raise LayoutError("change the palette", "this document has none", "", "Read a region first")
    return palette


def put_palette(workspace: Workspace, document: Document, palette: Palette, what: str) -> None:
    """Another palette for the document; ``what`` names the change for people, who can take it back."""
    with document.lock:
        before = palette_of(document)
        _set_palette(document, palette)
        document.palette_history = [*document.palette_history[1 - HISTORY :], (what, before)]
    workspace.publish_document(document)


def undo_palette(workspace: Workspace, document: Document) -> None:
    """Take back the last change of the palette. Cells keep what was painted on them meanwhile."""
    with document.lock:
        if not document.palette_history:
            raise LayoutError("undo the change of the palette", "there is none left")
        *document.palette_history, (_, before) = document.palette_history
        _set_palette(document, palette_of(document).take(before))
    workspace.publish_document(document)


def new_swatch(workspace: Workspace, document: Document, payload: Mapping[str, Any]) -> str:
    """A swatch from ``row`` and ``col``, ``cells``, ``points`` of the scatter, or ``x`` and ``y`` of the scene.

    Returns:
        Its id; of the swatch that is there already where it holds the same.

    Raises:
        LayoutError: where nothing is there, or the payload is none of these.
    """
    if "cells" in payload:
        swatch = picking.swatch_of_cells(workspace, document, read_cells(payload["cells"]))
    elif "points" in payload:
        swatch = picking.swatch_of_points(workspace, document, _indices(payload["points"]))
    elif "x" in payload:
        swatch = picking.swatch_of_place(workspace, document, _coordinate(payload, "x"), _coordinate(payload, "y"))
    else:
        row, col = read_cells([(payload.get("row", -1), payload.get("col", -1))])[0]
        swatch = picking.swatch_of_cell(workspace, document, row, col)
    return _add(workspace, document, swatch, f"New swatch {swatch.name}")


def mix(workspace: Workspace, document: Document, first: str, second: str, share: float) -> str:
    """A new swatch between two; returns its id."""
    from ssldiff_core.layouts.mixing import mix_swatches

    palette = palette_of(document)
    a, b = palette.find(first), palette.find(second)
    names = (f"{a.name} + {b.name}"[:56], *(f"{a.name} + {b.name}"[:50] + f" {n}" for n in range(2, 10_000)))
    swatch = mix_swatches(a, b, share, next(name for name in names if name not in palette.names))
    return _add(workspace, document, swatch, f"Mixed {a.name} and {b.name}")


def merge(workspace: Workspace, document: Document, keys: Iterable[str]) -> None:
    """Make several swatches one, under the name and colour of the first."""
    palette, keys = palette_of(document), list(keys)
    names = ", ".join(palette.find(key).name for key in keys)
    put_palette(workspace, document, palette.merge(keys), f"Merged {names}")


def remove(workspace: Workspace, document: Document, key: str) -> None:
    """Delete a swatch; cells painted with it keep their embedding."""
    palette = palette_of(document)
    if len(palette.swatches) == 1:
        raise LayoutError("delete this swatch", "it is the last one", "a palette has at least one swatch")
    put_palette(workspace, document, palette.remove(key), f"Deleted {palette.find(key).name}")


def reorder(workspace: Workspace, document: Document, keys: Iterable[str]) -> None:
    """Show the swatches in this order."""
    put_palette(workspace, document, palette_of(document).reorder(list(keys)), "Reordered the swatches")


def nearest(document: Document, key: str, n: int) -> list[dict[str, object]]:
    """The patches most like a swatch: cells of the scene, or without one the palette's own exemplars."""
    from ssldiff_core.layouts.directions import to_unit
    from ssldiff_core.layouts.mixing import nearest_cells

    layout, n = document.need_layout(), min(max(n, 1), MAX_NEAREST)
    swatch = palette_of(document).find(key)
    if document.scene is not None:
        cols = layout.base.shape_cell[1]
        return [
            {"cell": row * cols + col, "row": row, "col": col, "cosine": cosine}
            for row, col, cosine in nearest_cells(layout.base, swatch.mean, n)
        ]
    shown = [(other, i) for other in palette_of(document).swatches for i in range(len(other.exemplars))]
    if not shown:
        return []
    cosines = to_unit(np.stack([other.vectors[i] for other, i in shown])) @ to_unit(swatch.mean)
    order = np.argsort(-cosines, kind="stable")[:n]
    return [{"swatch": shown[k][0].id, "index": shown[k][1], "cosine": float(cosines[k])} for k in order]


def _set_palette(document: Document, palette: Palette) -> None:
    """Without a scene the scatter's points are the palette's own vectors, so they are laid out anew."""
    from ssldiff_core.embeddings.projection import project_pca

    document.set_palette(palette)
    if document.scene is None:
        document.points = {}
        points = fit_square(project_pca(document.point_vectors()))
        document.set_points("pca", points, document.points_key)


def _add(workspace: Workspace, document: Document, swatch: Swatch, what: str) -> str:
    with document.lock:
        palette = palette_of(document)
        if swatch.id not in {other.id for other in palette.swatches}:
            put_palette(workspace, document, palette.add(swatch), what)
    return swatch.id


def read_cells(value: object) -> list[tuple[int, int]]:
    """Cells as a page sends them.

    Raises:
        LayoutError: where they are no [row, column] pairs.
    """
    try:
        return [(int(row), int(col)) for row, col in value]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise LayoutError("pick cells", f"they are {value!r:.80}", "cells are [row, column] pairs") from None


def _indices(value: object) -> list[int]:
    try:
        return sorted({int(index) for index in value})  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise LayoutError("pick points", f"they are {value!r:.80}", "points are whole numbers") from None


def _coordinate(payload: Mapping[str, Any], name: str) -> float:
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LayoutError("pick a place", f"its {name} is {value!r}", "a place is given in level-0 pixels")
    return float(value)
