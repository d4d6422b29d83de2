"""Mean and covariance of features that arrive batch by batch: a stream of any length takes the memory of one matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import GridError


@dataclass(frozen=True)
class Moments:
    """What a Fréchet distance needs of a set of features.

    Args:
        count: features in the set, 2 or more.
        mean: (dim,) float64.
        covariance: (dim, dim) float64, divided by ``count - 1``.
    """

    count: int
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


class MomentStream:
    """Sums over a stream of features, in float64, centred on the first batch's mean so that few digits are lost."""

    def __init__(self) -> None:
        self.count = 0
        self._centre: NDArray[np.float64] | None = None
        self._sum: NDArray[np.float64] = np.zeros(0)
        self._products: NDArray[np.float64] = np.zeros((0, 0))

    def add(self, features: NDArray[np.floating]) -> None:
        """Take in (n, dim) features.

        Raises:
            GridError: where they are not finite or of another dimension than those before.
        """
        batch = np.asarray(features, dtype=np.float64)
        if not len(batch):
            return
        if self._centre is None:
            dim = batch.shape[1]
            self._centre, self._sum, self._products = batch.mean(axis=0), np.zeros(dim), np.zeros((dim, dim))
        if batch.shape[1] != len(self._centre) or not np.isfinite(batch).all():
            raise GridError(
                "take in features", f"they have the shape {batch.shape}, or are not finite",
                f"features are finite numbers, {len(self._centre)} each",
            )  # fmt: skip
        batch = batch - self._centre
        self.count += len(batch)
        self._sum += batch.sum(axis=0)
        self._products += batch.T @ batch

    def moments(self) -> Moments:
        """Of all that was taken in.

        Raises:
            GridError: where that is fewer than two.
        """
        if self.count < 2 or self._centre is None:
            raise GridError(
                "measure the spread of features", f"there are {self.count}", "a set has two features or more"
            )
        mean = self._sum / self.count
        covariance = (self._products - self.count * np.outer(mean, mean)) / (self.count - 1)
        return Moments(self.count, mean + self._centre, covariance)


def moments_of(features: NDArray[np.floating]) -> Moments:
    """Of a set in memory, (n, dim)."""
    stream = MomentStream()
    stream.add(features)
    return stream.moments()


def frechet_of_moments(first: Moments, second: Moments) -> float:
    """``|μ₁ - μ₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½)``; the estimate depends on the counts, so compare at equal ones."""
    root = _square_root(first.covariance)
    # tr((C₁ C₂)^½) is the sum of the roots of the eigenvalues of C₁^½ C₂ C₁^½, which is symmetric.
    eigenvalues = np.linalg.eigvalsh(root @ second.covariance @ root)
    cross = np.sqrt(np.clip(eigenvalues, 0.0, None)).sum()
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    return float(max(np.square(first.mean - second.mean).sum() + traces - 2.0 * cross, 0.0))


def _square_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric square root of a positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T)
