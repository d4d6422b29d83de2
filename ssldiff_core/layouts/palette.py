"""A palette: the swatches to paint with, and the encoder and pixel size they belong to. Changes make a new palette."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..embeddings.archive import read_archive, write_archive
from ..embeddings.grid import EmbeddingGrid
from ..errors import LayoutError
from ..geometry import format_length
from .directions import nearest_direction
from .swatch import Swatch

_KIND, _VERSION = "ssldiff palette", 1
PIXEL_SIZE_TOLERANCE = 1.25
"""A swatch fits a grid whose pixel size is within this factor of its own."""


@dataclass(frozen=True)
class Palette:
    """Swatches of one encoder at one pixel size.

    Args:
        swatches: in the order shown; their names differ.
        encoder_id: the patch encoder whose space the vectors live in.
        pixel_size_m: metres along a pixel of the patches they were read from.
        retired: swatches removed or merged away, without pictures: edits made with them can still be replayed.

    Raises:
        LayoutError: where names repeat, dimensions differ or there is no swatch.
    """

    swatches: tuple[Swatch, ...]
    encoder_id: str
    pixel_size_m: float
    retired: tuple[Swatch, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "swatches", tuple(self.swatches))
        object.__setattr__(self, "retired", tuple(self.retired))
        if not self.swatches:
            raise LayoutError("make a palette", "it has no swatch", "a palette has at least one swatch")
        names = [swatch.name for swatch in self.swatches]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise LayoutError("make a palette", f"two swatches are named {twice!r}", "names within a palette differ")
        dims = {swatch.dim for swatch in (*self.swatches, *self.retired)}
        if len(dims) > 1:
            raise LayoutError("make a palette", f"its swatches have {sorted(dims)} dimensions", "they have the same")
        if not self.encoder_id or not 0 < self.pixel_size_m < float("inf"):
            raise LayoutError("make a palette", "it names no encoder or no pixel size", "a palette belongs to both")

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.swatches[0].dim

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the swatches, in order."""
        return tuple(swatch.name for swatch in self.swatches)

    def find(self, key: str) -> Swatch:
        """The swatch with this name, or with this id (also among the retired).

        Raises:
            LayoutError: where there is none.
        """
        for swatch in self.swatches:
            if swatch.name == key:
                return swatch
        for swatch in (*self.swatches, *self.retired):
            if swatch.id == key:
                return swatch
        raise LayoutError(
            f"use the swatch {key!r}", "the palette has none of this name or id", "", f"It has {', '.join(self.names)}"
        )

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        """(n,) int: the index of the swatch whose mean is at the smallest angle to each of (n, dim) vectors."""
        return nearest_direction(vectors, np.stack([swatch.mean for swatch in self.swatches]))

    def check_fits(self, grid: EmbeddingGrid) -> None:
        """Refuse a grid of another encoder, dimension or pixel size.

        Raises:
            LayoutError: saying which.
        """
        asked = "paint on this grid with this palette"
        if (grid.encoder_id, grid.dim) != (self.encoder_id, self.dim):
            raise LayoutError(
                asked,
                f"the grid is of {grid.encoder_id} ({grid.dim}-d) and the palette of {self.encoder_id} ({self.dim}-d)",
                "a swatch is painted on grids of its own encoder", f"Make a palette from a grid of {grid.encoder_id}",
            )  # fmt: skip
        ratio = grid.geometry.pixel_size_m / self.pixel_size_m
        if not 1 / PIXEL_SIZE_TOLERANCE - 1e-9 <= ratio <= PIXEL_SIZE_TOLERANCE + 1e-9:
            here, own = format_length(grid.geometry.pixel_size_m), format_length(self.pixel_size_m)
            raise LayoutError(
                asked, f"the grid has a pixel size of {here} and the palette of {own}",
                "a swatch is painted at its own pixel size, give or take 25 %", f"Encode the scene at {own}",
            )  # fmt: skip

    def add(self, swatch: Swatch) -> Palette:
        """With one more swatch, at the end."""
        return replace(self, swatches=(*self.swatches, swatch))

    def rename(self, key: str, name: str) -> Palette:
        """With another name for one swatch; edits follow it."""
        return self._put(key, replace(self._shown(key), name=name))

    def recolour(self, key: str, colour: str) -> Palette:
        """With another colour for one swatch."""
        return self._put(key, replace(self._shown(key), colour=colour))

    def remove(self, key: str) -> Palette:
        """Without one swatch, which is retired: cells painted with it keep their vectors."""
        gone = self._shown(key)
        return self._retire([gone], tuple(s for s in self.swatches if s is not gone))

    def merge(self, keys: Sequence[str], name: str | None = None) -> Palette:
        """With several swatches made one, at the place and in the colour of the first; they are retired.

        Its vectors are all of theirs, exemplars first; its texture is the largest of theirs.
        """
        parts = [self._shown(key) for key in dict.fromkeys(keys)]
        if len(parts) < 2:
            raise LayoutError(
                "merge swatches", f"{len(parts)} is named", "a merge takes two different swatches or more"
            )
        merged = _merge_swatches(parts, name or parts[0].name)
        rest = tuple(merged if s is parts[0] else s for s in self.swatches if s is parts[0] or s not in parts)
        return self._retire(parts, rest)

    def keep(self, swatch: Swatch) -> Palette:
        """With a swatch that is known but not shown: what a paste was copied from."""
        known = {other.id for other in (*self.swatches, *self.retired)}
        return self if swatch.id in known else replace(self, retired=(*self.retired, swatch.without_pictures()))

    def take(self, other: Palette, *, beside: bool = False) -> Palette:
        """With the swatches of another palette in place of its own, which are retired; or ``beside`` them.

        A swatch that comes beside its equal is left out, one of a name that is there gets a number.

        Raises:
            LayoutError: where the other is of another encoder, dimension or pixel size.
        """
        ratio = other.pixel_size_m / self.pixel_size_m
        same_scale = 1 / PIXEL_SIZE_TOLERANCE - 1e-9 <= ratio <= PIXEL_SIZE_TOLERANCE + 1e-9
        if (other.encoder_id, other.dim) != (self.encoder_id, self.dim) or not same_scale:
            theirs, own = (f"{p.encoder_id} at {format_length(p.pixel_size_m)}" for p in (other, self))
            raise LayoutError("use this palette here", f"it is of {theirs}", f"the grid is of {own}", "Choose another")
        if beside:
            return _beside(self, other.swatches)
        shown = {swatch.id for swatch in other.swatches}
        gone = [swatch for swatch in self.swatches if swatch.id not in shown]
        return self._retire(gone, other.swatches)

    def reorder(self, keys: Sequence[str]) -> Palette:
        """With the swatches in another order.

        Raises:
            LayoutError: where the keys are not each swatch once.
        """
        order = tuple(self._shown(key) for key in keys)
        if sorted(s.name for s in order) != sorted(self.names):
            raise LayoutError("reorder the palette", f"the order is {list(keys)}", "it names each swatch once")
        return replace(self, swatches=order)

    def save(self, path: str | Path) -> None:
        """Write the palette to a ``.npz`` file, completely or not at all.

        Raises:
            ExportError: where the file cannot be written.
        """
        every = (*self.swatches, *self.retired)
        header: dict[str, Any] = {"encoder_id": self.encoder_id, "pixel_size_m": self.pixel_size_m}
        header["n_retired"] = len(self.retired)
        header["swatches"] = [{"name": s.name, "colour": s.colour, "origin": s.origin} for s in every]
        arrays: dict[str, np.ndarray] = {}
        for index, swatch in enumerate(every):
            arrays[f"vectors_{index}"], arrays[f"exemplars_{index}"] = swatch.vectors, swatch.exemplars
            if swatch.texture is not None:
                arrays[f"texture_{index}"] = swatch.texture
        write_archive(Path(path), _KIND, _VERSION, header, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Palette:
        """Read a palette that :meth:`save` wrote.

        Raises:
            LayoutError: where the file is missing, broken, of another kind or version, or its content breaks a rule.
        """
        header, arrays = read_archive(Path(path), _KIND, _VERSION, LayoutError)
        try:
            every = tuple(
                Swatch(
                    facts["name"], facts["colour"], arrays[f"vectors_{i}"], arrays[f"exemplars_{i}"],
                    arrays.get(f"texture_{i}"), facts["origin"],
                )
                for i, facts in enumerate(header["swatches"])
            )  # fmt: skip
            shown = len(every) - int(header["n_retired"])
            return cls(every[:shown], str(header["encoder_id"]), float(header["pixel_size_m"]), every[shown:])
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise LayoutError(f"read {path} as a palette", f"a part is missing or malformed: {error}") from error

    def _shown(self, key: str) -> Swatch:
        swatch = self.find(key)
        if not any(swatch is shown for shown in self.swatches):
            raise LayoutError(f"change the swatch {key!r}", "it was removed or merged away")
        return swatch

    def _put(self, key: str, new: Swatch) -> Palette:
        old = self._shown(key)
        return replace(self, swatches=tuple(new if s is old else s for s in self.swatches))

    def _retire(self, gone: Sequence[Swatch], left: tuple[Swatch, ...]) -> Palette:
        known = {swatch.id for swatch in self.retired}
        fresh = tuple(swatch.without_pictures() for swatch in gone if swatch.id not in known)
        return replace(self, swatches=left, retired=(*self.retired, *fresh))


def _beside(palette: Palette, others: Sequence[Swatch]) -> Palette:
    for swatch in others:
        if swatch.id in {own.id for own in palette.swatches}:
            continue
        names = (swatch.name, *(f"{swatch.name} {n}" for n in range(2, len(palette.names) + 3)))
        palette = palette.add(replace(swatch, name=next(name for name in names if name not in palette.names)))
    return palette


def _merge_swatches(parts: Sequence[Swatch], name: str) -> Swatch:
    pictured = [swatch for swatch in parts if len(swatch.exemplars)]
    sizes = {swatch.exemplars.shape[1:] for swatch in pictured}
    if len(sizes) > 1:  # pictures of different sizes cannot stand in one array: the first size stays
        pictured = [swatch for swatch in pictured if swatch.exemplars.shape[1:] == pictured[0].exemplars.shape[1:]]
    first = [swatch.vectors[: len(swatch.exemplars)] for swatch in pictured]
    rest = [s.vectors[len(s.exemplars) if s in pictured else 0 :] for s in parts]
    textures = [swatch.texture for swatch in parts if swatch.texture is not None]
    return Swatch(
        name,
        parts[0].colour,
        np.concatenate([*first, *rest]),
        np.concatenate([s.exemplars for s in pictured]) if pictured else parts[0].exemplars,
        max(textures, key=lambda t: t.shape[0] * t.shape[1], default=None),
        f"merged from {', '.join(s.name for s in parts)}",
    )
