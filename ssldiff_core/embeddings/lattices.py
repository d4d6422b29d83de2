"""Scattered patches to lattices of cells: overlapping ones thinned, one lattice for each offset, or all on one.

Programs that cut slides into patches start anew at every piece of tissue (CLAM: at the bounding box of each contour):
the patches of a slide lie on several lattices of one pitch. Positions are top-left corners (x, y) in level-0 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import GridError

SAME_LATTICE = 0.02
"""Offsets that differ by less than this share of a cell are one lattice: coordinates are rounded to whole pixels."""

MOST_OVERLAP = 0.25
"""Of two patches that share this part of their area or more, one is dropped."""

MAX_LATTICES = 256


@dataclass(frozen=True, eq=False)
class Lattice:
    """Patches on a lattice.

    Args:
        origin_l0: (x, y) of the top-left corner of cell (0, 0).
        cells: (n, 2) int (row, col) of each patch, from 0, each once.
        index: (n,) int, which of the patches given it is.
        shift_cells: the largest distance, in cells and along an axis, of a patch from its cell.
    """

    origin_l0: tuple[float, float]
    cells: np.ndarray = field(repr=False)
    index: np.ndarray = field(repr=False)
    shift_cells: float


def find_lattices(coords_l0: np.ndarray, pitch_l0: float) -> list[Lattice]:
    """One lattice for each offset, the largest first; patches that overlap those of a larger one are left out.

    Args:
        coords_l0: (n, 2) float64 of top-left corners.
        pitch_l0: side of a patch, and so the pitch of the lattices.

    Raises:
        GridError: where the positions are on no lattice at all.
    """
    phase = np.mod(coords_l0, pitch_l0)
    groups = _groups(phase, pitch_l0)
    if len(groups) > MAX_LATTICES and len(groups) > len(coords_l0) / 4:
        raise GridError(
            "lay patches on a lattice", f"{len(coords_l0)} patches have {len(groups)} different offsets",
            f"patches lie side by side, {pitch_l0:g} level-0 pixels apart",
            "Give the side of a patch in level-0 pixels with --patch-l0, or --one-lattice to move them to cells",
        )  # fmt: skip
    kept = _without_overlap(coords_l0, groups, pitch_l0)
    found = [
        _on_lattice(coords_l0, index, _origin(coords_l0, index, pitch_l0), pitch_l0) for index in kept if len(index)
    ]
    return sorted(found, key=lambda lattice: -len(lattice.index))


def merge_lattices(coords_l0: np.ndarray, pitch_l0: float, tolerance_cells: float) -> Lattice:
    """All patches on the lattice that most of them are on; a patch moves to the nearest cell.

    Args:
        coords_l0: (n, 2) float64 of top-left corners.
        pitch_l0: side of a patch.
        tolerance_cells: a patch that would move farther along an axis is left out; 0.5 leaves none out. Where several
            fall on one cell, the nearest stays.
    """
    groups = _groups(np.mod(coords_l0, pitch_l0), pitch_l0)
    origin = _origin(coords_l0, groups[0], pitch_l0)
    shift = _shifts(coords_l0, origin, pitch_l0)
    index = np.flatnonzero(shift <= tolerance_cells + 1e-9)
    return _on_lattice(coords_l0, index, origin, pitch_l0)


def find_pitch(coords_l0: np.ndarray) -> float:
    """The commonest distance between neighbours in a row or column: the side of patches that lie side by side.

    Raises:
        GridError: where no two patches are neighbours.
    """
    gaps = []
    for along, across in ((0, 1), (1, 0)):
        order = np.lexsort((coords_l0[:, along], coords_l0[:, across]))
        sorted_l0 = coords_l0[order]
        same = np.diff(sorted_l0[:, across]) == 0
        gap = np.diff(sorted_l0[:, along])
        gaps.append(gap[same & (gap > 0)])
    every = np.concatenate(gaps)
    if not len(every):
        raise GridError(
            "find how large patches are", "no two of them lie in one row or column", "",
            "Give the side of a patch in level-0 pixels with --patch-l0",
        )  # fmt: skip
    values, counts = np.unique(every, return_counts=True)
    return float(values[counts.argmax()])


def _groups(phase: np.ndarray, pitch_l0: float) -> list[np.ndarray]:
    """Indices of patches with like offsets, the largest group first; offsets wrap around."""
    step = max(1.0, SAME_LATTICE * pitch_l0)
    left = np.ones(len(phase), dtype=bool)
    groups = []
    keys, inverse, counts = np.unique(np.round(phase, 3), axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    for key in np.argsort(-counts, kind="stable"):
        away = np.abs(phase - keys[key])
        near = (np.minimum(away, pitch_l0 - away) <= step).all(axis=1) & left
        if near.any():
            groups.append(np.flatnonzero(near))
            left &= ~near
    return sorted(groups, key=lambda group: -len(group))


def _without_overlap(coords_l0: np.ndarray, groups: list[np.ndarray], pitch_l0: float) -> list[np.ndarray]:
    """Each group without the patches that share too much of their area with one of a larger group."""
    from scipy.spatial import cKDTree  # lazily: it takes a while to load

    kept: list[np.ndarray] = []
    for group in groups:
        if kept:
            before = coords_l0[np.concatenate(kept)]
            near = cKDTree(before).query_ball_point(coords_l0[group], pitch_l0, p=np.inf)
            group = np.array(
                [
                    i for i, others in zip(group, near, strict=True)
                    if _shared(coords_l0[i], before[others], pitch_l0) < MOST_OVERLAP
                ],
                dtype=np.int64,
            )  # fmt: skip
        kept.append(group)
    return kept


def _shared(corner_l0: np.ndarray, others_l0: np.ndarray, pitch_l0: float) -> float:
    """The largest part of its area that a patch shares with another."""
    sides = np.maximum(0.0, pitch_l0 - np.abs(others_l0 - corner_l0)) / pitch_l0
    return float(sides.prod(axis=1).max(initial=0.0))


def _origin(coords_l0: np.ndarray, index: np.ndarray, pitch_l0: float) -> tuple[float, float]:
    """The commonest corner among the offsets of some patches, moved to before them all."""
    phases, counts = np.unique(np.mod(coords_l0[index], pitch_l0), axis=0, return_counts=True)
    phase = phases[counts.argmax()]
    cells = np.round((coords_l0 - phase) / pitch_l0).min(axis=0)
    x, y = phase + cells * pitch_l0
    return float(x), float(y)


def _shifts(coords_l0: np.ndarray, origin_l0: tuple[float, float], pitch_l0: float) -> np.ndarray:
    """(n,) distance of each patch from its nearest cell, in cells, along the axis where it is larger."""
    place = (coords_l0 - np.array(origin_l0)) / pitch_l0
    return np.asarray(np.abs(place - np.round(place)).max(axis=1))


def _on_lattice(coords_l0: np.ndarray, index: np.ndarray, origin_l0: tuple[float, float], pitch_l0: float) -> Lattice:
    """Patches in their cells, the nearest of several in one; the origin is moved to the first row and column used."""
    here = coords_l0[index]
    cells = np.round((here - np.array(origin_l0)) / pitch_l0).astype(np.int64)[:, ::-1]
    shift = _shifts(here, origin_l0, pitch_l0)
    order = np.lexsort((index, shift))
    _, first = np.unique(cells[order], axis=0, return_index=True)
    chosen = np.sort(order[first])
    cells, low = cells[chosen], cells[chosen].min(axis=0)
    origin = (origin_l0[0] + float(low[1]) * pitch_l0, origin_l0[1] + float(low[0]) * pitch_l0)
    return Lattice(origin, cells - low, index[chosen], float(shift[chosen].max(initial=0.0)))
