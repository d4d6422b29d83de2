"""Kernel distance between two sets of features (Bińkowski et al. 2018, KID): unbiased, so fair at small N."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import GridError


def kernel_distance(
    first: NDArray[np.floating], second: NDArray[np.floating], *, subset: int = 1000, subsets: int = 50, seed: int = 0
) -> float:
    """Mean over random subsets of the unbiased squared MMD with the kernel ``(x·y / dim + 1)³``.

    Args:
        first: (n, dim) features, n ≥ 2.
        second: (m, dim).
        subset: features of each set taken at once; all of them, once, where there are no more.
        subsets: how often.
        seed: of the choice.

    Raises:
        GridError: where the dimensions differ or a set has fewer than two features.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1] or min(len(first), len(second)) < 2:
        raise GridError(
            "measure a kernel distance", f"the features have the shapes {first.shape} and {second.shape}",
            "each set is (samples, dimension), of one dimension and two samples or more",
        )  # fmt: skip
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    size = min(subset, len(x), len(y))
    if size == len(x) == len(y):
        return _squared_mmd(x, y)
    generator = np.random.default_rng(seed)
    draws = [
        _squared_mmd(x[generator.choice(len(x), size, replace=False)], y[generator.choice(len(y), size, replace=False)])
        for _ in range(subsets)
    ]
    return float(np.mean(draws))


def _squared_mmd(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    within = [_mean_off_diagonal(_kernel(features, features)) for features in (x, y)]
    return float(sum(within) - 2.0 * _kernel(x, y).mean())


def _kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((x @ y.T / x.shape[1] + 1.0) ** 3)


def _mean_off_diagonal(matrix: NDArray[np.float64]) -> float:
    count = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))
