"""Windows: the crops of a canvas that a patch-trained denoiser sees, and the condition of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import SettingsError
from .field import ConditioningField, interpolate_field


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


@dataclass(frozen=True)
class Windows:
    """All windows of a canvas, row by row.

    Args:
        rows, cols: where windows begin, latents, ascending.
        side: of a window, latents.
    """

    rows: tuple[int, ...]
    cols: tuple[int, ...]
    side: int

    @classmethod
    def covering(cls, shape_lat: tuple[int, int], side: int, stride: int) -> Windows:
        """Windows at every stride over a canvas of (height, width) latents; every position is covered."""
        return cls(window_starts(shape_lat[0], side, stride), window_starts(shape_lat[1], side, stride), side)

    @property
    def origins(self) -> tuple[tuple[int, int], ...]:
        """(row, col) of the top-left latent of each window."""
        return tuple((row, col) for row in self.rows for col in self.cols)

    def batches(self, size: int) -> list[tuple[slice, tuple[tuple[slice, slice], ...]]]:
        """Consecutive windows, at most ``size`` at once: their places in :attr:`origins`, and on the canvas."""
        places = [(slice(row, row + self.side), slice(col, col + self.side)) for row, col in self.origins]
        return [
            (slice(start, start + size), tuple(places[start : start + size])) for start in range(0, len(places), size)
        ]

    def conditions(self, field: ConditioningField) -> tuple[Tensor, Tensor]:
        """The field at each window's centre: raw vectors (n, dim) float32, and which of them hold (n,) bool."""
        geometry, middle = field.grid.geometry, self.side / 2 - 0.5
        rows, cols = (
            np.array([geometry.lat_to_cell(start + middle) for start in starts]) for starts in (self.rows, self.cols)
        )
        vectors, valid = interpolate_field(field.grid.vectors, field.grid.valid, rows, cols)
        return torch.from_numpy(vectors).flatten(0, 1), torch.from_numpy(valid).flatten()
