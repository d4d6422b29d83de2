"""Data sets of images with masks: the mask becomes the layout.

``layout`` variations draw each class of the mask in embeddings of that class, taken from cells of the training images
that it fills; borders are those of the mask to a latent (8 px), and the mask that is written is the one that was drawn.
All other kinds keep the image's own mask.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...embeddings.class_regions import ClassRegions
from ...errors import SceneError
from ...export.replacing import replacing
from ...geometry import LATENT_FACTOR
from .fitting import Fit
from .sources import Sources
from .variations import Variation

PURE = 0.9
"""A cell whose pixels are of its class by this share may stand for the class."""


def read_mask(path: Path, size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask (height, width) uint8: one value a class.

    Raises:
        SceneError: where it is broken, has colours instead of values, or another size than its image.
    """
    try:
        with Image.open(path) as image:
            values = np.asarray(image if image.mode in ("L", "P", "1", "I;16", "I") else image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise SceneError(f"read the mask {path.name}", f"it is no image: {error}") from error
    if values.ndim == 3 and (values == values[..., :1]).all():
        values = values[..., 0]
    if values.ndim != 2 or values.min() < 0 or values.max() > 255:
        raise SceneError(
            f"read the mask {path.name}",
            "it has colours or more than 256 values",
            "a mask has one value for each class",
        )
    if values.shape != size_px:
        raise SceneError(
            f"read the mask {path.name}", f"it is {values.shape[1]} × {values.shape[0]} px",
            f"its image is {size_px[1]} × {size_px[0]} px",
        )  # fmt: skip
    return values.astype(np.uint8)


def mask_on_canvas(mask: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    """A mask as its image lies on the canvas: nearest values, mirrored where the image is."""
    scaled = np.asarray(Image.fromarray(mask).resize(fit.scaled_px[::-1], Image.Resampling.NEAREST))
    missing = [count * fit.cell_px - side for count, side in zip(fit.shape_cell, fit.scaled_px, strict=True)]
    return np.pad(scaled, ((0, missing[0]), (0, missing[1])), mode="symmetric")


def cell_shares(mask: NDArray[np.uint8], fit: Fit) -> dict[int, NDArray[np.float64]]:
    """For each class of a mask, its share of the pixels of each cell (rows, cols)."""
    rows, cols = fit.shape_cell
    cells = mask_on_canvas(mask, fit).reshape(rows, fit.cell_px, cols, fit.cell_px)
    return {int(value): (cells == value).mean(axis=(1, 3)) for value in np.unique(mask)}


def latent_classes(mask: NDArray[np.uint8], fit: Fit, latent_factor: int = LATENT_FACTOR) -> NDArray[np.uint8]:
    """The class that most pixels of each latent have, (rows · cell_lat, cols · cell_lat) uint8."""
    whole = mask_on_canvas(mask, fit)
    height, width = (side // latent_factor for side in whole.shape)
    blocks = whole.reshape(height, latent_factor, width, latent_factor)
    most, count = np.zeros((height, width), np.uint8), np.full((height, width), -1)
    for value in np.unique(mask):
        here = (blocks == value).sum(axis=(1, 3))
        most[here > count] = value
        count = np.maximum(count, here)
    return most


class MaskPalette:
    """Embeddings of each class of the masks, image by image.

    Args:
        sources: training images with masks.
        latent_factor: canvas pixels along a latent.
    """

    def __init__(self, sources: Sources, latent_factor: int = LATENT_FACTOR) -> None:
        self.cell_lat, self.dim = sources.fits[0].cell_px // latent_factor, sources.vectors[0].shape[2]
        self.latents: list[NDArray[np.uint8]] = []
        self.vectors: dict[int, dict[int, NDArray[np.float32]]] = defaultdict(dict)
        purest: dict[int, tuple[float, int, NDArray[np.float32]]] = {}
        for index, (sample, fit) in enumerate(zip(sources.samples, sources.fits, strict=True)):
            mask = read_mask(sources.root / sample.mask, fit.size_px)
            self.latents.append(latent_classes(mask, fit, latent_factor))
            for value, shares in cell_shares(mask, fit).items():
                if (shares >= PURE).any():
                    self.vectors[value][index] = sources.vectors[index][shares >= PURE]
                best = np.unravel_index(shares.argmax(), shares.shape)
                if shares[best] > purest.get(value, (0.0,))[0]:
                    purest[value] = (float(shares[best]), index, sources.vectors[index][best][None])
        for value, (_, index, vectors) in purest.items():
            if value not in self.vectors:  # a class that fills no cell is told by the cell where it is most
                self.vectors[value][index] = vectors

    def layout(self, source: int, seed: int) -> tuple[NDArray[np.float32], ClassRegions]:
        """The mask of a source, each class in the embeddings of one image drawn at random.

        Returns:
            Vectors (rows, cols, dim) of the class that covers most of each cell, and the borders between classes, to a
            latent.
        """
        generator = np.random.default_rng(seed)
        values, places = np.unique(self.latents[source], return_inverse=True)
        labels = (places.reshape(self.latents[source].shape) + 1).astype(np.uint8)
        names = tuple(f"{value:03d}" for value in values)
        draw = [self._draw(int(value), generator) for value in values]
        plain = ClassRegions(labels, names, np.zeros((0, 3), np.int64), np.zeros((0, self.dim)), self.cell_lat)
        most = plain.majority
        vectors = np.stack([[draw[index - 1]() for index in row] for row in most]).astype(np.float32)
        side = self.cell_lat
        parts = sorted({
            (int(index), row, col)
            for row, col in np.ndindex(most.shape)
            for index in np.unique(labels[row * side : (row + 1) * side, col * side : (col + 1) * side])
            if index != most[row, col]
        })  # fmt: skip
        extra = np.array([draw[index - 1]() for index, _, _ in parts], np.float32).reshape(-1, self.dim)
        return vectors, replace(plain, cells=np.array(parts, np.int64).reshape(-1, 3), vectors=extra)

    def _draw(self, value: int, generator: np.random.Generator) -> Callable[[], NDArray[np.float32]]:
        """Vectors of a class, all of one image."""
        images = self.vectors[value]
        vectors = images[sorted(images)[generator.integers(len(images))]]
        return lambda: np.asarray(vectors[generator.integers(len(vectors))])


def write_mask(path: Path, sources: Sources, variation: Variation, latent_factor: int = LATENT_FACTOR) -> None:
    """The mask of a variation, at its image's size."""
    sample, fit = sources.samples[variation.source], sources.fits[variation.source]
    mask = read_mask(sources.root / sample.mask, fit.size_px)
    if variation.kind == "layout":
        whole = np.kron(latent_classes(mask, fit, latent_factor), np.ones((latent_factor, latent_factor), np.uint8))
        height, width = fit.scaled_px
        cut = Image.fromarray(np.ascontiguousarray(whole[:height, :width]))
        mask = np.asarray(cut.resize(fit.size_px[::-1], Image.Resampling.NEAREST))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(f"write {path}", path) as (part,):
        Image.fromarray(mask).save(part, format="PNG")
