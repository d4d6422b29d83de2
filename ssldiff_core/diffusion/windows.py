"""Windows: the crops of a canvas that a patch-trained denoiser sees, and the condition of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..errors import SettingsError
from .field import ConditioningField

Span = tuple[int, int]
"""Start and length along a side, latents."""

Place = tuple[slice, slice]
"""Rows and columns of a window on the canvas."""


def window_starts(length: int, window: int, stride: int) -> tuple[int, ...]:
    """Where windows begin along a side: every ``stride``, and once more at the end where the stride leaves a rest.

    Raises:
        SettingsError: where a window does not fit, or positions would lie between windows.
    """
    if not 1 <= stride <= window <= length:
        raise SettingsError(
            f"draw {length} latents in windows of {window} at a stride of {stride}", "they leave positions uncovered",
            "1 ≤ stride ≤ window ≤ side of the canvas", f"Try a stride of {max(1, window // 4)}",
        )  # fmt: skip
    starts = list(range(0, length - window + 1, stride))
    if starts[-1] + window < length:
        starts.append(length - window)
    return tuple(starts)


def disjoint_spans(length: int, window: int, offset: int) -> tuple[Span, ...]:
    """Spans that cover a side once, cut at ``offset``, ``offset + window``, …; each at least half a window long.

    A shorter rest at an end joins its neighbour, and the two are halved where they are longer than a window. Cuts lie
    at multiples of an eighth of a window where ``offset`` does, as networks with strided layers want it.

    Args:
        length: of the side, at least half a window where it is longer than one.
        offset: 0 ≤ offset < window.
    """
    if length <= window:
        return ((0, length),)
    cuts = [0, *range(offset or window, length, window), length]
    lengths = [after - before for before, after in pairwise(cuts)]
    if 2 * lengths[0] < window:
        lengths[:2] = _share(lengths[0] + lengths[1], window)
    if 2 * lengths[-1] < window:
        lengths[-2:] = _share(lengths[-2] + lengths[-1], window)
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    return tuple(zip(starts, lengths, strict=True))


def _share(length: int, window: int) -> list[int]:
    """One span where it fits a window, else two of about the same length, cut at eighths of a window."""
    if length <= window:
        return [length]
    grain = max(1, window // 8)
    first = length // 2 // grain * grain
    return [first, length - first]


@dataclass(frozen=True)
class Windows:
    """All windows of a canvas, row by row.

    Args:
        rows, cols: where windows lie along the height and the width, ascending.
    """

    rows: tuple[Span, ...]
    cols: tuple[Span, ...]

    @classmethod
    def covering(cls, shape_lat: tuple[int, int], side: int, stride: int) -> Windows:
        """Windows of one shape at every stride over a canvas of (height, width) latents; every position is covered.

        Where the canvas is smaller than a window, its side is the window's.

        Raises:
            SettingsError: where the stride is wider than a window.
        """
        window_starts(side, side, stride)
        rows, cols = (
            tuple((start, fitted) for start in window_starts(length, fitted, min(stride, fitted)))
            for length, fitted in ((length, min(side, length)) for length in shape_lat)
        )
        return cls(rows, cols)

    @classmethod
    def disjoint(cls, shape_lat: tuple[int, int], side: int, offset: tuple[int, int]) -> Windows:
        """Windows that cover every position once, see :func:`disjoint_spans`."""
        rows, cols = (disjoint_spans(length, side, start) for length, start in zip(shape_lat, offset, strict=True))
        return cls(rows, cols)

    @property
    def origins(self) -> tuple[tuple[int, int], ...]:
        """(row, col) of the top-left latent of each window."""
        return tuple((row, col) for row, _ in self.rows for col, _ in self.cols)

    @property
    def places(self) -> tuple[Place, ...]:
        """Rows and columns of each window."""
        return tuple(
            (slice(row, row + height), slice(col, col + width)) for row, height in self.rows for col, width in self.cols
        )

    def batches(self, size: int) -> list[tuple[list[int], tuple[Place, ...]]]:
        """Windows of one shape, at most ``size`` at once: their places in :attr:`origins`, and on the canvas."""
        shapes: dict[Span, list[int]] = {}
        for index, shape in enumerate((height, width) for _, height in self.rows for _, width in self.cols):
            shapes.setdefault(shape, []).append(index)
        places = self.places
        parts = (alike[start : start + size] for alike in shapes.values() for start in range(0, len(alike), size))
        return [(part, tuple(places[index] for index in part)) for part in parts]

    def conditions(self, field: ConditioningField, cells_per_window: int = 1) -> tuple[Tensor, Tensor]:
        """What each window is told: raw vectors float32, and which of them hold, bool.

        With one cell a window the field at its centre, (n, dim) and (n,). With k the k × k raw cells under it in row
        order, (n, k², dim) and (n, k²): those in which the centres of its k × k equal parts lie.
        """
        grid, geometry = field.grid, field.grid.geometry
        parts = (np.arange(cells_per_window) + 0.5) / cells_per_window
        rows, cols = (
            np.array([[geometry.lat_to_cell(start + part * length - 0.5) for part in parts] for start, length in spans])
            for spans in (self.rows, self.cols)
        )
        if cells_per_window == 1:
            vectors, valid = field.at(rows[:, 0], cols[:, 0])
            return torch.from_numpy(vectors).flatten(0, 1), torch.from_numpy(valid).flatten()
        row_cell, col_cell = (
            np.clip(np.floor(part + 0.5), 0, count - 1).astype(np.intp)
            for part, count in ((rows, geometry.rows), (cols, geometry.cols))
        )
        under = (row_cell[:, None, :, None], col_cell[None, :, None, :])
        vectors, valid = grid.vectors[under], grid.valid[under]
        shape = (len(rows) * len(cols), cells_per_window**2)
        return torch.from_numpy(vectors.reshape(*shape, -1)), torch.from_numpy(valid.reshape(shape))


def uniform_weights(length: int) -> Tensor:
    """(length,) ones: every window counts the same everywhere."""
    return torch.ones(length)


def centre_weights(length: int) -> Tensor:
    """(length,) sin², 1 in the middle and almost 0 at the ends: a position follows the window that it is the middle of.

    At a stride of half a window the weights of all windows add up to 1 (Hann's window).
    """
    return torch.sin(torch.pi * (torch.arange(length) + 0.5) / length) ** 2


BLENDINGS: dict[str, Callable[[int], Tensor]] = {"centre": centre_weights, "uniform": uniform_weights}
"""How much each position of a window counts where windows overlap, along one side."""
