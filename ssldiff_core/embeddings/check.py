"""Is a scene like what a model was trained on? Distances to the training set's centroids beside their quantiles.

Distance is one minus the cosine to the nearest centroid. A cell farther than 99 % of the training set was is out of
range; a scene like the training set has one in a hundred of these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import GridError, ModelError
from .arrays import read_only
from .catalogue import check_pixel_size
from .grid import EmbeddingGrid

ASK_ABOVE = 0.3
"""With a larger share of cells out of range a user is asked before going on."""

_LIMIT = "0.99"
_QUANTILES = ("0.5", "0.9", "0.95", _LIMIT, "0.999")


@dataclass(frozen=True, eq=False)
class GridCheck:
    """What a check found.

    Args:
        share_out_of_range: of the valid cells, in [0, 1].
        out_of_range: (rows, cols) bool.
        median_ratio: median distance over the training set's; near 1 where the scene is like it.
        message: for people, one or two sentences.
    """

    share_out_of_range: float
    out_of_range: np.ndarray = field(repr=False)
    median_ratio: float
    message: str

    @property
    def needs_confirmation(self) -> bool:
        """Whether to ask before generating from this grid."""
        return self.share_out_of_range > ASK_ABOVE


def quantiles_from(
    vectors: np.ndarray, *, held_out: np.ndarray | None = None, n_centroids: int = 64, seed: int = 0
) -> dict[str, Any]:
    """The reference that is stored with a model (key ``quantiles`` of its ``encoder.json``).

    Args:
        vectors: (n, dim) embeddings of the training set.
        held_out: (m, dim) of images beside it, whose distances are then taken: those of the training set itself are a
            little short.
        n_centroids: at most; k-means on unit vectors.
        seed: of k-means.

    Returns:
        JSON-able: ``centroids`` (k lists of dim numbers) and ``distances`` (quantile -> distance).

    Raises:
        GridError: where the vectors are not finite or there are fewer than two.
    """
    from sklearn.cluster import MiniBatchKMeans  # lazily: it takes a while to load

    units = _units(vectors)
    if len(units) < 2:
        raise GridError("make a reference", f"there are {len(units)} vectors", "a reference is made of many embeddings")
    n_centroids = min(n_centroids, len(np.unique(units, axis=0)))
    kmeans = MiniBatchKMeans(n_centroids, n_init=3, batch_size=4096, random_state=seed).fit(units)
    centroids = np.round(_units(kmeans.cluster_centers_), 5)
    measured = _distances(units if held_out is None else _units(held_out), centroids)
    distances = {name: round(float(np.quantile(measured, float(name))), 6) for name in _QUANTILES}
    return {"centroids": [[float(f"{v:.5f}") for v in row] for row in centroids], "distances": distances}


def check_grid(grid: EmbeddingGrid, reference: Mapping[str, Any] | str | Path) -> GridCheck:
    """Compare a grid with what a model was trained on.

    Args:
        grid: to check.
        reference: what :func:`quantiles_from` made; or a whole ``encoder.json`` (its path, or read already), and then
            the encoder's id and pixel sizes are held against the grid's too. One that stores no quantiles finds nothing
            out of range, and says so.

    Raises:
        GridError: where the grid is of another encoder, dimension or a pixel size outside the trained range.
        ModelError: where the reference is missing, broken or incomplete.
    """
    facts = _read_facts(reference) if isinstance(reference, str | Path) else reference
    if "pixel_sizes_m" in facts:
        check_pixel_size(grid.geometry.pixel_size_m, facts["pixel_sizes_m"], str(facts.get("id", grid.encoder_id)))
    if facts.get("id", grid.encoder_id) != grid.encoder_id:
        raise GridError("check a grid", f"it is of {grid.encoder_id}", f"the reference is of {facts['id']}")
    stored = facts.get("quantiles", None if "id" in facts else facts)
    if stored is None:
        nothing = read_only(np.zeros(grid.shape_cell, dtype=bool))
        return GridCheck(0.0, nothing, 1.0, "Its patch encoder stores no reference to check this grid against.")
    centroids, limit, median = _read_reference(stored)
    if centroids.shape[1] != grid.dim:
        raise GridError("check a grid", f"it has {grid.dim} dimensions", f"the reference has {centroids.shape[1]}")
    outside = np.zeros(grid.shape_cell, dtype=bool)
    distances = _distances(_units(grid.vectors[grid.valid]), centroids)
    outside[grid.valid] = distances > limit
    share = float(outside.sum() / max(1, grid.valid.sum()))
    ratio = float(np.median(distances) / max(median, 1e-9)) if len(distances) else 0.0
    message = f"{100 * share:.0f} % of the cells are unlike what the model was trained on (1 % is usual)."
    if share > ASK_ABOVE:
        message += " The result may look wrong there: another stain, season or pixel size is the usual reason."
    return GridCheck(share, read_only(outside), ratio, message)


def relative_distances(grid: EmbeddingGrid, reference: str | Path) -> np.ndarray:
    """Distance of each cell from what a model was trained on, over the limit beyond which it counts as out of range.

    Args:
        grid: of the model's encoder.
        reference: path of the model's ``encoder.json``.

    Returns:
        (rows, cols) float32, NaN in invalid cells; above 1 is out of range.

    Raises:
        GridError: where the grid is of another dimension.
        ModelError: where the reference is missing, broken, or stores no quantiles.
    """
    stored = _read_facts(reference).get("quantiles")
    if stored is None:
        raise ModelError("compare cells with the training set", "this model stores no reference to compare with")
    centroids, limit, _ = _read_reference(stored)
    if centroids.shape[1] != grid.dim:
        raise GridError("check a grid", f"it has {grid.dim} dimensions", f"the reference has {centroids.shape[1]}")
    ratios = np.full(grid.shape_cell, np.nan, dtype=np.float32)
    ratios[grid.valid] = _distances(_units(grid.vectors[grid.valid]), centroids) / max(limit, 1e-9)
    return ratios


def _read_facts(path: str | Path) -> Mapping[str, Any]:
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"read the reference {path}", f"it is missing or broken: {error}") from error
    if not isinstance(facts, dict):
        raise ModelError(f"read the reference {path}", "it is no JSON object")
    return facts


def _read_reference(reference: Mapping[str, Any]) -> tuple[np.ndarray, float, float]:
    """Centroids (k, dim) float32, the distance beyond which a cell is out of range, and the median distance."""
    try:
        centroids = np.array(reference["centroids"], dtype=np.float32)
        distances = reference["distances"]
        limit, median = float(distances[_LIMIT]), float(distances["0.5"])
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise ModelError("check a grid", f"the reference stored with the model lacks a part ({error})") from error
    if centroids.ndim != 2 or not np.isfinite(centroids).all() or not np.isfinite([limit, median]).all():
        raise ModelError("check a grid", "the reference stored with the model is malformed")
    return centroids, limit, median


def _units(vectors: np.ndarray) -> np.ndarray:
    array = np.asarray(vectors, dtype=np.float32)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise GridError(
            "compare embeddings", f"they are of shape {array.shape} or not finite", "embeddings are (n, dim)"
        )
    return np.asarray(array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-12))


def _distances(units: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """(n,) one minus the cosine to the nearest centroid."""
    if not len(units):
        return np.zeros(0, dtype=np.float32)
    return np.asarray(1.0 - (units @ _units(centroids).T).max(axis=1))
