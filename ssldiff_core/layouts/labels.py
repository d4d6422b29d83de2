"""Labels: which swatch each cell is of, and the contiguous cells that share one."""

from __future__ import annotations

import numpy as np

from .apply import GridState
from .palette import Palette


def state_labels(state: GridState, palette: Palette) -> np.ndarray:
    """(rows, cols) int64: the index of the swatch painted last, else of the nearest one; -1 where not valid.

    A cell painted with a swatch that was removed or merged since has the nearest of those left.
    """
    dim = state.vectors.shape[2]
    labels = palette.nearest(state.vectors.reshape(-1, dim)).reshape(state.valid.shape).astype(np.int64)
    for index, swatch in reversed(list(enumerate(palette.swatches))):
        labels[state.painted == swatch.id] = index
    labels[~state.valid] = -1
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
