"""Contact sheets: reference, grid coloured by cluster and result side by side, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..layouts import Palette

GAP_PX = 12


def colour_cells(labels: NDArray[np.int64], palette: Palette, cell_px: int) -> NDArray[np.uint8]:
    """Cells painted in their swatch's colour.

    Args:
        labels: (rows, cols) int, index into the palette, -1 for none (drawn white).
        palette: whose colours to use.
        cell_px: side of a cell in the picture.

    Returns:
        (rows · cell_px, cols · cell_px, 3) uint8.
    """
    colours = np.array([_rgb(swatch.colour) for swatch in palette.swatches] + [(255, 255, 255)], dtype=np.uint8)
    return np.kron(colours[labels], np.ones((cell_px, cell_px, 1), np.uint8))


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def side_by_side(pictures: Sequence[NDArray[np.uint8]], height_px: int) -> NDArray[np.uint8]:
    """Pictures (h, w, 3) uint8, scaled to one height, in a row on white."""
    scaled = [
        np.asarray(Image.fromarray(p).resize((max(1, round(p.shape[1] * height_px / p.shape[0])), height_px)))
        for p in pictures
    ]
    gap = np.full((height_px, GAP_PX, 3), 255, np.uint8)
    row: list[NDArray[np.uint8]] = [scaled[0]]
    for picture in scaled[1:]:
        row += [gap, picture]
    return np.concatenate(row, axis=1)


def write_contact_sheet(
    path: Path, reference: NDArray[np.uint8], labels: NDArray[np.int64], palette: Palette,
    results: Sequence[NDArray[np.uint8]], *, height_px: int = 768,
) -> None:  # fmt: skip
    """Write reference, coloured grid and results in one picture."""
    cells = colour_cells(labels, palette, max(1, height_px // labels.shape[0]))
    Image.fromarray(side_by_side([reference, cells, *results], height_px)).save(path)
