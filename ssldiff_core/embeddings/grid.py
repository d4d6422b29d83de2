"""The embedding grid: one vector for each cell of a scene or canvas, with the facts needed to use it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import GridError
from ..geometry import GridGeometry
from .archive import read_archive, write_archive
from .arrays import read_only
from .class_regions import ClassRegions

_KIND, _VERSION = "ssldiff embedding grid", 2
"""Version 2 has class regions; a grid without any is written as version 1, which says the same."""


@dataclass(frozen=True, eq=False)
class EmbeddingGrid:
    """Vectors of a patch encoder on a lattice of cells.

    Cells that are not valid hold zeros, whatever was given, so that equal grids are equal bytes. Two grids are equal
    when their digests are: ``source`` tells where a grid came from, not what it is.

    Args:
        vectors: (rows, cols, dim) float32; finite where valid.
        valid: (rows, cols) bool; False = no embedding here, the null condition when drawn.
        geometry: where the cells lie; its ``shape_cell`` is (rows, cols).
        encoder_id: the patch encoder whose space the vectors live in.
        preprocessing_digest: what was done to the pixels before; empty for a grid that was never read from pixels.
        source: JSON-able notes on the origin (scene name, region, attribution).
        regions: borders finer than cells, where there are any. The vector of a cell that they divide is that of the
            class that covers most of it.

    Raises:
        GridError: naming the cell, where a valid one is not finite; or the shape or type that does not fit.
    """

    vectors: np.ndarray = field(repr=False)
    valid: np.ndarray = field(repr=False)
    geometry: GridGeometry
    encoder_id: str
    preprocessing_digest: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    regions: ClassRegions | None = None

    def __post_init__(self) -> None:
        vectors, valid = np.asarray(self.vectors), np.asarray(self.valid)
        shape = self.geometry.shape_cell
        if vectors.dtype.kind != "f" or vectors.ndim != 3 or vectors.shape[2] < 1 or vectors.shape[:2] != shape:
            raise GridError(
                "make an embedding grid", f"the vectors are {vectors.dtype} of shape {vectors.shape}",
                f"they are floats of shape (rows, cols, dim) with (rows, cols) = {shape}",
            )  # fmt: skip
        if valid.dtype != np.bool_ or valid.shape != shape:
            raise GridError(
                "make an embedding grid",
                f"valid is {valid.dtype} of shape {valid.shape}",
                f"it is bool of shape {shape}",
            )
        if not self.encoder_id:
            raise GridError("make an embedding grid", "it names no encoder", "vectors belong to a patch encoder")
        object.__setattr__(self, "vectors", _checked_vectors(vectors, valid))
        object.__setattr__(self, "valid", read_only(valid))
        if self.regions is not None:
            self.regions.check_fits(self.geometry, self.dim)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[2])

    @property
    def shape_cell(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.geometry.shape_cell

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of everything but ``source``."""
        facts = [self.encoder_id, self.preprocessing_digest, asdict(self.geometry), self.dim]
        sha = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        sha.update(np.ascontiguousarray(self.vectors).tobytes())
        sha.update(np.ascontiguousarray(self.valid).tobytes())
        if self.regions is not None:
            sha.update(self.regions.facts())
        return sha.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EmbeddingGrid):
            return NotImplemented
        return self is other or self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def with_vectors(self, vectors: np.ndarray, valid: np.ndarray | None = None) -> EmbeddingGrid:
        """The same place, encoder and regions with other vectors, and other validity where given."""
        return EmbeddingGrid(
            vectors, self.valid if valid is None else valid, self.geometry, self.encoder_id,
            self.preprocessing_digest, self.source, self.regions,
        )  # fmt: skip

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Vectors, validity and regions as named arrays."""
        regions = {} if self.regions is None else self.regions.to_arrays()
        return {"vectors": self.vectors, "valid": self.valid, **regions}

    def save(self, path: str | Path) -> None:
        """Write the grid to a ``.npz`` file, completely or not at all.

        Raises:
            ExportError: where the file cannot be written.
        """
        header = {
            "geometry": asdict(self.geometry), "encoder_id": self.encoder_id,
            "preprocessing_digest": self.preprocessing_digest, "source": dict(self.source),
        }  # fmt: skip
        version = 1 if self.regions is None else _VERSION
        write_archive(Path(path), _KIND, version, header, self.to_arrays())

    @classmethod
    def load(cls, path: str | Path) -> EmbeddingGrid:
        """Read a grid that :meth:`save` wrote.

        Raises:
            GridError: where the file is missing, broken, of another kind or version, or its content breaks a rule.
        """
        header, arrays = read_archive(Path(path), _KIND, _VERSION, GridError)
        try:
            geometry = GridGeometry(**header["geometry"])
            return cls(
                arrays["vectors"], arrays["valid"], geometry, str(header["encoder_id"]),
                str(header["preprocessing_digest"]), dict(header["source"]), ClassRegions.from_arrays(arrays),
            )  # fmt: skip
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise GridError(f"read {path} as an embedding grid", f"a part is missing or malformed: {error}") from error


def _checked_vectors(vectors: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Read-only float32 with zeros on invalid cells; GridError naming the first valid cell that is not finite."""
    with np.errstate(over="ignore"):
        narrow = np.asarray(vectors, dtype=np.float32)
    # A sum is finite only where all its terms are (or where it overflows, which the exact test then settles).
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = ~np.isfinite(narrow.sum(axis=2)) & valid
    for row, col in np.argwhere(suspect):
        if not np.isfinite(narrow[row, col]).all():
            raise GridError(
                "make an embedding grid", f"the vector of cell (row {row}, col {col}) is not finite",
                "the vector of a valid cell is finite", "Encode the scene again, or mark the cell as not valid",
            )  # fmt: skip
    if narrow[~valid].any():
        narrow = np.where(valid[:, :, None], narrow, np.float32(0))
    return read_only(narrow)
