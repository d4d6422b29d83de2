"""Arithmetic on embeddings as directions: unit vectors, nearest directions, spherical blends and spherical noise."""

from __future__ import annotations

import numpy as np

_STRAIGHT = 0.9995
"""Above this |cosine| an arc is a straight line to rounding (as in the sampler of arXiv 2312.07330)."""


def to_unit(vectors: np.ndarray) -> np.ndarray:
    """(…, dim) float64 of length 1; a zero vector stays zero."""
    wide = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.where(length > 0, length, 1.0))


def mean_direction(vectors: np.ndarray) -> np.ndarray:
    """(dim,) float32: the mean of (n, dim) vectors, as long as they are on average."""
    wide = np.asarray(vectors, dtype=np.float64)
    return np.asarray((to_unit(wide.mean(axis=0)) * np.linalg.norm(wide, axis=1).mean()).astype(np.float32))


def nearest_direction(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n,) int: for each of (n, dim) vectors, the index of the centre (k, dim) at the smallest angle."""
    units = to_unit(centres).astype(np.float32)
    return np.asarray((np.asarray(vectors, dtype=np.float32) @ units.T).argmax(axis=-1))


def slerp(start: np.ndarray, end: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Spherical blend of raw vectors, row by row; exact at 0 and at 1.

    Args:
        start, end: (n, dim) float32.
        share: of ``end``, in [0, 1]; a number or (n,).

    Returns:
        (n, dim) float32.
    """
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    t = np.broadcast_to(np.asarray(share, dtype=np.float64), a.shape[:1])[:, None]
    cosine = (to_unit(a) * to_unit(b)).sum(axis=1, keepdims=True)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    straight = np.abs(cosine) > _STRAIGHT
    sine = np.where(straight, 1.0, np.sin(angle))
    weight_a = np.where(straight, 1.0 - t, np.sin((1.0 - t) * angle) / sine)
    weight_b = np.where(straight, t, np.sin(t * angle) / sine)
    blend = (weight_a * a + weight_b * b).astype(np.float32)
    blend = np.where(t <= 0.0, np.asarray(start, dtype=np.float32), blend)
    return np.asarray(np.where(t >= 1.0, np.asarray(end, dtype=np.float32), blend))


def turn(vectors: np.ndarray, noise: np.ndarray, angle: float) -> np.ndarray:
    """Turn each of (n, dim) vectors by ``angle`` radians toward its noise; lengths stay. Zero vectors stay zero."""
    wide = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    unit = to_unit(wide)
    across = to_unit(noise - (noise * unit).sum(axis=1, keepdims=True) * unit)
    return np.asarray(((np.cos(angle) * unit + np.sin(angle) * across) * length).astype(np.float32))
