"""Training images: where they lie, at which pixel sizes, and which of them a recipe may see.

The default set is the folder of a :class:`Collection` list beside a ``splits.csv`` (columns path, group, label,
split, sha256);
only rows whose split is ``train`` are ever read for training. Images are kept in memory as uint8, once per pixel size.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..geometry import Box
from ..scenes import open_scene


@dataclass(frozen=True)
class SplitRow:
    """A row of ``splits.csv``."""

    path: str
    group: str
    label: str
    split: str
    sha256: str


@dataclass(frozen=True)
class Collection:
    """Images of one source at one native pixel size.

    Args:
        prefix: start of the paths in ``splits.csv``.
        pixel_size_m: metres along a pixel of the files.
        read_at_m: pixel sizes at which to train on them; one finer than the native is interpolated: no new detail.
        at_most: so many of its images, chosen at random but always the same (0: all).
    """

    prefix: str
    pixel_size_m: float
    read_at_m: tuple[float, ...]
    at_most: int = 0

    def choose(self, rows: list[SplitRow]) -> list[SplitRow]:
        """Its rows among those of a split."""
        own = [row for row in rows if row.path.startswith(self.prefix)]
        if not 0 < self.at_most < len(own):
            return own
        kept = set(np.random.default_rng(0).permutation(len(own))[: self.at_most].tolist())
        return [row for index, row in enumerate(own) if index in kept]


DOMAINS: dict[str, tuple[Collection, ...]] = {
    "tissue": (
        Collection("histology/brecahad", 0.25e-6, (0.25e-6, 0.5e-6, 1e-6)),
        Collection("histology/osteosarcoma", 1e-6, (1e-6,)),
        # The file names no pixel size; its nuclei are 8 to 9 px wide, hence about 1 µm.
        Collection("histology/slides/tcga_cr_7395_ts1.svs", 1e-6, (1e-6,)),
    ),
    "aerial": (
        Collection("aerial/naip_cities", 0.6, (0.6,)),
        Collection("aerial/uc_merced", 0.3, (0.3,)),
        Collection("aerial/uc_merced", 0.3, (0.15,), at_most=250),
    ),
}


@dataclass(frozen=True)
class TrainingImage:
    """One image at one pixel size: pixels (h, w, 3) uint8, where it came from and its group and label."""

    path: str
    group: str
    label: str
    pixel_size_m: float
    pixels: NDArray[np.uint8]


def read_splits(root: Path) -> list[SplitRow]:
    """The rows of ``root / splits.csv``.

    Raises:
        SettingsError: where the file is missing.
    """
    file = root / "splits.csv"
    if not file.is_file():
        raise SettingsError(
            f"train on {root}", "it holds no splits.csv", "training binds to a split", "Name its folder"
        )
    with file.open(newline="") as stream:
        return [SplitRow(**row) for row in csv.DictReader(stream)]


def iterate_images(root: Path, domain: str, split: str = "train") -> Iterator[TrainingImage]:
    """Every image of a domain and split, at every pixel size of its collection, read through :func:`open_scene`."""
    if domain not in DOMAINS:
        raise SettingsError(f"train on the domain {domain!r}", "there is none", f"domains are {', '.join(DOMAINS)}")
    rows = [row for row in read_splits(root) if row.split == split]
    for collection in DOMAINS[domain]:
        for row in collection.choose(rows):
            with open_scene(root / row.path, pixel_size_m=collection.pixel_size_m) as scene:
                whole = Box(0, 0, *scene.size_l0)
                for size in collection.read_at_m:
                    yield TrainingImage(row.path, row.group, row.label, size, scene.read(whole, size))


def load_images(root: Path, domain: str, split: str = "train") -> list[TrainingImage]:
    """All of :func:`iterate_images` in memory; raises where there are none."""
    images = list(iterate_images(root, domain, split))
    if not images:
        raise SettingsError(f"train {domain} on {root}", f"it holds no image of the split {split!r}")
    return images


def sample_weights(images: list[TrainingImage], interpolated: float = 0.25) -> NDArray[np.float64]:
    """Probability of each image: by the square root of the area at its pixel size, so that none drowns the others.

    Args:
        interpolated: how much an image counts at pixel sizes finer than its file's, beside the others.
    """
    area = np.array([image.pixels.shape[0] * image.pixels.shape[1] for image in images], dtype=np.float64)
    sizes = np.array([image.pixel_size_m for image in images])
    weights = area.copy()
    for size in np.unique(sizes):
        chosen = sizes == size
        weights[chosen] *= area[chosen].sum() ** -0.5
    native = {row.prefix: row.pixel_size_m for rows in DOMAINS.values() for row in rows}
    for i, image in enumerate(images):
        if any(image.path.startswith(prefix) and image.pixel_size_m < size * 0.9 for prefix, size in native.items()):
            weights[i] *= interpolated
    return weights / weights.sum()  # type: ignore[no-any-return]


def dihedral(array: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
    """One of the eight flips and quarter turns of the first two axes."""
    turned = np.rot90(array, index % 4, axes=(0, 1))
    return turned[:, ::-1] if index >= 4 else turned


class CropSampler:
    """Random square crops, turned at random; small images are mirrored at their edges.

    Args:
        interpolated: as :func:`sample_weights` takes it.
    """

    def __init__(self, images: list[TrainingImage], crop_px: int, seed: int, interpolated: float = 0.25) -> None:
        self.images, self.crop_px = images, crop_px
        self.weights = sample_weights(images, interpolated)
        self.generator = np.random.default_rng(seed)

    def sample(self, count: int) -> NDArray[np.uint8]:
        """(count, crop, crop, 3) uint8."""
        chosen = self.generator.choice(len(self.images), size=count, p=self.weights)
        return np.stack([self._crop(self.images[i].pixels) for i in chosen])

    def _crop(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        side = self.crop_px
        missing = [max(0, side - length) for length in pixels.shape[:2]]
        if any(missing):
            pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")
        row, col = (int(self.generator.integers(0, length - side + 1)) for length in pixels.shape[:2])
        return dihedral(pixels[row : row + side, col : col + side], int(self.generator.integers(8)))


def digest_of(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
