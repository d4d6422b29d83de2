"""Seams: do the lines on which windows, tiles or cells meet show in the image?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import GridError


def seam_score(image: NDArray[np.uint8], spacing_px: int, offset_px: int = 0) -> float:
    """Gradient energy across a lattice of lines, as a part of that elsewhere; 1 where the lines do not show.

    Args:
        image: (height, width, 3) uint8.
        spacing_px: pixels between lines.
        offset_px: where the first line lies; the image's own edges are left out.

    Raises:
        GridError: where no line crosses the image.
    """
    grey = np.asarray(image, dtype=np.float64).mean(axis=2)
    across, elsewhere = [], []
    for axis in (0, 1):
        energy = np.square(np.diff(grey, axis=axis)).mean(axis=1 - axis)  # energy[i] lies between i and i + 1
        on_line = (np.arange(1, grey.shape[axis]) - offset_px) % spacing_px == 0
        across.append(energy[on_line])
        elsewhere.append(energy[~on_line])
    lines, others = np.concatenate(across), np.concatenate(elsewhere)
    if not len(lines) or not len(others):
        raise GridError(
            "score seams", f"the image is {image.shape[1]} × {image.shape[0]} px", "a line must cross it",
            f"Take an image larger than {spacing_px} px",
        )  # fmt: skip
    return float(lines.mean() / max(others.mean(), 1e-12))
