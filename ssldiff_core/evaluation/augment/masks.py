"""Data sets of images with masks: the mask becomes the layout.

A cell has the class that most of its pixels have. ``layout`` variations fill each cell with an embedding of its class,
taken from the training images' pure cells; their mask is that of whole cells, for this is what was drawn. All other
kinds keep the image's own mask.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import SceneError
from ...export.replacing import replacing
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


def cell_classes(mask: NDArray[np.uint8], fit: Fit) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The class of each cell (rows, cols) and its share of the cell's pixels."""
    rows, cols = fit.shape_cell
    side = fit.cell_px
    cells = mask_on_canvas(mask, fit).reshape(rows, side, cols, side).swapaxes(1, 2).reshape(rows * cols, -1)
    counts = [np.bincount(cell, minlength=256) for cell in cells]
    classes = np.array([count.argmax() for count in counts], dtype=np.uint8).reshape(rows, cols)
    shares = np.array([count.max() / side**2 for count in counts]).reshape(rows, cols)
    return classes, shares


class MaskPalette:
    """Embeddings of each class of the masks, image by image.

    Args:
        sources: training images with masks.
    """

    def __init__(self, sources: Sources) -> None:
        self.classes: list[NDArray[np.uint8]] = []
        self.vectors: dict[int, dict[int, NDArray[np.float32]]] = defaultdict(dict)
        less_pure: dict[int, tuple[float, int, NDArray[np.float32]]] = {}
        for index, (sample, fit) in enumerate(zip(sources.samples, sources.fits, strict=True)):
            classes, shares = cell_classes(read_mask(sources.root / sample.mask, fit.size_px), fit)
            self.classes.append(classes)
            for value in np.unique(classes):
                chosen = (classes == value) & (shares >= PURE)
                if chosen.any():
                    self.vectors[int(value)][index] = sources.vectors[index][chosen]
                best = np.unravel_index(np.where(classes == value, shares, -1.0).argmax(), classes.shape)
                if shares[best] > less_pure.get(int(value), (0.0,))[0]:
                    less_pure[int(value)] = (float(shares[best]), index, sources.vectors[index][best][None])
        for value, (_, index, vectors) in less_pure.items():
            if value not in self.vectors:  # a class without a pure cell is told by its purest
                self.vectors[value][index] = vectors

    def layout(self, source: int, seed: int) -> NDArray[np.float32]:
        """(rows, cols, dim): the mask of a source, each class in the embeddings of one image drawn at random."""
        generator = np.random.default_rng(seed)
        classes = self.classes[source]
        dim = next(iter(next(iter(self.vectors.values())).values())).shape[1]
        filled = np.zeros((*classes.shape, dim), np.float32)
        for value in np.unique(classes):
            images = self.vectors[int(value)]
            vectors = images[sorted(images)[generator.integers(len(images))]]
            here = classes == value
            filled[here] = vectors[generator.integers(len(vectors), size=int(here.sum()))]
        return filled


def write_mask(path: Path, sources: Sources, variation: Variation) -> None:
    """The mask of a variation, at its image's size."""
    sample, fit = sources.samples[variation.source], sources.fits[variation.source]
    mask = read_mask(sources.root / sample.mask, fit.size_px)
    if variation.kind == "layout":
        classes, _ = cell_classes(mask, fit)
        whole = np.kron(classes, np.ones((fit.cell_px, fit.cell_px), np.uint8))
        height, width = fit.scaled_px
        cut = Image.fromarray(np.ascontiguousarray(whole[:height, :width]))
        mask = np.asarray(cut.resize(fit.size_px[::-1], Image.Resampling.NEAREST))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(f"write {path}", path) as (part,):
        Image.fromarray(mask).save(part, format="PNG")
