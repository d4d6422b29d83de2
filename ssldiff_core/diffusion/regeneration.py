"""Regeneration: after an edit, only the positions whose condition changed, and a margin, are drawn again.

Everything around them is read from the trajectory at each step, so what lies outside stays as it was, to the bit, and
the cost follows the edited area. Pinning the surroundings is an approximation; how wide the margin must be was
measured on the shipped networks (20 steps, one cell of a 5 × 5 grid given another sort's vector, everything drawn
again without pinning): the mean difference from the earlier canvas falls from 6-7 % of that inside at the border of
the changed positions to 2-4 % after 2 latents, 1-1.6 % after 4 and 0.6 % after 6, where it stays (bfloat16's own
rounding). The field of one step reaches 1 % at 8 latents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import Cancelled, LayoutError
from .autoencoder import Autoencoder, decode_canvas
from .graph.drawing import Drawing
from .graph.lattice import Block
from .graph.trajectory import Trajectory, Version

MARGIN_LAT = 6
"""Latents around the changed positions that are drawn again too."""

HALO_LAT = 8
"""Latents around a block that the network sees when it is drawn again."""

_FADE_PX = 16
"""How far into new pixels a correction reaches that joins them to a canvas that was smaller."""

_LARGEST_LAT = 512
_FULL = 0.6
"""A rectangle is drawn as one block where at least this share of it has to be drawn."""

_SMALLEST = 48
"""Sides up to so many latents are not divided further: halos would cost more than is saved."""


@dataclass(frozen=True)
class Plan:
    """What is drawn again.

    Args:
        canvas: the whole canvas, in the frame of the noise.
        blocks: disjoint, where latents are drawn.
        pixel_blocks: where pixels are decoded.
        halo_lat: what the network sees around a block.
        joined: whether new pixels are led up to those of a smaller canvas, which stay.
    """

    canvas: Block
    blocks: tuple[Block, ...]
    pixel_blocks: tuple[Block, ...]
    halo_lat: int
    joined: bool = False

    @property
    def latents(self) -> int:
        """Latents that the network sees in one step."""
        return sum(block.grown(self.halo_lat, self.canvas).area for block in self.blocks)


def plan_edit(
    changed: NDArray[np.bool_], drawing: Drawing, autoencoder: Autoencoder, margin_lat: int = MARGIN_LAT,
    halo_lat: int = HALO_LAT,
) -> Plan:  # fmt: skip
    """Around the positions whose condition changed.

    Args:
        changed: (height, width) of the canvas in latents, bool.
        drawing: of the new grid.
        autoencoder: pixels change as far as its decoder reaches.
        margin_lat: around the positions whose condition changed.
        halo_lat: what the network sees around a block.
    """
    canvas, unit = drawing.canvas, drawing.denoiser.phase_lat
    mask = _grown_in_units(changed, margin_lat, unit)
    blocks = tuple(
        Block(canvas.row + unit * row, canvas.col + unit * col, unit * height, unit * width)
        for row, col, height, width in _cover(mask, 0, 0, _SMALLEST // unit, _LARGEST_LAT // unit)
    )
    halo = -(-halo_lat // unit) * unit
    pixel_blocks = tuple(block.grown(autoencoder.decoder_radius_lat, canvas) for block in blocks)
    return Plan(canvas, blocks, pixel_blocks, halo)


def _grown_in_units(changed: NDArray[np.bool_], margin: int, unit: int) -> NDArray[np.bool_]:
    """Which squares of ``unit`` latents have a changed position in them or within the margin."""
    from scipy import ndimage  # lazily: it takes a while to load

    grown = ndimage.maximum_filter(changed, size=2 * margin + 1, mode="constant")
    height, width = (side // unit for side in changed.shape)
    return np.asarray(grown[: height * unit, : width * unit].reshape(height, unit, width, unit).any(axis=(1, 3)))


def plan_growth(old: Block, drawing: Drawing, autoencoder: Autoencoder, redraw_lat: int = 0) -> Plan:
    """Around a canvas that was smaller: all that is new, and of what was there only a strip along the growth.

    The old edge was drawn with nothing beyond it, so it shows where it stays as it is: the gradient energy across it
    was 2.0 (tissue) and 2.7 (aerial) times that nearby. A strip of one cell, drawn again, takes it away.

    Args:
        old: the smaller canvas.
        drawing: of the larger one.
        autoencoder: pixels change as far as its decoder reaches.
        redraw_lat: width of the strip; 0 leaves what was there as it is, to the bit.
    """
    new, unit = drawing.canvas, drawing.denoiser.phase_lat
    kept = _kept_of(old, new, -(-redraw_lat // unit) * unit)
    parts = [new]
    if kept is not None:
        strips = (
            (new.row, new.col, kept.row - new.row, new.width),
            (kept.bottom, new.col, new.bottom - kept.bottom, new.width),
            (kept.row, new.col, kept.height, kept.col - new.col),
            (kept.row, kept.right, kept.height, new.right - kept.right),
        )
        parts = [Block(*strip) for strip in strips if min(strip[2:]) > 0]
    blocks = tuple(block for part in parts for block in part.cut(_LARGEST_LAT))
    if not redraw_lat:
        return Plan(new, blocks, blocks, drawing.halo_lat, joined=True)
    pixel_blocks = tuple(block.grown(autoencoder.decoder_radius_lat, new) for block in blocks)
    return Plan(new, blocks, pixel_blocks, drawing.halo_lat)


def _kept_of(old: Block, new: Block, strip_lat: int) -> Block | None:
    """What stays of a smaller canvas: all but a strip along the sides where it grew; None where nothing does."""
    row, col = (start + strip_lat * (first < start) for start, first in ((old.row, new.row), (old.col, new.col)))
    bottom, right = (end - strip_lat * (last > end) for end, last in ((old.bottom, new.bottom), (old.right, new.right)))
    return Block(row, col, bottom - row, right - col) if bottom > row and right > col else None


@dataclass
class Regeneration:
    """Carries out a plan on top of a trajectory.

    Args:
        plan: what is drawn again.
        drawing: of the new grid.
        trajectory: what was there; gets the new version by :meth:`finish`.
        factor: pixels along a latent.
    """

    plan: Plan
    drawing: Drawing
    trajectory: Trajectory
    factor: int
    latents_denoised: int = 0
    """Latents that the network has seen, halos included, each step counted."""
    draft: Version = field(init=False)

    def __post_init__(self) -> None:
        plan, drawing = self.plan, self.drawing
        self.draft = self.trajectory.begin(
            plan.canvas, plan.blocks, plan.pixel_blocks, drawing.steps, drawing.denoiser.latent_channels, self.factor
        )

    def run(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[tuple[int, list[Tensor]]]:
        """Yield (steps done, x0 of each block) after each step.

        Raises:
            Cancelled: where ``cancelled()`` says so, looked at before every block.
        """
        drawing, plan, draft = self.drawing, self.plan, self.draft
        crops = [block.grown(plan.halo_lat, plan.canvas) for block in plan.blocks]
        conditions = [drawing.condition(crop) for crop in crops]
        previous: list[Tensor | None] = [None] * len(crops)
        for step in range(drawing.steps):
            estimates = []
            for index, (block, crop) in enumerate(zip(plan.blocks, crops, strict=True)):
                if cancelled():
                    raise Cancelled("drawing the image")
                x = self.trajectory.read(step, crop, draft) if step else drawing.start(crop)
                x, x0 = drawing.advance(step, x, conditions[index], crop, block, previous[index])
                draft.levels[index][step] = x.numpy()
                self.latents_denoised += crop.area
                previous[index] = x0
                estimates.append(x0)
            yield step + 1, estimates

    def decode(
        self, autoencoder: Autoencoder, device: object = "cpu", cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        """The pixels that the new latents reach."""
        for place, pixels in zip(self.plan.pixel_blocks, self.draft.pixels, strict=True):
            crop = place.grown(autoencoder.decoder_radius_lat, self.plan.canvas)
            latents = self.trajectory.read(self.drawing.steps, crop, self.draft)
            found = decode_canvas(autoencoder, latents, device=str(device), cancelled=cancelled)
            if self.plan.joined:
                found = self._joined(found, crop)
            rows, cols = (slice(s.start * self.factor, s.stop * self.factor) for s in place.slices(crop))
            pixels[:] = found[rows, cols]

    def _joined(self, found: NDArray[np.uint8], crop: Block) -> NDArray[np.uint8]:
        """New pixels led up to those of the smaller canvas, which were decoded when nothing lay beyond its edge.

        The old pixel nearest to a new one differs from what is decoded there now; the new one is given that
        difference, fading out over :data:`_FADE_PX`.
        """
        old = self.trajectory.canvas.meet(crop)
        if old is None:
            return found
        rows, cols = (slice(s.start * self.factor, s.stop * self.factor) for s in old.slices(crop))
        error = self.trajectory.image(old).astype(np.float32) - found[rows, cols]
        down, across = np.arange(found.shape[0]), np.arange(found.shape[1])
        near_row, near_col = np.clip(down, rows.start, rows.stop - 1), np.clip(across, cols.start, cols.stop - 1)
        distance = np.maximum(np.abs(down - near_row)[:, None], np.abs(across - near_col)[None])
        share = np.clip(1.0 - distance / _FADE_PX, 0.0, 1.0)[..., None]
        nearest = error[near_row - rows.start][:, near_col - cols.start]
        joined: NDArray[np.uint8] = np.clip(np.rint(found + share * nearest), 0, 255).astype(np.uint8)
        return joined


def check_either(change_count: int, grows: bool) -> None:
    """LayoutError where cells that were drawn changed and the canvas grew at once."""
    if change_count and grows:
        raise LayoutError(
            "draw an edit and a larger canvas at once", f"{change_count} cells that were drawn changed as well",
            "growing leaves what was there as it is", "Grow first, then edit",
        )  # fmt: skip


def check_variation(grows: bool) -> None:
    """LayoutError where the canvas of a variation grows."""
    if grows:
        raise LayoutError(
            "draw a larger canvas from a variation", "its reference ends where its canvas does",
            "only runs from noise grow", "Edit it, or grow the run that it varies",
        )  # fmt: skip


def _cover(
    mask: NDArray[np.bool_], row: int, col: int, smallest: int, largest: int
) -> Iterator[tuple[int, int, int, int]]:
    """Disjoint rectangles (row, col, height, width) that hold all of a mask, most of each belonging to it."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return
    row, col, mask = row + rows[0], col + cols[0], mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    height, width = mask.shape
    side = max(height, width)
    if side <= largest and (side <= smallest or mask.mean() >= _FULL):
        yield int(row), int(col), height, width
        return
    tall = height >= width
    middle = _gap(mask if tall else mask.T)
    first, second = (mask[:middle], mask[middle:]) if tall else (mask[:, :middle], mask[:, middle:])
    yield from _cover(first, row, col, smallest, largest)
    yield from _cover(second, *((row + middle, col) if tall else (row, col + middle)), smallest, largest)


def _gap(mask: NDArray[np.bool_]) -> int:
    """Before which row to cut: at the empty one nearest to the middle, else in the middle."""
    middle = len(mask) // 2
    empty = np.flatnonzero(~mask.any(axis=1))
    return int(empty[np.abs(empty - middle).argmin()]) if len(empty) else middle
