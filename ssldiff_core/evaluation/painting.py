"""How a model draws what is painted: the variance within painted areas beside that within real areas of one kind.

A block is 2 × 2 neighbouring cells of one swatch. Its variance is that of its four embeddings (the trace of their
covariance). Real blocks are found in images by the palette's nearest swatch; painted ones lie in canvases painted with
one swatch. Far below 1 a painted area is wallpaper, far above it is a patchwork; the aim is 0.7 to 1.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..layouts import Paint, Palette, empty_layout
from ..settings import Settings
from .features import FeatureExtractor
from .report import Image, Measurement, Part, Pictures, Table

if TYPE_CHECKING:
    from ..embeddings.encoder import PatchEncoder
    from ..layouts.edits import Mode
    from ..models.catalogue import Model

BLOCK = 2
"""Cells along the side of a block."""
LEAST_BLOCKS = 3
"""A swatch with fewer real blocks is left out."""

Blocks = dict[str, list[float]]
"""Swatch -> variance of each of its blocks."""


def real_blocks(
    images: Iterable[NDArray[np.uint8]], palette: Palette, encoder: PatchEncoder, extractor: FeatureExtractor
) -> Blocks:
    """Variances of the blocks of real images whose cells are all nearest to one swatch.

    Args:
        images: (h, w, 3) uint8 at the palette's pixel size.
        palette: of the encoder.
        encoder: tells which swatch a cell is.
        extractor: in whose features variance is measured.
    """
    found: Blocks = defaultdict(list)
    for image in images:
        cells, shape = _cells(image, encoder.patch_px)
        if min(shape) < BLOCK:
            continue
        labels = palette.nearest(encoder.encode(cells)).reshape(shape)
        features = extractor.extract(cells).reshape(*shape, -1)
        for block, variance in _variances(features):
            own = np.unique(labels[block])
            if len(own) == 1:
                found[palette.names[int(own[0])]].append(variance)
    return {name: values for name, values in found.items() if len(values) >= LEAST_BLOCKS}


def painted_blocks(
    model: Model, palette: Palette, names: Sequence[str], extractor: FeatureExtractor, *, cells: int = 4,
    mode: Mode = "sample", settings: Settings | None = None, images: int = 1,
    done: Callable[[int], None] = lambda count: None,
) -> tuple[Blocks, dict[str, Image]]:  # fmt: skip
    """Variances of the blocks of canvases painted with one swatch each, and the first picture of each swatch.

    Args:
        model: that draws them.
        palette: of its encoder.
        names: swatches.
        extractor: in whose features variance is measured.
        cells: along a side of a canvas, even.
        mode: of painting.
        settings: how to draw; seeds count up from its own.
        images: canvases of each swatch.
        done: called after each canvas.
    """
    from ..generate import generate

    settings = settings or Settings()
    every = tuple((row, col) for row in range(cells) for col in range(cells))
    found: Blocks = defaultdict(list)
    pictures: dict[str, Image] = {}
    for name in names:
        for index in range(images):
            layout = empty_layout(cells, cells, palette, cell_px=model.spec.cell_px)
            layout = layout.apply(Paint(every, name, mode=mode, seed=index))
            *_, last = generate(layout, replace(settings, seed=settings.seed + index), model=model, preview_px=16)
            assert last.result is not None, "the last step carries the result"
            patches, shape = _cells(last.result.image, model.spec.cell_px)
            features = extractor.extract(patches).reshape(*shape, -1)
            found[name] += [variance for _, variance in _variances(features)]
            pictures.setdefault(name, last.result.image)
            done(1)
    return dict(found), pictures


def variance_figures(real: Blocks, painted: Blocks, features: str) -> dict[str, Measurement]:
    """The ratio of painted to real variance: of each swatch, and the mean of all."""
    generator = np.random.default_rng(0)
    names = [name for name in painted if name in real]
    draws = np.array(
        [[_ratio(_again(painted[n], generator), _again(real[n], generator)) for n in names] for _ in range(300)]
    )
    figures = {}
    for index, name in enumerate(names):
        low, high = (float(v) for v in np.quantile(draws[:, index], [0.025, 0.975]))
        count = (len(real[name]), len(painted[name]))
        value = _ratio(painted[name], real[name])
        figures[f"region_variance_{name}"] = Measurement(
            value, low, high, count, features, note="blocks, real and painted"
        )
    if names:
        low, high = (float(v) for v in np.quantile(draws.mean(axis=1), [0.025, 0.975]))
        mean = float(np.mean([figures[f"region_variance_{name}"].value for name in names]))
        note = "painted / real, mean over swatches; aim 0.7 to 1.3"
        figures["region_variance"] = Measurement(mean, low, high, len(names), features, note=note)
    return figures


def variance_parts(figures: Mapping[str, Measurement], pictures: Mapping[str, Image]) -> list[Part]:
    """A row for each swatch, and what was painted."""
    rows = [
        (name.removeprefix("region_variance_"), figure, " and ".join(str(n) for n in figure.n))
        for name, figure in figures.items()
        if isinstance(figure.n, tuple)
    ]
    note = "Variance of features within 2 × 2 cells of one swatch, painted / real; aim 0.7 to 1.3."
    table = Table("Variance within painted areas", ("swatch", "ratio (95 %)", "blocks, real and painted"), rows, note)
    return [
        table,
        Pictures("Painted with one swatch", [(p, f"generated, {n}") for n, p in pictures.items()], width_px=240),
    ]


def _cells(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """(rows · cols, side, side, 3) and (rows, cols) of the whole cells of an image."""
    rows, cols = image.shape[0] // side, image.shape[1] // side
    cut = image[: rows * side, : cols * side].reshape(rows, side, cols, side, 3).swapaxes(1, 2)
    return np.ascontiguousarray(cut).reshape(-1, side, side, 3), (rows, cols)


def _variances(features: NDArray[np.floating]) -> list[tuple[tuple[slice, slice], float]]:
    """Of the blocks of (rows, cols, dim), that do not overlap."""
    found = []
    for row in range(0, features.shape[0] - BLOCK + 1, BLOCK):
        for col in range(0, features.shape[1] - BLOCK + 1, BLOCK):
            block = (slice(row, row + BLOCK), slice(col, col + BLOCK))
            vectors = features[block].reshape(BLOCK**2, -1).astype(np.float64)
            found.append((block, float(vectors.var(axis=0, ddof=1).sum())))
    return found


def _ratio(painted: Sequence[float], real: Sequence[float]) -> float:
    return float(np.mean(painted) / max(float(np.mean(real)), 1e-12))


def _again(values: Sequence[float], generator: np.random.Generator) -> Sequence[float]:
    return list(generator.choice(values, len(values)))
