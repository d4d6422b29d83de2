"""Randomness that belongs to cells: a hash of (seed, row, col, stream), whatever was drawn before or beside it.

The hash is the finaliser of splitmix64 (Steele, Lea & Flood 2014), chained over the counters; it depends on no
library's stream, so an edit replays alike on every machine.
"""

from __future__ import annotations

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def hash_cells(seed: int, rows: np.ndarray, cols: np.ndarray, stream: int = 0) -> np.ndarray:
    """(n,) uint64, one for each cell; ``stream`` separates draws of different use."""
    state = _mix(np.full(np.shape(rows), seed & 0xFFFFFFFFFFFFFFFF, dtype=np.uint64))
    for counter in (rows, cols, stream):
        state = _mix(state ^ np.asarray(counter, dtype=np.int64).astype(np.uint64))
    return state


def pick_index(seed: int, rows: np.ndarray, cols: np.ndarray, n: int, stream: int = 0) -> np.ndarray:
    """(n_cells,) int64 in [0, n)."""
    return (hash_cells(seed, rows, cols, stream) % np.uint64(n)).astype(np.int64)


def draw_uniform(seed: int, rows: np.ndarray, cols: np.ndarray, stream: int = 0) -> np.ndarray:
    """(n_cells,) float64 in [0, 1)."""
    return _to_unit(hash_cells(seed, rows, cols, stream))


def draw_normal(seed: int, rows: np.ndarray, cols: np.ndarray, dim: int, stream: int = 0) -> np.ndarray:
    """(n_cells, dim) float64, standard normal by Box-Muller."""
    counter = np.arange(dim, dtype=np.uint64)[None, :]
    first = _mix(hash_cells(seed, rows, cols, stream)[:, None] ^ counter)
    radius = np.sqrt(-2.0 * np.log1p(-_to_unit(first)))
    return np.asarray(radius * np.cos(2.0 * np.pi * _to_unit(_mix(first))))


def _mix(state: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        state = state + _GOLDEN
        state = (state ^ (state >> np.uint64(30))) * _MIX_1
        state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return np.asarray(state ^ (state >> np.uint64(31)))


def _to_unit(bits: np.ndarray) -> np.ndarray:
    return np.asarray((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53)
