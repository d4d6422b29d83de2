"""What a report shows of an evaluation: cells that fare best and worst, maps, nearest real patches, classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .features import FeatureSet
from .kernels import kernel_distance
from .plots import cell_map, histogram
from .report import Cell, Image, Part, Pictures, Table, best_median_worst
from .results import ResultScore
from .samples import Cutting, ImageFile, ImageSet, read_patch

SHOWN = 6
"""Pictures of each group."""
MOST_MAPS = 3
GAP_PX = 4


def result_parts(scores: Sequence[ResultScore]) -> list[Part]:
    """Spread and maps of the similarity, and the cells that follow their grid best, as most do, and worst."""
    values = np.concatenate([score.similarity.ravel() for score in scores])
    parts: list[Part] = [
        histogram("Embedding similarity of all cells", {"asked against read back": values}, x_label="cosine")
    ]
    order = np.argsort([np.nanmean(score.similarity) for score in scores])
    chosen = [scores[index] for index in dict.fromkeys([order[-1], order[len(order) // 2], order[0]])]
    parts += [
        cell_map(f"Similarity by cell: {score.path.name}", score.similarity, label="cosine")
        for score in chosen[:MOST_MAPS]
        if max(score.similarity.shape) > 1
    ]
    images = np.concatenate([np.full(score.similarity.size, index) for index, score in enumerate(scores)])
    places = np.concatenate([np.argwhere(np.ones(score.similarity.shape, bool)) for score in scores])
    for name, indices in best_median_worst(values, SHOWN).items():
        pictures = [_cell(scores[images[i]], places[i], values[i]) for i in indices]
        parts.append(Pictures(f"Generated cells: {name}", pictures, width_px=128))
    return parts


def _cell(score: ResultScore, place: NDArray[np.int64], value: float) -> tuple[Image, str]:
    side = score.cell_px
    image = read_patch(ImageFile(score.path), place * side, Cutting(side))
    return image, f"generated, {score.path.name} row {place[0]} column {place[1]}, cosine {value:.2f}"


def comparison_pictures(
    real: FeatureSet, generated: FeatureSet, real_images: ImageSet, generated_images: ImageSet, cutting: Cutting
) -> list[Part]:
    """Generated patches by the distance to their nearest real one, which stands beside each."""
    nearest, distances = nearest_of(generated.kept, real.kept)
    parts: list[Part] = []
    for name, indices in best_median_worst(-distances, SHOWN).items():
        pictures = []
        for i in indices:
            own = read_patch(generated_images.files[generated.groups[i]], generated.corners[i], cutting)
            other = read_patch(
                real_images.files[real.groups[nearest[i]]], real.corners[nearest[i]], cutting
            )  # fmt: skip
            label = generated_images.files[generated.groups[i]].label
            pictures.append((beside(own, other), f"{label + ', ' if label else ''}distance {distances[i]:.3g}"))
        note = f"Left generated, right its nearest real patch by {real.id}." if name == "best" else ""
        parts.append(Pictures(f"Generated beside real: {name}", pictures, note, width_px=260))
    return parts


def class_table(
    real: FeatureSet, generated: FeatureSet, real_images: ImageSet, generated_images: ImageSet
) -> list[Part]:
    """Kernel distance within each class that both sets have; nothing where there are no classes."""
    sides = [
        np.array([images.files[index].label for index in features.groups])
        for features, images in ((real, real_images), (generated, generated_images))
    ]
    names = sorted((set(sides[0]) | set(sides[1])) - {""})
    rows: list[tuple[Cell, ...]] = []
    for name in names:
        own = [features.kept[labels == name] for features, labels in zip((real, generated), sides, strict=True)]
        enough = min(len(part) for part in own) >= 2
        rows.append((name, len(own[0]), len(own[1]), kernel_distance(*own) if enough else float("nan")))
    if not rows:
        return []
    note = f"Kernel distance by {real.id}; – where a class has fewer than two patches on a side."
    return [Table("By class", ("class", "real patches", "generated patches", "kernel distance"), rows, note)]


def nearest_of(
    features: NDArray[np.floating], others: NDArray[np.floating], block: int = 512
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each feature (n, d) the index of its nearest other (m, d), and the Euclidean distance to it."""
    squares = (others.astype(np.float64) ** 2).sum(axis=1)
    indices, distances = [], []
    for start in range(0, len(features), block):
        part = features[start : start + block].astype(np.float64)
        found = (part**2).sum(axis=1)[:, None] + squares - 2.0 * part @ others.T.astype(np.float64)
        best = np.argmin(found, axis=1)
        indices.append(best)
        distances.append(np.sqrt(np.maximum(found[np.arange(len(part)), best], 0.0)))
    return np.concatenate(indices), np.concatenate(distances)


def beside(first: Image, second: Image) -> Image:
    """Two pictures of one height in a row, a white gap between them."""
    gap = np.full((first.shape[0], GAP_PX, 3), 255, np.uint8)
    return np.concatenate([first, gap, second], axis=1)
