"""Two sets of features compared: distances, precision and recall, density and coverage, diversity, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import GridError
from .features import FeatureSet
from .frechet import frechet_distance
from .intervals import half_sample_intervals
from .kernels import kernel_distance
from .moments import frechet_of_moments
from .neighbourhoods import K_DENSITY, Distances, neighbourhood_figures
from .report import Measurement

NEIGHBOURS_AMONG = 3000
"""Neighbourhoods are looked at among at most so many features of each set: distances of all pairs are held."""
LARGE_DIM = 512
"""Above this, a Fréchet distance takes a second or more, and intervals fewer half-samples."""


@dataclass(frozen=True)
class Comparison:
    """What came of comparing two sets.

    Args:
        figures: ``frechet``, ``kernel``, ``precision``, ``recall``, ``density``, ``coverage``, ``diversity``; those
            that the sets are too small for are left out.
        warnings: sentences.
    """

    figures: dict[str, Measurement]
    warnings: tuple[str, ...]


def compare(real: FeatureSet, generated: FeatureSet, *, draws: int = 100, seed: int = 0) -> Comparison:
    """Compare generated features with real ones.

    Args:
        real: features of one extractor.
        generated: of the same.
        draws: half-samples for the intervals; 0 for none. A fifth of them for Fréchet distances of many dimensions.
        seed: of half-samples and subsets.

    Raises:
        GridError: where the features are of two extractors.
    """
    if real.id != generated.id or real.dim != generated.dim:
        raise GridError(
            "compare two sets of features", f"they are of {real.id} ({real.dim}) and {generated.id} ({generated.dim})",
            "features are compared within one encoder", "Encode both alike",
        )  # fmt: skip
    bare = Measurement(
        0.0, n=(real.count, generated.count), features=real.id, preprocessing=real.preprocessing,
    )  # fmt: skip
    figures = {**_distances(real, generated, draws, seed, bare), **_neighbourhoods(real, generated, draws, seed, bare)}
    return Comparison(figures, (*small_set_warnings(real, generated), *_dropped(real, generated)))


def small_set_warnings(*sets: FeatureSet) -> list[str]:
    """What N below the dimension does to a Fréchet distance, where it is."""
    least, dim = min(each.count for each in sets), sets[0].dim
    if least >= dim:
        return []
    return [
        f"N = {least} is below the {dim} dimensions of {sets[0].id}: the covariance is singular and the Fréchet "
        "distance too large, by an amount that falls as N grows. Compare it only at equal N, or read the kernel "
        "distance, which is unbiased."
    ]


def principal(
    reference: NDArray[np.floating], sets: Sequence[NDArray[np.floating]], dim: int = 64
) -> list[NDArray[np.float64]]:
    """Features in the ``dim`` principal directions of a reference set (n, d), for distances at small N.

    Args:
        reference: centres and turns; all sets are turned alike.
        sets: (m, d) each.
        dim: directions that are kept, fewer where the reference has fewer.
    """
    centre = reference.mean(axis=0)
    _, _, directions = np.linalg.svd(np.asarray(reference, np.float64) - centre, full_matrices=False)
    return [(np.asarray(features, np.float64) - centre) @ directions[:dim].T for features in sets]


def _distances(
    real: FeatureSet, generated: FeatureSet, draws: int, seed: int, bare: Measurement
) -> dict[str, Measurement]:  # fmt: skip
    kernel = kernel_distance(real.kept, generated.kept, seed=seed)
    estimates = {"frechet": frechet_of_moments(real.moments, generated.moments), "kernel": kernel}

    def measure(a: NDArray[np.int64], b: NDArray[np.int64]) -> dict[str, float]:
        x, y = real.kept[a], generated.kept[b]
        return {"frechet": frechet_distance(x, y), "kernel": kernel_distance(x, y, subsets=5, seed=seed)}

    taken = draws if real.dim <= LARGE_DIM else draws // 5
    intervals = half_sample_intervals(measure, estimates, (real.groups, generated.groups), draws=taken, seed=seed)
    if "frechet" in intervals:
        intervals["frechet"] = (max(0.0, intervals["frechet"][0]), intervals["frechet"][1])
    kept = (len(real.kept), len(generated.kept))
    return {
        "frechet": _measured(bare, estimates["frechet"], intervals.get("frechet")),
        "kernel": _measured(replace(bare, n=kept), kernel, intervals.get("kernel")),
    }


def _neighbourhoods(
    real: FeatureSet, generated: FeatureSet, draws: int, seed: int, bare: Measurement
) -> dict[str, Measurement]:  # fmt: skip
    if min(len(real.kept), len(generated.kept)) <= 2 * K_DENSITY:
        return {}
    chosen = [_some(len(each.kept), NEIGHBOURS_AMONG, seed) for each in (real, generated)]
    distances = Distances.between(real.kept[chosen[0]], generated.kept[chosen[1]])

    def figures_of(part: Distances) -> dict[str, float]:
        return {**neighbourhood_figures(part), "diversity": _spread(part.generated) / max(_spread(part.real), 1e-12)}

    def measure(a: NDArray[np.int64], b: NDArray[np.int64]) -> dict[str, float]:
        return figures_of(distances.subset(a, b))

    estimates = figures_of(distances)
    groups = (real.groups[chosen[0]], generated.groups[chosen[1]])
    intervals = half_sample_intervals(measure, estimates, groups, draws=draws // 2, seed=seed)
    bare = replace(bare, n=(len(chosen[0]), len(chosen[1])))
    return {
        name: _measured(bare, value, _within(intervals.get(name), 1.0 if name in _SHARES else np.inf))
        for name, value in estimates.items()
    }


_SHARES = ("precision", "recall", "coverage")


def _within(interval: tuple[float, float] | None, most: float) -> tuple[float, float] | None:
    return None if interval is None else (max(0.0, interval[0]), min(most, interval[1]))


def _spread(squared: NDArray[np.float32]) -> float:
    """Mean distance between two features of a set."""
    count = len(squared)
    return float(np.sqrt(squared).sum() / max(count * (count - 1), 1))


def _some(count: int, most: int, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def _measured(bare: Measurement, value: float, interval: tuple[float, float] | None) -> Measurement:
    if interval is None:
        return replace(bare, value=value, note="no interval: fewer than four images in a set")
    return replace(bare, value=value, low=interval[0], high=interval[1], note="95 %, by half-samples of images")


def _dropped(*sets: FeatureSet) -> list[str]:
    return [
        f"{each.dropped} patches have features of {each.id} that are not finite; they are left out."
        for each in sets
        if each.dropped
    ]
