"""Intervals of figures whose estimate depends on N: by half-samples, so that no feature is counted twice.

An ordinary bootstrap draws features twice and so moves distances between sets upwards. Half of the images drawn without
replacement spread about their mean as the whole set does about the truth (the delete-half jackknife); the interval is
that spread laid around the estimate of the whole set. Crops of one image stay together: they are not independent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def half_sample_intervals(
    measure: Callable[[Indices, Indices], dict[str, float]], estimates: dict[str, float],
    groups: tuple[NDArray[np.integer], NDArray[np.integer]], *, draws: int, seed: int = 0, level: float = 0.95,
) -> dict[str, tuple[float, float]]:  # fmt: skip
    """Intervals of several figures at once.

    Args:
        measure: indices into the real and into the generated set -> figures.
        estimates: the figures of the whole sets, to lay the intervals around.
        groups: for each set (n,) the image that each feature comes from.
        draws: half-samples to take; 0 for no intervals.
        seed: of the choice.
        level: share of the half-samples inside.

    Returns:
        name -> (low, high); none of them where a set has fewer than four images.
    """
    if draws < 2 or min(len(np.unique(group)) for group in groups) < 4:
        return {}
    generator = np.random.default_rng(seed)
    found = [measure(*(_half(group, generator) for group in groups)) for _ in range(draws)]
    intervals = {}
    for name, estimate in estimates.items():
        values = np.array([figures[name] for figures in found])
        low, high = np.quantile(values - values.mean(), [(1 - level) / 2, (1 + level) / 2])
        intervals[name] = (estimate + float(low), estimate + float(high))
    return intervals


def bootstrap_of_mean(
    values: NDArray[np.floating], groups: NDArray[np.integer] | None = None, *, draws: int = 1000, seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:  # fmt: skip
    """The middle of the means of resampled values; where groups (n,) are given, whole groups are drawn."""
    values = np.asarray(values, np.float64)
    _, index = np.unique(np.arange(len(values)) if groups is None else groups, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    chosen = np.random.default_rng(seed).integers(0, len(sums), (draws, len(sums)))
    low, high = np.quantile(sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _half(groups: NDArray[np.integer], generator: np.random.Generator) -> Indices:
    names = np.unique(groups)
    chosen = generator.choice(names, len(names) // 2, replace=False)
    return np.flatnonzero(np.isin(groups, chosen))
