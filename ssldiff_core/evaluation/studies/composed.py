"""Large images of a known class, composed of real grids: what a slide study is tried on where there are no slides.

A composed image is a field of background cells with a few patches of one class inside, as a slide holds little tumour
among much else. The cells are real embeddings of real images; its label is what the patches are of. Synthetic large
images are drawn from such grids, varied, and embedded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..augment.dataset import Sample

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Composition:
    """How large images are composed.

    Args:
        shape_cell: rows and columns.
        share: of the cells that are of the label's class.
        background: classes whose images fill the rest.
        positive: classes that give the label, in the order of the labels.
    """

    shape_cell: tuple[int, int]
    share: float
    background: tuple[str, ...]
    positive: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Bag:
    """A large image as a bag.

    Args:
        vectors: (rows, cols, dim) float32; zeros where a cell is not valid.
        label: index of its class.
        group: of its source; intervals and splits go by it.
        name: for people.
        sources: names of the images whose cells it holds.
    """

    vectors: Vectors
    label: int
    group: str
    name: str
    sources: tuple[str, ...] = ()

    def cells(self) -> Vectors:
        """(cells, dim); cells that are not valid, of zeros, are left out."""
        return np.asarray(self.vectors[self.vectors.any(axis=2)])


def compose_bags(
    samples: Sequence[Sample], vectors: Sequence[Vectors], composition: Composition, count: int, seed: int, name: str
) -> list[Bag]:
    """Large images, each class equally often.

    Args:
        samples: real images of one split, with (rows, cols, dim) embeddings each.
        vectors: of the samples.
        composition: how.
        count: large images.
        seed: of all choices.
        name: of the set they make.
    """
    generator = np.random.default_rng(seed)
    by_class = {
        label: [i for i, sample in enumerate(samples) if sample.label == label]
        for label in (*composition.background, *composition.positive)
    }
    bags = []
    for number in range(count):
        label = number % len(composition.positive)
        grid, used = _compose(vectors, by_class, composition, composition.positive[label], generator)
        own = f"{name}-{number:03d}"
        bags.append(Bag(grid, label, own, own, tuple(sorted(samples[i].name for i in used))))
    return bags


def _compose(
    vectors: Sequence[Vectors], by_class: dict[str, list[int]], composition: Composition, positive: str,
    generator: np.random.Generator,
) -> tuple[Vectors, set[int]]:  # fmt: skip
    """One grid: blocks of one image each, the positive ones at places of their own."""
    rows, cols = composition.shape_cell
    side_r, side_c = vectors[by_class[positive][0]].shape[:2]
    blocks = [(r, c) for r in range(0, rows, side_r) for c in range(0, cols, side_c)]
    chosen = generator.permutation(len(blocks))[: max(1, round(composition.share * len(blocks)))]
    grid = np.zeros((rows, cols, vectors[0].shape[2]), np.float32)
    used = set()
    for place, (row, col) in enumerate(blocks):
        kind = positive if place in chosen else str(generator.choice(composition.background))
        index = int(generator.choice(by_class[kind]))
        used.add(index)
        here = vectors[index][: rows - row, : cols - col]
        grid[row : row + here.shape[0], col : col + here.shape[1]] = here
    return grid, used
