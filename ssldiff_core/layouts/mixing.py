"""Between and around swatches: a swatch between two, and the cells most like one."""

from __future__ import annotations

import numpy as np

from ..embeddings.grid import EmbeddingGrid
from ..errors import LayoutError
from .directions import slerp, to_unit
from .swatch import Swatch

MIXED_VECTORS = 64
"""A mixed swatch holds no more vectors than this, however many its two have."""


def mix_swatches(first: Swatch, second: Swatch, share: float, name: str) -> Swatch:
    """The swatch that lies ``share`` of the way from the first to the second.

    Each of its vectors lies on the arc between one vector of either, so that it varies as they do. Its colour lies
    between theirs too.

    Args:
        first, second: of the same dimension.
        share: of the second, strictly between 0 and 1.
        name: of the new swatch.

    Raises:
        LayoutError: where the share is out of range or the dimensions differ.
    """
    if not 0 < share < 1:
        raise LayoutError(f"mix {share!r} of {second.name!r} into {first.name!r}", "", "a share lies between 0 and 1")
    if first.dim != second.dim:
        raise LayoutError(
            f"mix {first.name!r} and {second.name!r}", f"they have {first.dim} and {second.dim} dimensions", "one space"
        )
    n = min(max(len(first.vectors), len(second.vectors)), MIXED_VECTORS)
    a, b = (swatch.vectors[np.arange(n) % len(swatch.vectors)] for swatch in (first, second))
    origin = f"{1 - share:.0%} {first.name}, {share:.0%} {second.name}"
    return Swatch(name, mix_colours(first.colour, second.colour, share), slerp(a, b, share), origin=origin)


def mix_colours(first: str, second: str, share: float) -> str:
    """``"#rrggbb"`` between two colours, in light rather than in its encoding, so that the middle is not dull."""
    values = (np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0 for colour in (first, second))
    a, b = (value**2.2 for value in values)
    return "#" + "".join(f"{round(255 * v):02x}" for v in ((1 - share) * a + share * b) ** (1 / 2.2))


def nearest_cells(grid: EmbeddingGrid, vector: np.ndarray, n: int) -> list[tuple[int, int, float]]:
    """The up to ``n`` valid cells at the smallest angle to a vector (dim,): (row, col, cosine), the nearest first."""
    cells = np.argwhere(grid.valid)
    cosines = to_unit(grid.vectors[grid.valid]) @ to_unit(vector)
    order = np.argsort(-cosines, kind="stable")[:n]
    return [(int(cells[i, 0]), int(cells[i, 1]), float(cosines[i])) for i in order]
