"""Numbers of a grid's cells that the page can lay over the images, each with the range of its colour bar."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssldiff_core.errors import LayoutError, ModelError

from .documents import Document

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid

    from .workspace import Workspace


@dataclass(frozen=True)
class Quantity:
    """Values (rows, cols) float32, NaN where there are none; ``low`` and ``high`` are the ends of the colour bar."""

    values: np.ndarray
    low: float
    high: float
    title: str

    def to_json(self) -> dict[str, object]:
        finite = self.values[np.isfinite(self.values)]
        return {
            "values": base64.b64encode(np.ascontiguousarray(self.values, "<f4").tobytes()).decode("ascii"),
            "rows": self.values.shape[0], "cols": self.values.shape[1], "low": self.low, "high": self.high,
            "title": self.title, "mean": float(finite.mean()) if len(finite) else None,
        }  # fmt: skip


def grid_quantity(workspace: Workspace, document: Document, name: str, swatch: str = "") -> Quantity:
    """A quantity of the document's grid as edited.

    Args:
        workspace: for the model's reference.
        document: with a grid.
        name: ``swatch``, ``borders``, ``range`` or ``main``.
        swatch: id of the swatch that ``swatch`` compares with.

    Raises:
        LayoutError: where there is no such quantity, or no such swatch.
        ModelError: where the model stores no reference for ``range``.
    """
    makers: dict[str, Callable[[], Quantity]] = {
        "swatch": lambda: _swatch_similarity(document, swatch),
        "borders": lambda: _borders(document.need_layout().grid()),
        "range": lambda: _range(workspace, document),
        "main": lambda: _main_variation(document.need_layout().grid()),
    }
    if name not in makers:
        raise LayoutError(f"show the quantity {name!r}", f"the quantities are: {', '.join(makers)}")
    return makers[name]()


def fidelity_quantity(values: np.ndarray) -> Quantity:
    """Fidelity on a fixed scale, so that results can be compared."""
    return Quantity(values, 0.0, 1.0, "Fidelity: asked for against read back (cosine)")


def _swatch_similarity(document: Document, key: str) -> Quantity:
    layout = document.need_layout()
    found = layout.palette.find(key) if layout.palette else None
    if found is None:
        raise LayoutError("compare cells with a swatch", "the swatch is no longer in the palette", "", "Select another")
    grid = layout.grid()
    values = _units(grid) @ (found.mean / max(float(np.linalg.norm(found.mean)), 1e-12))
    return Quantity(_masked(values, grid), 0.0, 1.0, f"Similarity to {found.name} (cosine)")


def _borders(grid: EmbeddingGrid) -> Quantity:
    """Mean over the neighbours by sides of one minus the cosine."""
    units, valid = _units(grid), grid.valid
    total, count = np.zeros(valid.shape, np.float32), np.zeros(valid.shape, np.float32)
    for axis in (0, 1):
        first = tuple(slice(None, -1) if k == axis else slice(None) for k in (0, 1))
        second = tuple(slice(1, None) if k == axis else slice(None) for k in (0, 1))
        both = valid[first] & valid[second]
        step = np.where(both, 1 - (units[first] * units[second]).sum(-1), 0)
        for side in (first, second):
            total[side] += step
            count[side] += both
    values = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return Quantity(_masked(values, grid), 0.0, _high(values), "Difference from the neighbours (1 − cosine)")


def _range(workspace: Workspace, document: Document) -> Quantity:
    """Distance to what the model was trained on, over the distance that 99 % of the training set stays within."""
    from ssldiff_core.embeddings.check import relative_distances

    spec = next((spec for spec in workspace.models() if spec.id == document.model_id), None)
    reference = None if spec is None else spec.folder / "encoder.json"
    if reference is None or not reference.is_file():
        raise ModelError("compare cells with the training set", "this model stores no reference to compare with")
    grid = document.need_layout().grid()
    return Quantity(relative_distances(grid, reference), 0.0, 2.0, "Distance from the training set (1: its 99 %)")


def _main_variation(grid: EmbeddingGrid) -> Quantity:
    """Place along the first principal component of the grid's own cells, in standard deviations."""
    rows = grid.vectors[grid.valid].astype(np.float64)
    values = np.full(grid.shape_cell, np.nan, np.float32)
    if len(rows) > 1:
        centred = rows - rows.mean(axis=0)
        direction = np.linalg.svd(centred, full_matrices=False)[2][0]
        places = centred @ direction
        values[grid.valid] = places / max(float(places.std()), 1e-12)
    return Quantity(values, -2.0, 2.0, "Main variation (standard deviations)")


def _units(grid: EmbeddingGrid) -> np.ndarray:
    norms = np.linalg.norm(grid.vectors, axis=-1, keepdims=True)
    return np.asarray(grid.vectors / np.maximum(norms, 1e-12), np.float32)


def _masked(values: np.ndarray, grid: EmbeddingGrid) -> np.ndarray:
    return np.where(grid.valid, values, np.nan).astype(np.float32)


def _high(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return round(float(max(finite.max(), 0.05)), 2) if len(finite) else 1.0
