"""Precision, recall, density and coverage: do generated features lie among real ones, and do they reach all of them?

Precision and recall of Kynkäänniemi et al. 2019 (a real feature's neighbourhood reaches to its k-th nearest real one),
density and coverage of Naeem et al. 2020, which outliers move less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import GridError

K_PRECISION, K_DENSITY = 3, 5
"""The authors' numbers of neighbours."""


@dataclass(frozen=True)
class Distances:
    """Squared Euclidean distances, float32, of two sets of features.

    Args:
        real: (n, n) among real ones.
        generated: (m, m) among generated ones.
        across: (n, m).
    """

    real: NDArray[np.float32]
    generated: NDArray[np.float32]
    across: NDArray[np.float32]

    @classmethod
    def between(cls, real: NDArray[np.floating], generated: NDArray[np.floating]) -> Distances:
        """Of features (n, dim) and (m, dim).

        Raises:
            GridError: where a set has no more features than neighbours are asked for.
        """
        if min(len(real), len(generated)) <= K_DENSITY:
            raise GridError(
                "compare neighbourhoods", f"the sets have {len(real)} and {len(generated)} features",
                f"each has more than {K_DENSITY}", "Give more patches",
            )  # fmt: skip
        centre = real.mean(axis=0)
        x, y = (np.asarray(features - centre, np.float32) for features in (real, generated))
        return cls(_squared(x, x), _squared(y, y), _squared(x, y))

    def subset(self, real: NDArray[np.integer], generated: NDArray[np.integer]) -> Distances:
        """Of the features at these indices."""
        return Distances(
            self.real[np.ix_(real, real)], self.generated[np.ix_(generated, generated)],
            self.across[np.ix_(real, generated)],
        )  # fmt: skip


def neighbourhood_figures(distances: Distances) -> dict[str, float]:
    """``precision``, ``recall``, ``density`` and ``coverage``."""
    real_3, generated_3 = _radii(distances.real, K_PRECISION), _radii(distances.generated, K_PRECISION)
    real_5 = _radii(distances.real, K_DENSITY)
    inside = distances.across < real_5[:, None]
    return {
        "precision": float((distances.across <= real_3[:, None]).any(axis=0).mean()),
        "recall": float((distances.across <= generated_3[None, :]).any(axis=1).mean()),
        "density": float(inside.sum() / (K_DENSITY * distances.across.shape[1])),
        "coverage": float(inside.any(axis=1).mean()),
    }


def _radii(distances: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Squared distance of each feature to its k-th nearest other one; itself is the first of the k + 1 smallest."""
    k = min(k, len(distances) - 1)
    return np.asarray(np.partition(distances, k, axis=1)[:, k])


def _squared(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None, :]
    found: NDArray[np.float32] = np.maximum(squares - 2.0 * (x @ y.T), 0.0)
    if x is y:
        np.fill_diagonal(found, 0.0)
    return found
