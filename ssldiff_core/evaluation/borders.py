"""Border error: how far from where a border was drawn the image changes from the one class to the other.

Layouts of two classes with random smooth borders are drawn by a model. Each pixel is then told to either class by a
classifier of local colour and texture (quadratic discriminant analysis), which knows nothing but the two swatches' own
drawings: canvases of the one and of the other alone, of the same embeddings at the same cells. Along the normal of the
drawn border, at a point every few pixels, the most likely place of the change is found; its distance from the border
is the displacement. Pairs that the classifier cannot tell apart in their own drawings say nothing and are left out.

The method's own error is measured too: on the same borders in images that are cut and pasted from the two drawings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..layouts import Layout, Paint, PaintRegion, Palette, empty_layout
from ..layouts.shapes import Point, Polygon, cover
from ..settings import Settings

if TYPE_CHECKING:
    from ..models.catalogue import Model

REACH_PX = 80
"""How far from the drawn border its place in the image is looked for."""

STEP_PX = 8
"""Between the points of a border."""

TOLD_APART = 0.95
"""Least balanced accuracy, on halves of the drawings that were not learnt from, of pairs that are measured."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BorderError:
    """Displacements of drawn borders.

    Args:
        layouts: images measured.
        points: of their borders.
        pairs, pairs_left_out: pairs of swatches that were measured, and that are not told apart.
        median_px, mean_px, p95_px: of the displacements, in pixels of the image.
        bias_px: median with sign, above 0 where the drawn region came out larger.
        method_median_px, method_p95_px: the same of images cut and pasted along the border.
    """

    layouts: int
    points: int
    pairs: int
    pairs_left_out: int
    median_px: float
    mean_px: float
    p95_px: float
    bias_px: float
    method_median_px: float
    method_p95_px: float

    def to_json(self) -> dict[str, Any]:
        """As a flat object."""
        return asdict(self)


def measure_borders(
    model: Model, palette: Palette, n: int = 100, *, cells: int = 3, settings: Settings | None = None,
    mode: str = "sample", seed: int = 0,
) -> Iterator[BorderError]:  # fmt: skip
    """Draw ``n`` layouts of two classes and measure where their borders came out; what is known is yielded after each.

    Args:
        model: that draws them.
        palette: of its encoder; classes are its swatches.
        n: layouts.
        cells: along a side of each.
        settings: how to draw; the seed is that of the first.
        mode: of painting, as :class:`~ssldiff_core.layouts.Paint` takes it.
        seed: of pairs and borders.

    Raises:
        SettingsError: where no two swatches are told apart.
    """
    settings, rng = settings or Settings(steps=12), np.random.default_rng(seed)
    alone = {
        swatch.name: _draw(model, _ground(palette, swatch.name, cells, mode, model.spec.cell_px), settings, 900 + index)
        for index, swatch in enumerate(palette.swatches)
    }
    classifiers, left_out = _classifiers(alone)
    if not classifiers:
        raise SettingsError("measure borders", "no two swatches of the palette are told apart in their own drawings")
    pairs = sorted(classifiers)
    found: list[Floats] = []
    own: list[Floats] = []
    used = set()
    for index in range(n):
        first, second = pairs[int(rng.integers(len(pairs)))]
        outline = _random_border(rng, cells)
        ground, region = (first, second) if rng.random() < 0.5 else (second, first)
        layout = _ground(palette, ground, cells, mode, model.spec.cell_px)
        layout = layout.apply(PaintRegion(region, (outline,), mode=mode, seed=1))  # type: ignore[arg-type]
        image = _draw(model, layout, settings, settings.seed + index)
        mask = region_mask(outline, cells, model.spec.cell_px)
        odds = classifiers[first, second]
        towards = 1.0 if region == second else -1.0
        found.append(displacements(towards * odds(image), mask))
        pasted = np.where(mask[..., None], alone[region], alone[ground])
        own.append(displacements(towards * odds(pasted), mask))
        used.add((first, second))
        yield _summary(np.concatenate(found), np.concatenate(own), index + 1, len(used), left_out)


def _summary(found: Floats, own: Floats, n: int, pairs: int, left_out: int) -> BorderError:
    away, method = np.abs(found), np.abs(own)
    numbers = (
        np.median(away), away.mean(), np.percentile(away, 95), np.median(found), np.median(method),
        np.percentile(method, 95),
    )  # fmt: skip
    return BorderError(n, len(found), pairs, left_out, *(round(float(number), 2) for number in numbers))


def _ground(palette: Palette, swatch: str, cells: int, mode: str, cell_px: int) -> Layout:
    """A canvas of one swatch; cells hold the same embeddings whatever is drawn over them."""
    every = tuple((row, col) for row in range(cells) for col in range(cells))
    layout = empty_layout(cells, cells, palette, cell_px=cell_px)
    return layout.apply(Paint(every, swatch, mode=mode, seed=1))  # type: ignore[arg-type]


def _draw(model: Model, layout: Layout, settings: Settings, seed: int) -> NDArray[np.uint8]:
    from ..generate import generate

    *_, last = generate(layout, replace(settings, seed=seed), model=model, preview_px=16)
    assert last.result is not None, "the last step carries the result"
    return last.result.image


def _random_border(rng: np.random.Generator, cells: int) -> Polygon:
    """One side of a smooth curve from edge to edge: a mean and three waves, in one of four directions."""
    t = np.linspace(0.0, cells, 24 * cells)
    curve = np.full_like(t, cells / 2 + rng.uniform(-0.3, 0.3))
    for wave, size in ((1, 0.35), (2, 0.2), (3, 0.12)):
        curve += rng.uniform(-size, size) * np.sin(2 * np.pi * wave * t / cells + rng.uniform(0, 2 * np.pi))
    curve = np.clip(curve, 0.75, cells - 0.75)
    near = 0.0 if rng.random() < 0.5 else float(cells)
    points: list[Point] = [(near, 0.0), *zip(curve.tolist(), t.tolist(), strict=True), (near, float(cells))]
    if rng.random() < 0.5:
        points = [(y, x) for x, y in points]
    return (tuple(points),)


def region_mask(outline: Polygon, cells: int, cell_px: int) -> NDArray[np.bool_]:
    """(height, width) of the image: which pixels lie in the drawn region."""
    coverage = cover((outline,), (), 0.0, (cells, cells), cell_px)
    mask = np.zeros((cells * cell_px,) * 2, np.bool_)
    if coverage is not None:
        height, width = coverage.mask.shape
        mask[coverage.row : coverage.row + height, coverage.col : coverage.col + width] = coverage.mask
    return mask


def displacements(odds: Floats, mask: NDArray[np.bool_]) -> Floats:
    """How far from a drawn border the image changes, at points every :data:`STEP_PX` along it.

    Args:
        odds: (height, width) log-odds of the region's class at every pixel.
        mask: (height, width), where the region was drawn.

    Returns:
        (n,) pixels, above 0 where the region came out larger.
    """
    from scipy import ndimage

    inside = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    inside = np.where(mask, inside - 0.5, inside + 0.5)  # 0 halfway between the pixels on either side
    normal = np.stack(np.gradient(ndimage.gaussian_filter(inside, 3.0)))
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-9)
    border = np.argwhere((np.abs(inside) < 1.0) & mask)
    border = border[(border[:, 0] + border[:, 1]) % STEP_PX == 0]
    margin = REACH_PX // 2
    limits = np.array(mask.shape) - margin
    border = border[((border >= margin) & (border < limits)).all(axis=1)]
    steps = np.arange(-REACH_PX, REACH_PX) + 0.5  # towards the inside
    at = border.T[:, :, None] + normal[:, border[:, 0], border[:, 1]][:, :, None] * steps
    known = ((at >= 0) & (at <= np.array(mask.shape)[:, None, None] - 1)).all(axis=0)
    along = ndimage.map_coordinates(np.clip(odds, -4.0, 4.0), at, order=1, mode="nearest") * known
    # from where on inward is it the region: the best of all places to cut the profile
    total = np.concatenate([np.zeros((len(along), 1)), along.cumsum(axis=1)], axis=1)
    best = (total[:, -1:] - 2 * total).argmax(axis=1)
    offset = inside[border[:, 0], border[:, 1]]
    return np.asarray(REACH_PX - best - offset, dtype=np.float64)


def _features(image: NDArray[np.uint8]) -> Floats:
    """(height, width, 9): colour at two scales, and how strongly it varies."""
    from scipy import ndimage

    pixels = image.astype(np.float64) / 255.0
    grey = pixels.mean(axis=2)
    parts = [ndimage.gaussian_filter(pixels[..., c], sigma) for sigma in (1.5, 5.0) for c in range(3)]
    deviation = ndimage.gaussian_filter(grey**2, 5.0) - ndimage.gaussian_filter(grey, 5.0) ** 2
    slope = ndimage.gaussian_filter(ndimage.gaussian_gradient_magnitude(grey, 1.0), 4.0)
    fine = ndimage.gaussian_filter(np.abs(ndimage.gaussian_laplace(grey, 1.5)), 4.0)
    parts += [np.log(np.maximum(deviation, 0.0) + 1e-4), np.log(slope + 1e-3), np.log(fine + 1e-3)]
    return np.stack(parts, axis=2)


Odds = Callable[[NDArray[np.uint8]], Floats]


def _classifiers(alone: dict[str, NDArray[np.uint8]]) -> tuple[dict[tuple[str, str], Odds], int]:
    """For each pair of drawings that is told apart, the log-odds of its second class; and how many are not."""
    features = {name: _features(image) for name, image in alone.items()}
    kept: dict[tuple[str, str], Odds] = {}
    pairs = list(combinations(sorted(alone), 2))
    for first, second in pairs:
        if _balanced_accuracy(features[first], features[second]) >= TOLD_APART:
            kept[first, second] = _odds(features[first][::3, ::3], features[second][::3, ::3])
    return kept, len(pairs) - len(kept)


def _balanced_accuracy(first: Floats, second: Floats) -> float:
    """Learnt on one half of two drawings, tried on the other, both ways."""
    middle = first.shape[1] // 2
    halves = (slice(0, middle - 16), slice(middle + 16, None))
    right = []
    for learnt, tried in (halves, halves[::-1]):
        model = _fitted(first[::4, learnt][:, ::4], second[::4, learnt][:, ::4])
        for part, sign in ((first, -1), (second, 1)):
            points = part[::4, tried][:, ::4].reshape(-1, part.shape[2])
            right.append(float((sign * model.decision_function(points) > 0).mean()))
    return float(np.mean(right))


def _fitted(first: Floats, second: Floats) -> Any:
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

    a, b = (part.reshape(-1, part.shape[-1]) for part in (first, second))
    mean, spread = np.concatenate([a, b]).mean(axis=0), np.concatenate([a, b]).std(axis=0) + 1e-9
    fitted = QuadraticDiscriminantAnalysis(reg_param=0.05)
    fitted.fit((np.concatenate([a, b]) - mean) / spread, np.repeat([0, 1], [len(a), len(b)]))
    return _Standardised(fitted, mean, spread)


@dataclass(frozen=True)
class _Standardised:
    fitted: Any
    mean: Floats
    spread: Floats

    def decision_function(self, points: Floats) -> Floats:
        return np.asarray(self.fitted.decision_function((points - self.mean) / self.spread))


def _odds(first: Floats, second: Floats) -> Odds:
    model = _fitted(first, second)

    def odds(image: NDArray[np.uint8]) -> Floats:
        found = _features(image)
        return np.asarray(model.decision_function(found.reshape(-1, found.shape[2])).reshape(found.shape[:2]))

    return odds
