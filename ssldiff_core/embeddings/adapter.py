"""A linear adapter from one patch encoder's embeddings to another's, fitted on cells that both have seen.

Embeddings of one encoder mean nothing to a model of another. Where the second can be predicted from the first, a ridge
regression does it; how well is measured on cells held out in whole blocks, since neighbouring cells are much alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import GridError
from ..geometry import GridGeometry, format_length
from .archive import read_archive, write_archive
from .arrays import read_only
from .grid import EmbeddingGrid

_KIND, _VERSION = "ssldiff adapter", 1
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_BLOCK_CELLS = 4
_FEWEST = 16
CELL_TOLERANCE = 1.1
"""Cells of a grid to adapt are as wide on the ground as those of the fit, give or take this factor."""


@dataclass(frozen=True, eq=False)
class Adapter:
    """``(x − source_mean) @ matrix + target_mean``, and given length 1 where all of the target's were.

    Args:
        source_id, target_id: the encoders.
        matrix: (source dim, target dim) float32.
        source_mean, target_mean: (dim,) float32.
        unit: whether results are given length 1.
        cell_m: side of a cell on the ground, metres.
        target_px: side of a cell of the target's grids in canvas pixels.
        latent_factor: canvas pixels along a latent in the target's grids.
        held_out_cosine: mean cosine between predicted and true embeddings of held-out cells.
        baseline_cosine: the same for the mean embedding in place of a prediction.
        cells: (fitted on, held out).

    Raises:
        GridError: where the shapes do not fit or a number is not finite.
    """

    source_id: str
    target_id: str
    matrix: np.ndarray = field(repr=False)
    source_mean: np.ndarray = field(repr=False)
    target_mean: np.ndarray = field(repr=False)
    unit: bool
    cell_m: float
    target_px: int
    latent_factor: int
    held_out_cosine: float
    baseline_cosine: float
    cells: tuple[int, int]

    def __post_init__(self) -> None:
        for name in ("matrix", "source_mean", "target_mean"):
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name), dtype=np.float32)))
        shapes = self.matrix.shape, self.source_mean.shape, self.target_mean.shape
        if self.matrix.ndim != 2 or shapes[1:] != (self.matrix.shape[:1], self.matrix.shape[1:]):
            raise GridError("make an adapter", f"its arrays have the shapes {shapes}", "a matrix and its two means")
        if not all(np.isfinite(values).all() for values in (self.matrix, self.source_mean, self.target_mean)):
            raise GridError("make an adapter", "a number of it is not finite", "an adapter is finite")

    def apply(self, grid: EmbeddingGrid) -> EmbeddingGrid:
        """The grid in the target's embeddings: the same cells on the ground, with the target's pixels.

        Raises:
            GridError: where the grid is of another encoder or its cells are of another size on the ground.
        """
        asked = f"adapt the grid from {self.source_id} to {self.target_id}"
        if grid.encoder_id != self.source_id or grid.dim != len(self.source_mean):
            raise GridError(
                asked, f"its embeddings are of {grid.encoder_id}, {grid.dim} numbers",
                f"the adapter was fitted on {len(self.source_mean)} numbers of {self.source_id}",
            )  # fmt: skip
        cell_m = _cell_m(grid.geometry)
        if not 1 / CELL_TOLERANCE <= cell_m / self.cell_m <= CELL_TOLERANCE:
            raise GridError(
                asked, f"its cells are {format_length(cell_m)} wide",
                f"the adapter was fitted on cells of {format_length(self.cell_m)}", "Fit one at this grid's pixel size",
            )  # fmt: skip
        flat = _predict(grid.vectors[grid.valid], self.matrix, self.source_mean, self.target_mean, self.unit)
        vectors = np.zeros((*grid.shape_cell, len(self.target_mean)), dtype=np.float32)
        vectors[grid.valid] = flat
        old = grid.geometry
        geometry = GridGeometry(
            old.shape_cell, cell_m / self.target_px, old.origin_l0, old.scene_pixel_size_m, self.target_px,
            self.latent_factor,
        )  # fmt: skip
        source = {**grid.source, "adapted_from": grid.encoder_id, "adapter_cosine": self.held_out_cosine}
        return EmbeddingGrid(vectors, grid.valid, geometry, self.target_id, grid.preprocessing_digest, source)

    def save(self, path: str | Path) -> None:
        """Write to a ``.npz`` file, completely or not at all."""
        arrays = {"matrix": self.matrix, "source_mean": self.source_mean, "target_mean": self.target_mean}
        header = {
            "source_id": self.source_id, "target_id": self.target_id, "unit": self.unit, "cell_m": self.cell_m,
            "target_px": self.target_px, "latent_factor": self.latent_factor, "cells": list(self.cells),
            "held_out_cosine": self.held_out_cosine, "baseline_cosine": self.baseline_cosine,
        }  # fmt: skip
        write_archive(Path(path), _KIND, _VERSION, header, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Adapter:
        """Read what :meth:`save` wrote.

        Raises:
            GridError: where the file is missing, broken or of another kind.
        """
        header, arrays = read_archive(Path(path), _KIND, _VERSION, GridError)
        try:
            facts: dict[str, Any] = {**header, **arrays, "cells": tuple(header["cells"])}
            return cls(**facts)
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise GridError(f"read {path} as an adapter", f"a part is missing or malformed: {error}") from error


def fit_adapter(source: EmbeddingGrid, target: EmbeddingGrid, *, held_out: float = 0.2, seed: int = 0) -> Adapter:
    """Fit an adapter on two grids of the same cells of a scene.

    The penalty is chosen on a part of the cells to fit on; the cells held out are looked at once.

    Args:
        source, target: grids of equal shape, whose cells cover the same ground.
        held_out: share of the cells to measure on, in blocks of 4 × 4.
        seed: of the choice of blocks.

    Raises:
        GridError: where the grids are not of the same cells, or too few cells are valid in both.
    """
    asked = f"fit an adapter from {source.encoder_id} to {target.encoder_id}"
    _check_same_cells(asked, source, target)
    both = source.valid & target.valid
    blocks = _blocks(source.shape_cell)[both]
    x, y = source.vectors[both].astype(np.float64), target.vectors[both].astype(np.float64)
    test = _chosen(blocks, held_out, seed)
    if min(test.sum(), (~test).sum()) < _FEWEST:
        raise GridError(
            asked, f"{len(x)} cells have both embeddings", "some hundred cells are needed, in several blocks of 4 × 4",
            "Choose a larger region of the scene",
        )  # fmt: skip
    unit = bool(np.abs(np.linalg.norm(y, axis=1) - 1).max() < 1e-3)
    tuning = _chosen(blocks[~test], held_out, seed + 1)
    penalty = _best_penalty(x[~test], y[~test], tuning, unit)
    matrix, x_mean, y_mean = _ridge(x[~test], y[~test], penalty)
    cosine = _cosine(_predict(x[test], matrix, x_mean, y_mean, unit), y[test])
    baseline = _cosine(np.broadcast_to(y_mean, y[test].shape), y[test])
    geometry = target.geometry
    return Adapter(
        source.encoder_id, target.encoder_id, matrix, x_mean, y_mean, unit, _cell_m(geometry), geometry.cell_px,
        geometry.latent_factor, cosine, baseline, (int((~test).sum()), int(test.sum())),
    )  # fmt: skip


def _check_same_cells(asked: str, source: EmbeddingGrid, target: EmbeddingGrid) -> None:
    first, second = source.geometry, target.geometry
    off = max(abs(a - b) for a, b in zip(first.box_l0.as_tuple(), second.box_l0.as_tuple(), strict=True))
    if first.shape_cell != second.shape_cell or off > 0.05 * first.cell_l0:
        raise GridError(
            asked, f"the grids are {first.shape_cell} and {second.shape_cell} cells, {off:.0f} level-0 pixels apart",
            "both encoders have seen the same cells", "Encode the same region twice, with cells of the same ground",
        )  # fmt: skip


def _cell_m(geometry: GridGeometry) -> float:
    return geometry.cell_px * geometry.pixel_size_m


def _blocks(shape_cell: tuple[int, int]) -> np.ndarray:
    """(rows, cols) int, the number of the block that a cell lies in."""
    rows, cols = (np.arange(n) // _BLOCK_CELLS for n in shape_cell)
    return np.asarray(rows[:, None] * (cols[-1] + 1) + cols[None])


def _chosen(blocks: np.ndarray, share: float, seed: int) -> np.ndarray:
    """(n,) bool: the cells of a share of the blocks, at least one of them."""
    names = np.unique(blocks)
    count = max(1, round(share * len(names)))
    return np.isin(blocks, np.random.default_rng(seed).permutation(names)[:count])


def _ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrix and means of a ridge regression; the penalty is relative to the mean variance of x."""
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    centred, wanted = x - x_mean, y - y_mean
    strength = penalty * max(float(np.square(centred).sum()) / x.shape[1], 1e-12)
    if len(x) < x.shape[1]:  # the same solution, by the smaller of two systems
        inner = centred @ centred.T + strength * np.eye(len(x))
        return centred.T @ np.linalg.solve(inner, wanted), x_mean, y_mean
    inner = centred.T @ centred + strength * np.eye(x.shape[1])
    return np.linalg.solve(inner, centred.T @ wanted), x_mean, y_mean


def _best_penalty(x: np.ndarray, y: np.ndarray, tuning: np.ndarray, unit: bool) -> float:
    if not tuning.any() or tuning.all():
        return _PENALTIES[2]
    scores = [
        _cosine(_predict(x[tuning], *_ridge(x[~tuning], y[~tuning], penalty), unit), y[tuning])
        for penalty in _PENALTIES
    ]
    return _PENALTIES[int(np.argmax(scores))]


def _predict(x: np.ndarray, matrix: np.ndarray, x_mean: np.ndarray, y_mean: np.ndarray, unit: bool) -> np.ndarray:
    result = (x - x_mean) @ matrix + y_mean
    if unit:
        result = result / np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-12)
    return np.asarray(result, dtype=np.float32)


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Mean cosine of rows."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / np.maximum(lengths, 1e-12)).mean())
