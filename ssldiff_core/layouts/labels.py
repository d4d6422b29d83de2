"""Labels: which swatch each cell is of, and the contiguous cells that share one."""

from __future__ import annotations

import numpy as np

from .apply import GridState
from .fine import FlatCells
from .palette import Palette


def state_labels(state: GridState, palette: Palette, flat: FlatCells | None = None) -> np.ndarray:
    """(rows, cols) int64: the index of the swatch painted last, else of the nearest one; -1 where not valid.

    A cell painted with a swatch that was removed or merged since has the nearest of those left. A cell that a border
    runs through is of the class that covers most of it.
    """
    flat = flat or state.flat()
    return _labels_of(flat.vectors, flat.valid, flat.painted(state.painted), palette)


def cell_labels(state: GridState, palette: Palette, flat: FlatCells, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """(n,) int64: as :func:`state_labels`, of these cells."""
    at = (rows, cols)
    painted = flat.painted(state.painted)[at]
    return np.asarray(_labels_of(flat.vectors[at][None], flat.valid[at][None], painted[None], palette)[0])


def fine_state_labels(state: GridState, palette: Palette, per_cell: int) -> np.ndarray:
    """(rows · per_cell, cols · per_cell) int64: as :func:`state_labels`, for every position of the canvas."""
    ground = _labels_of(state.vectors, state.valid, state.painted, palette)
    labels = ground.repeat(per_cell, axis=0).repeat(per_cell, axis=1)
    if state.fine is None:
        return labels
    for index, key in enumerate(state.fine.keys):
        here = state.fine.labels == index + 1
        if here.any():
            labels[here] = _class_label(state, palette, key)
    return labels


def _class_label(state: GridState, palette: Palette, key: str) -> int:
    """The index of a class in the palette; of the nearest swatch where it is gone; -1 for the erased."""
    known = [index for index, swatch in enumerate(palette.swatches) if swatch.id == key]
    if known:
        return known[0]
    vectors = [held[key] for held in (state.fine.pieces if state.fine else {}).values() if key in held]
    return int(palette.nearest(np.mean(vectors, axis=0)[None])[0]) if vectors else -1


def _labels_of(vectors: np.ndarray, valid: np.ndarray, painted: np.ndarray, palette: Palette) -> np.ndarray:
    labels = palette.nearest(vectors.reshape(-1, vectors.shape[2])).reshape(valid.shape).astype(np.int64)
    for index, swatch in reversed(list(enumerate(palette.swatches))):
        labels[painted == swatch.id] = index
    labels[~valid] = -1
    return labels


def flood(labels: np.ndarray, start: tuple[int, int]) -> np.ndarray:
    """(rows, cols) bool: the cells with the label of ``start`` that are joined to it by sides."""
    from scipy import ndimage  # lazily: it takes a while to load

    pieces, _ = ndimage.label(labels == labels[start])
    return np.asarray(pieces == pieces[start])


def largest_rectangles(labels: np.ndarray) -> dict[int, tuple[int, int, int, int]]:
    """For each label ≥ 0 the largest rectangle of it: (row, col, rows, cols); among equals the first from the top.

    One pass over the cells: the largest rectangle under a histogram (how far equal labels reach up from each row).
    """
    rows, cols = labels.shape
    best: dict[int, tuple[int, int, int, int]] = {}
    heights = np.zeros(cols, dtype=np.int64)
    for row in range(rows):
        same = labels[row] == labels[row - 1] if row else np.zeros(cols, dtype=bool)
        heights = np.where(same, heights + 1, 1)
        _rectangles_ending_at(row, labels[row].tolist(), heights.tolist(), best)
    return best


def _rectangles_ending_at(
    row: int, labels: list[int], heights: list[int], best: dict[int, tuple[int, int, int, int]]
) -> None:
    """Put into ``best`` the rectangles whose lowest row is ``row`` and that are larger than those there."""
    stack: list[tuple[int, int]] = []  # (first column, height), heights rising, all of one label
    for col, (label, height) in enumerate(zip([*labels, -1], [*heights, 0], strict=True)):
        start = col
        ended = bool(col) and label != labels[col - 1]
        while stack and (ended or stack[-1][1] >= height):
            start, tall = stack.pop()
            old, wide = labels[col - 1], col - start
            if old not in best or tall * wide > best[old][2] * best[old][3]:
                best[old] = (row - tall + 1, start, tall, wide)
        if label >= 0:
            stack.append((col if ended else start, height))
