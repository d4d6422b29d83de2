"""Class regions: what lies in a grid's cells where borders run through them.

Each latent of the canvas belongs to one class; class 0 is the ground, which is everything that was never drawn finer
than a cell. In a cell that several classes share, the grid itself holds the vector of the one that covers most of it,
so that whatever knows of cells alone still sees what is there; the other classes' vectors are kept here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import GridError
from ..geometry import GridGeometry
from .arrays import read_only

TRANSITION_LAT = 1.0
"""Latents over which one class's condition becomes the other's across a border; 1 and below is a sharp border."""

MAX_CLASSES = 255


@dataclass(frozen=True, eq=False)
class ClassRegions:
    """Borders finer than cells, and what lies on either side.

    Args:
        labels: (rows · cell_lat, cols · cell_lat) uint8: the class of each latent of the canvas, 0 for the ground.
        names: of the classes 1, 2, …, sorted: ids of swatches; the empty name is that of the erased, which hold
            nothing.
        cells: (n, 3) int64, sorted (class, row, col): what shares a cell with a class that covers more of it.
        vectors: (n, dim) float32 of those.
        cell_lat: latents along a cell.
        transition_lat: see :data:`TRANSITION_LAT`.

    Raises:
        GridError: where the parts do not fit each other.
    """

    labels: np.ndarray = field(repr=False)
    names: tuple[str, ...]
    cells: np.ndarray = field(repr=False)
    vectors: np.ndarray = field(repr=False)
    cell_lat: int
    transition_lat: float = TRANSITION_LAT

    def __post_init__(self) -> None:
        labels, vectors = np.asarray(self.labels), np.asarray(self.vectors, dtype=np.float32)
        cells = np.asarray(self.cells, dtype=np.int64).reshape(-1, 3)
        if labels.dtype != np.uint8 or labels.ndim != 2 or int(labels.max(initial=0)) > len(self.names):
            raise GridError(
                "make class regions", f"the labels are {labels.dtype} of shape {labels.shape}",
                f"they are uint8 of shape (height, width) and up to {len(self.names)}, the number of classes",
            )  # fmt: skip
        if vectors.ndim != 2 or len(vectors) != len(cells) or not np.isfinite(vectors).all():
            raise GridError(
                "make class regions", f"there are {vectors.shape} numbers for {len(cells)} parts of cells",
                "each part has one finite vector",
            )  # fmt: skip
        if self.cell_lat < 1 or labels.shape[0] % self.cell_lat or labels.shape[1] % self.cell_lat:
            raise GridError("make class regions", f"{labels.shape} latents are not cells of {self.cell_lat}")
        if not 0 <= self.transition_lat < float("inf"):
            raise GridError("make class regions", f"the transition is {self.transition_lat}", "it is 0 or more latents")
        for name, array in (("labels", labels), ("cells", cells), ("vectors", vectors)):
            object.__setattr__(self, name, read_only(array))
        object.__setattr__(self, "names", tuple(str(name) for name in self.names))
        object.__setattr__(self, "transition_lat", float(self.transition_lat))

    def check_fits(self, geometry: GridGeometry, dim: int) -> None:
        """Refuse a grid of another size.

        Raises:
            GridError: saying which.
        """
        cells, shape = self.cells, geometry.shape_cell
        if (self.labels.shape, self.cell_lat) != (geometry.shape_lat, geometry.cell_lat):
            raise GridError(
                "lay class regions over a grid", f"they are of {self.labels.shape} latents",
                f"the grid is of {geometry.shape_lat}",
            )  # fmt: skip
        outside = len(cells) and ((cells < 0).any() or (cells.max(axis=0) >= (len(self.names) + 1, *shape)).any())
        if outside or (len(cells) and self.vectors.shape[1] != dim):
            raise GridError("lay class regions over a grid", "a part lies outside it or has another dimension")

    def facts(self) -> bytes:
        """Every byte that makes these regions differ from others."""
        head = json.dumps([self.labels.shape, self.names, self.cell_lat, self.transition_lat]).encode()
        return head + self.labels.tobytes() + self.cells.tobytes() + self.vectors.tobytes()

    @cached_property
    def majority(self) -> np.ndarray:
        """(rows, cols) uint8: the class that covers most of each cell; among equals the first."""
        side = self.cell_lat
        rows, cols = self.labels.shape[0] // side, self.labels.shape[1] // side
        blocks = self.labels.reshape(rows, side, cols, side)
        most, count = np.zeros((rows, cols), np.uint8), np.zeros((rows, cols), np.int64)
        for index in range(len(self.names) + 1):
            here = (blocks == index).sum(axis=(1, 3))
            most[here > count] = index
            count = np.maximum(count, here)
        return read_only(most)

    def plane(
        self, index: int, grid_vectors: np.ndarray, grid_valid: np.ndarray, rows: slice, cols: slice
    ) -> tuple[np.ndarray, np.ndarray]:
        """One class in a block of cells: vectors (h, w, dim) float32, and where it lies and holds something (h, w)."""
        own = self.majority[rows, cols] == index
        valid = own & grid_valid[rows, cols]
        vectors = np.where(valid[..., None], grid_vectors[rows, cols], np.float32(0))
        cells, extra = self._of_class.get(index, (self.cells[:0], self.vectors[:0]))
        here = (cells[:, 1] >= rows.start) & (cells[:, 1] < rows.stop)
        here &= (cells[:, 2] >= cols.start) & (cells[:, 2] < cols.stop)
        at = (cells[here, 1] - rows.start, cells[here, 2] - cols.start)
        vectors[at], valid[at] = extra[here], True
        return vectors, valid

    def taken(self, rows: np.ndarray, cols: np.ndarray, labels: np.ndarray | None = None) -> ClassRegions | None:
        """The regions of a grid whose cells are these rows and columns of this one; None where only ground is left.

        Args:
            rows, cols: indices of cells, ascending or not, repeated or not.
            labels: of the new grid, where they are not simply those of its cells.
        """
        if labels is None:
            side = self.cell_lat
            down, across = ((np.asarray(i)[:, None] * side + np.arange(side)).ravel() for i in (rows, cols))
            labels = self.labels[down][:, across]
        if not labels.any():
            return None
        parts = [
            (part[0], row, col, index)
            for index, part in enumerate(self.cells.tolist())
            for row in np.flatnonzero(rows == part[1])
            for col in np.flatnonzero(cols == part[2])
        ]
        parts.sort()
        cells = np.array([part[:3] for part in parts], np.int64).reshape(-1, 3)
        vectors = self.vectors[[part[3] for part in parts]]
        return ClassRegions(labels, self.names, cells, vectors, self.cell_lat, self.transition_lat)

    def renamed(self, names: Sequence[str]) -> np.ndarray:
        """(height, width): the class of each latent as an index in a longer list of names, from 1; 0 for the ground."""
        order = np.array([0, *(names.index(name) + 1 for name in self.names)], np.intp)
        return np.asarray(order[self.labels])

    def named_parts(self) -> dict[tuple[str, int, int], np.ndarray]:
        """What shares a cell with a larger class, by (name, row, col); the ground's name is ``"ground"``."""
        names = ("ground", *self.names)
        return {
            (names[index], row, col): vector
            for (index, row, col), vector in zip(self.cells.tolist(), self.vectors, strict=True)
        }

    def mapped(self, vectors: np.ndarray) -> ClassRegions:
        """The same borders with other vectors (n, dim)."""
        return ClassRegions(self.labels, self.names, self.cells, vectors, self.cell_lat, self.transition_lat)

    @cached_property
    def _of_class(self) -> Mapping[int, tuple[np.ndarray, np.ndarray]]:
        return {
            int(index): (self.cells[self.cells[:, 0] == index], self.vectors[self.cells[:, 0] == index])
            for index in np.unique(self.cells[:, 0])
        }

    def to_arrays(self) -> dict[str, np.ndarray]:
        """As arrays for an ``.npz``; :meth:`from_arrays` takes them back."""
        facts = json.dumps({"names": self.names, "cell_lat": self.cell_lat, "transition_lat": self.transition_lat})
        return {
            "region_labels": self.labels, "region_cells": self.cells, "region_vectors": self.vectors,
            "region_facts": np.frombuffer(facts.encode(), np.uint8),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> ClassRegions | None:
        """The regions among arrays; None where there are none.

        Raises:
            KeyError, ValueError, GridError: where a part is missing or malformed.
        """
        if "region_labels" not in arrays:
            return None
        facts = json.loads(np.asarray(arrays["region_facts"], np.uint8).tobytes())
        return cls(
            arrays["region_labels"], tuple(facts["names"]), arrays["region_cells"], arrays["region_vectors"],
            int(facts["cell_lat"]), float(facts["transition_lat"]),
        )  # fmt: skip
