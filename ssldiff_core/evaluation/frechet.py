"""Fréchet distance between two sets of features (Heusel et al. 2017, FID, with features of any encoder)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import GridError
from .moments import frechet_of_moments, moments_of


def frechet_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """``|μ₁ - μ₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½)`` of the normal distributions fitted to each set.

    The estimate depends on the number of samples: distances are compared only at equal N.

    Args:
        first: (n, dim) features, n ≥ 2.
        second: (m, dim) features, m ≥ 2.

    Raises:
        GridError: where the dimensions differ, or a set has fewer than two samples or numbers that are not finite.
    """
    sets = [np.asarray(features, dtype=np.float64) for features in (first, second)]
    if any(features.ndim != 2 or len(features) < 2 for features in sets) or sets[0].shape[1] != sets[1].shape[1]:
        raise GridError(
            "measure a Fréchet distance", f"the features have the shapes {np.shape(first)} and {np.shape(second)}",
            "each set is (samples, dimension), of one dimension and two samples or more",
        )  # fmt: skip
    if not all(np.isfinite(features).all() for features in sets):
        raise GridError("measure a Fréchet distance", "some features are not finite", "features are finite numbers")
    return frechet_of_moments(moments_of(sets[0]), moments_of(sets[1]))
