"""Layouts to learn from: real grids, and scenes composed of pieces of real grids in regions with irregular borders.

Aerial training images are two cells wide, so a large aerial layout is always composed: pieces of images of one concept
that look alike fill a region. Borders inside a piece are real, those between regions are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .captions import Captioner, Part, find_adjectives
from .concepts import CONCEPTS, Concept

_OF_ONE = 0.75
"""A piece is of a concept where this share of its cells is."""


@dataclass(frozen=True)
class RealGrid:
    """The embeddings of one image at one pixel size.

    Args:
        vectors: (rows, cols, dim) float16, of length 1.
        measures: (rows, cols, 3) float32, see :func:`~ssldiff_core.training.captions.measure_patches`.
        names: (rows, cols) object: the nearest swatch's name; "" where unknown.
        label: of the whole image; "" where it has none.
        pixel_size_m: metres along a pixel.
        image: the image's number; turned copies share it.
    """

    vectors: NDArray[np.float16]
    measures: NDArray[np.float32]
    names: NDArray[np.object_]
    label: str
    pixel_size_m: float
    image: int

    def cells_of(self, concept: Concept) -> NDArray[np.bool_]:
        """(rows, cols) bool."""
        if self.label in concept.labels and self.label:
            return np.ones(self.names.shape, dtype=bool)
        return np.isin(self.names, concept.swatches)


@dataclass(frozen=True)
class LayoutScene:
    """A layout (rows, cols, dim) float32 and phrases that describe it, at least one."""

    vectors: NDArray[np.float32]
    phrases: tuple[str, ...]
    parts: tuple[Part, ...]


class PieceShelf:
    """Pieces of real grids of one pixel size, by concept."""

    def __init__(self, grids: Sequence[RealGrid], concepts: Sequence[Concept], largest: int = 4) -> None:
        self.concepts = concepts
        self.pieces: list[tuple[NDArray[np.float16], NDArray[np.float32], int]] = []
        members: list[list[int]] = [[] for _ in concepts]
        self.grids = grids
        for grid in grids:
            cells = [grid.cells_of(concept) for concept in concepts]
            for rows, cols in _cuts(grid.names.shape, largest):
                of = [i for i, inside in enumerate(cells) if inside[rows, cols].mean() >= _OF_ONE]
                for i in of:
                    members[i].append(len(self.pieces))
                if of:
                    self.pieces.append((grid.vectors[rows, cols], grid.measures[rows, cols], grid.image))
        self.members = [np.array(ids, dtype=np.int64) for ids in members]
        self.means = np.stack([_mean(vectors) for vectors, _, _ in self.pieces])
        self.measures = np.stack([measures.reshape(-1, 3).mean(axis=0) for _, measures, _ in self.pieces])
        self.known = [i for i, ids in enumerate(self.members) if len(ids) >= 12]
        self.quartiles = {i: np.quantile(self.measures[self.members[i]], (0.25, 0.75), axis=0) for i in self.known}

    def fill(
        self, canvas: NDArray[np.float32], cells: NDArray[np.bool_], concept: int, generator: np.random.Generator
    ) -> NDArray[np.float32]:
        """Fill the cells of a canvas with pieces that look alike; returns their mean measures (3,)."""
        ids = self.members[concept]
        anchor = ids[generator.integers(len(ids))]
        alike = ids[np.argsort(-(self.means[ids] @ self.means[anchor]))[: int(generator.integers(2, 24))]]
        height, width = self.pieces[anchor][0].shape[:2]
        fitting = [i for i in alike if self.pieces[i][0].shape[:2] == (height, width)]
        alike = np.array(fitting or [anchor])  # pieces of other shapes may lie nearer than the anchor to itself
        rows, cols = np.nonzero(cells)
        row0, col0 = (int(generator.integers(0, side)) for side in (height, width))
        used = []
        for row in range(int(rows.min()) // height * height - row0, int(rows.max()) + 1, height):
            for col in range(int(cols.min()) // width * width - col0, int(cols.max()) + 1, width):
                piece = int(alike[generator.integers(len(alike))])
                if _paste(canvas, cells, self.pieces[piece][0], row, col):
                    used.append(piece)
        return np.asarray(self.measures[used].mean(axis=0), dtype=np.float32)


class SceneMaker:
    """Draws layouts with captions, for ever.

    Args:
        grids: real grids of the training split.
        domain: ``aerial`` or ``tissue``.
        seed: of all choices.
    """

    def __init__(self, grids: Sequence[RealGrid], domain: str, seed: int) -> None:
        self.domain = domain
        self.reseed(seed)
        sizes = sorted({grid.pixel_size_m for grid in grids})
        self.shelves = {
            size: PieceShelf([grid for grid in grids if grid.pixel_size_m == size], CONCEPTS[domain]) for size in sizes
        }
        for shelf in self.shelves.values():
            assert shelf.known, "a pixel size without any concept"

    def reseed(self, seed: int) -> None:
        """Begin another series of layouts."""
        self.generator = np.random.default_rng(seed)
        self.captioner = Captioner(self.generator)

    def compose(self, shape: tuple[int, int], pixel_size_m: float) -> LayoutScene:
        """A layout of one to four regions of different concepts."""
        shelf, generator = self.shelves[pixel_size_m], self.generator
        regions = draw_regions(shape, generator)
        chosen = generator.permutation(shelf.known)[: len(regions)]
        canvas = np.zeros((*shape, shelf.means.shape[1]), dtype=np.float32)
        parts = []
        for concept, cells in zip(chosen.tolist(), regions, strict=False):
            measures = shelf.fill(canvas, cells, concept, generator)
            adjectives = find_adjectives(measures, shelf.quartiles[concept], self.domain)
            parts.append(Part(shelf.concepts[concept], cells, adjectives))
        left = ~np.any(canvas, axis=2)
        if left.any():  # more regions than concepts
            shelf.fill(canvas, left, int(chosen[0]), generator)
        return LayoutScene(canvas, tuple(self.captioner.say(parts)), tuple(parts))

    def real(self, shape: tuple[int, int], pixel_size_m: float) -> LayoutScene:
        """A piece of a real grid of this shape, with a caption of what it holds; composed where none is that large."""
        shelf, generator = self.shelves[pixel_size_m], self.generator
        fitting = self._fitting(shape, pixel_size_m)
        for _ in range(8 if fitting else 0):
            grid = fitting[int(generator.integers(len(fitting)))]
            row, col = (int(generator.integers(0, s - w + 1)) for s, w in zip(grid.names.shape, shape, strict=True))
            cut = (slice(row, row + shape[0]), slice(col, col + shape[1]))
            parts = self._read(grid, cut, shelf)
            if parts:
                return LayoutScene(grid.vectors[cut].astype(np.float32), tuple(self.captioner.say(parts)), tuple(parts))
        return self.compose(shape, pixel_size_m)

    def _fitting(self, shape: tuple[int, int], pixel_size_m: float) -> list[RealGrid]:
        cache: dict[tuple[tuple[int, int], float], list[RealGrid]] = self.__dict__.setdefault("_fits", {})
        key = (shape, pixel_size_m)
        if key not in cache:
            cache[key] = [
                grid for grid in self.shelves[pixel_size_m].grids
                if grid.names.shape[0] >= shape[0] and grid.names.shape[1] >= shape[1]
            ]  # fmt: skip
        return cache[key]

    def _read(self, grid: RealGrid, cut: tuple[slice, slice], shelf: PieceShelf) -> list[Part]:
        """The concepts of a real cut: its label most of the time, else those of its cells."""
        labelled = [i for i in shelf.known if grid.label and grid.label in shelf.concepts[i].labels]
        if labelled and self.generator.random() < 0.8:
            return [self._part(grid, cut, labelled[0], shelf)]
        found = []
        covered = np.zeros(grid.names[cut].shape, dtype=bool)
        for i in self.generator.permutation(shelf.known).tolist():
            cells = np.isin(grid.names[cut], shelf.concepts[i].swatches)
            if cells.mean() > 0.08 and (cells & covered).sum() < 0.3 * cells.sum():
                covered |= cells
                found.append(self._part(grid, cut, i, shelf, cells))
        return found

    def _part(
        self, grid: RealGrid, cut: tuple[slice, slice], index: int, shelf: PieceShelf,
        cells: NDArray[np.bool_] | None = None,
    ) -> Part:  # fmt: skip
        inside = np.ones(grid.names[cut].shape, dtype=bool) if cells is None else cells
        measures = grid.measures[cut][inside].mean(axis=0)
        adjectives = find_adjectives(measures, shelf.quartiles[index], self.domain)
        return Part(shelf.concepts[index], inside, adjectives)


def smooth_field(shape: tuple[int, int], generator: np.random.Generator, scale: float = 0.3) -> NDArray[np.float64]:
    """(rows, cols) of smooth noise of unit deviation; ``scale`` is the width of its bumps beside the shorter side."""
    from scipy import ndimage

    sigma = max(scale * min(shape), 0.6)
    field = ndimage.gaussian_filter(generator.standard_normal(shape), sigma, mode="reflect")
    return np.asarray((field - field.mean()) / (field.std() + 1e-9))


def draw_regions(shape: tuple[int, int], generator: np.random.Generator) -> list[NDArray[np.bool_]]:
    """One to four disjoint masks (rows, cols) that cover the layout, none empty, borders irregular."""
    rows, cols = shape
    down, across = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(cols) + 0.5) / cols, indexing="ij")
    wobble = smooth_field(shape, generator) * generator.uniform(0.0, 0.07)
    wobble2 = smooth_field(shape, generator) * generator.uniform(0.0, 0.07)
    x, y = across + wobble, down + wobble2
    kind = _KINDS[int(generator.integers(len(_KINDS)))] if min(shape) > 1 else "whole"
    masks = _split(kind, x, y, shape, generator)
    regions, taken = [], np.zeros(shape, dtype=bool)
    for mask in masks:
        region = mask & ~taken
        if region.sum() >= max(1, 0.04 * taken.size):
            regions.append(region)
            taken |= region
    rest = ~taken
    return [*regions, rest] if rest.any() else regions


_KINDS = ("whole", "half", "half", "half", "half", "corner", "corner", "centre", "centre", "column", "row", "border",
          "scattered", "thirds", "quarters", "patches", "corners")  # fmt: skip


def _split(
    kind: str, x: NDArray[np.float64], y: NDArray[np.float64], shape: tuple[int, int], generator: np.random.Generator
) -> list[NDArray[np.bool_]]:
    """The masks of one kind of layout; what they leave is another region."""
    flip_x, flip_y = generator.random(2) < 0.5
    u, v = (1 - x if flip_x else x), (1 - y if flip_y else y)
    cut, other = generator.uniform(0.35, 0.65, 2)
    middle = np.maximum(abs(x - 0.5), abs(y - 0.5)) if generator.random() < 0.5 else np.hypot(x - 0.5, y - 0.5)
    if kind == "whole":
        return []
    if kind == "half":
        return [u < cut] if generator.random() < 0.5 else [v < cut]
    if kind == "corner":
        return [(u < cut) & (v < other)]
    if kind == "corners":
        return [(u < 0.5) & (v < 0.5), (u > 0.5) & (v < 0.5)]
    if kind in ("centre", "border"):
        return [middle < generator.uniform(0.22, 0.36)]
    if kind == "column":
        return [abs(x - 0.5) < generator.uniform(0.1, 0.22)]
    if kind == "row":
        return [abs(y - 0.5) < generator.uniform(0.1, 0.22)]
    if kind == "thirds":
        along = u if generator.random() < 0.5 else v
        return [along < 0.33, along > 0.67]
    if kind == "quarters":
        return [(u < cut) & (v < other), (u >= cut) & (v < other), (u < cut) & (v >= other)]
    fine = smooth_field(shape, generator, 0.06 if kind == "scattered" else 0.2)
    level = generator.uniform(0.6, 1.3) if kind == "scattered" else generator.uniform(-0.4, 0.8)
    return [fine > level]


def _cuts(shape: tuple[int, int], largest: int) -> list[tuple[slice, slice]]:
    """Blocks of a grid to make pieces of: all of it where it is small, else blocks side by side; and single cells."""
    rows, cols = shape
    side = min(largest, max(rows, cols))
    blocks = [
        (slice(r, min(r + side, rows)), slice(c, min(c + side, cols)))
        for r in range(0, max(1, rows - side // 2), side) for c in range(0, max(1, cols - side // 2), side)
    ]  # fmt: skip
    pairs = [(slice(r, r + 2), slice(c, c + 2)) for r in range(rows - 1) for c in range(cols - 1)]
    singles = [(slice(r, r + 1), slice(c, c + 1)) for r in range(rows) for c in range(cols)]
    if side > 2:
        return [*blocks, *pairs[::2]]
    return [*blocks, *singles] if rows * cols > 1 else blocks


def _mean(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    mean = vectors.reshape(-1, vectors.shape[-1]).astype(np.float32).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), dtype=np.float32)


def _paste(
    canvas: NDArray[np.float32], cells: NDArray[np.bool_], piece: NDArray[np.float16], row: int, col: int
) -> bool:
    """Write those cells of a piece that lie in the region; False where none does."""
    height, width = piece.shape[:2]
    top, left = max(row, 0), max(col, 0)
    bottom, right = min(row + height, cells.shape[0]), min(col + width, cells.shape[1])
    if bottom <= top or right <= left:
        return False
    inside = cells[top:bottom, left:right]
    part = piece[top - row : bottom - row, left - col : right - col]
    canvas[top:bottom, left:right][inside] = part[inside]
    return bool(inside.any())
