"""Embeddings laid out in a plane for the eye: PCA at once, UMAP after."""

from __future__ import annotations

import threading

import numpy as np

from ..errors import GridError

_MIN_UMAP = 8
"""With fewer points there is no neighbourhood to keep."""

_ALONE = threading.Lock()
"""Held while axes are found: the threads of a matrix library that several threads call at once wait by spinning."""


def project_pca(vectors: np.ndarray, n: int = 2) -> np.ndarray:
    """The first principal components.

    Args:
        vectors: (m, dim) embeddings, m ≥ 1.
        n: components.

    Returns:
        (m, n) float32 in [-1, 1], the same scale on all axes; an axis points to where its largest loading is positive.

    Raises:
        GridError: where the vectors are not finite or there are none.
    """
    from scipy import linalg  # lazily: it takes a while to load

    wide = _checked(vectors).astype(np.float64)
    centred = wide - wide.mean(axis=0)
    dim = wide.shape[1]
    with _ALONE:
        # The covariance is (dim, dim) however many the points; eigenvalues come rising, and only the last are needed.
        _, axes = linalg.eigh(centred.T @ centred, subset_by_index=(max(0, dim - n), dim - 1))
    axes = axes[:, ::-1]
    axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0))
    points = centred @ axes
    if points.shape[1] < n:  # fewer dimensions than asked for
        points = np.pad(points, ((0, 0), (0, n - points.shape[1])))
    return _scaled(points)


def project_umap(vectors: np.ndarray, seed: int = 0, *, n_neighbours: int = 15) -> np.ndarray:
    """UMAP by cosine (arXiv 1802.03426); PCA where there are fewer than eight points.

    Args:
        vectors: (m, dim) embeddings, m ≥ 1.
        seed: the same seed gives the same points on one machine.
        n_neighbours: bounded by what there is.

    Returns:
        (m, 2) float32 in [-1, 1], the same scale on both axes.

    Raises:
        GridError: where the vectors are not finite or there are none.
    """
    checked = _checked(vectors)
    if len(checked) < _MIN_UMAP:
        return project_pca(checked)
    import warnings

    from umap import UMAP  # lazily: it compiles for seconds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread
        umap = UMAP(
            n_neighbors=max(2, min(n_neighbours, len(checked) - 1)), metric="cosine", random_state=seed,
            init="spectral" if len(checked) > 50 else "random",
        )  # fmt: skip
        points = np.asarray(umap.fit_transform(checked), dtype=np.float64)
    alone = ~np.isfinite(points).all(axis=1)  # UMAP leaves points without neighbours nowhere
    points[alone] = points[~alone].mean(axis=0) if not alone.all() else 0.0
    return _scaled(points)


def _checked(vectors: np.ndarray) -> np.ndarray:
    array = np.asarray(vectors, dtype=np.float32)
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise GridError(
            "project embeddings", f"they are of shape {array.shape} or not finite", "embeddings are (n, dim) and finite"
        )
    return array


def _scaled(points: np.ndarray) -> np.ndarray:
    """Centred and scaled, all axes alike, so that the widest fills [-1, 1]."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = float((high - low).max()) / 2
    centred = (points - (low + high) / 2) / (half if half > 0 else 1.0)
    return np.asarray(centred.clip(-1, 1), dtype=np.float32)
