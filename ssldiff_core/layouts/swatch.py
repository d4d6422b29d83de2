"""A swatch: a named, coloured sort of cell, held as the real embeddings it was made from."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..embeddings.arrays import read_only
from ..errors import LayoutError
from .directions import mean_direction

DEFAULT_COLOURS = (
    "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442", "#999999",
    "#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499",
)  # fmt: skip
"""Told apart by colour-blind eyes: the eight of Okabe & Ito (grey for black), then Paul Tol's muted set."""

_NO_PICTURES = np.zeros((0, 0, 0, 3), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Swatch:
    """One colour of a palette, painted as its mean, as sampled exemplars, or as texture.

    Args:
        name: shown to people; unique within a palette.
        colour: ``"#rrggbb"``.
        vectors: (n, dim) float32, n ≥ 1: real embeddings. Where there are pictures, ``vectors[i]`` is the embedding of
            ``exemplars[i]``.
        exemplars: (m, height, width, 3) uint8 pictures of patches, m ≤ n; may be none.
        texture: (rows, cols, dim) float32, a contiguous piece of a real grid, or None.
        origin: where it came from, for people (``"8 clusters of slide.svs"``).
    """

    name: str
    colour: str
    vectors: np.ndarray = field(repr=False)
    exemplars: np.ndarray = field(default_factory=lambda: _NO_PICTURES, repr=False)
    texture: np.ndarray | None = field(default=None, repr=False)
    origin: str = ""

    def __post_init__(self) -> None:
        asked = f"make the swatch {self.name!r}"
        if not self.name.strip():
            raise LayoutError(asked, "it has no name", "a swatch has a name")
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise LayoutError(asked, f"its colour is {self.colour!r}", "a colour is #rrggbb", "For example #e69f00")
        object.__setattr__(self, "colour", self.colour.lower())
        vectors = _frozen_floats(self.vectors, 2, asked, "vectors", "(n, dim)")
        object.__setattr__(self, "vectors", vectors)
        if self.texture is not None:
            texture = _frozen_floats(self.texture, 3, asked, "texture", "(rows, cols, dim)")
            if texture.shape[2] != self.dim:
                raise LayoutError(asked, f"its texture has {texture.shape[2]} dimensions, its vectors {self.dim}")
            object.__setattr__(self, "texture", texture)
        pictures = np.asarray(self.exemplars)
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3 or len(pictures) > len(vectors):
            raise LayoutError(
                asked, f"its exemplars are {pictures.dtype} of shape {pictures.shape}",
                f"they are uint8 of shape (m, height, width, 3) with m ≤ {len(vectors)}",
            )  # fmt: skip
        object.__setattr__(self, "exemplars", read_only(pictures))

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    @cached_property
    def id(self) -> str:
        """What edits refer to: a digest of vectors and texture, unmoved by a new name or colour."""
        sha = hashlib.sha256(repr(self.vectors.shape).encode() + self.vectors.tobytes())
        if self.texture is not None:
            sha.update(repr(self.texture.shape).encode() + self.texture.tobytes())
        return sha.hexdigest()[:16]

    @cached_property
    def mean(self) -> np.ndarray:
        """(dim,) float32: the mean direction of the vectors at their mean length."""
        return read_only(mean_direction(self.vectors))

    def without_pictures(self) -> Swatch:
        """The same swatch without exemplar pictures."""
        return replace(self, exemplars=_NO_PICTURES)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Swatch):
            return NotImplemented
        facts = (self.id, self.name, self.colour, self.origin) == (other.id, other.name, other.colour, other.origin)
        return facts and np.array_equal(self.exemplars, other.exemplars)

    def __hash__(self) -> int:
        return hash((self.id, self.name))


def default_colour(index: int) -> str:
    """The ``index``-th default colour; the list begins again when it ends."""
    return DEFAULT_COLOURS[index % len(DEFAULT_COLOURS)]


def _frozen_floats(values: np.ndarray, ndim: int, asked: str, what: str, shape: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind != "f" or array.ndim != ndim or array.size == 0:
        found = f"its {what} are {array.dtype} of shape {array.shape}"
        raise LayoutError(asked, found, f"they are floats of shape {shape}")
    if not np.isfinite(array).all():
        raise LayoutError(asked, f"its {what} hold values that are not finite", "embeddings are finite")
    return read_only(np.asarray(array, dtype=np.float32))
