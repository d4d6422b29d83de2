"""Which pages of a TIFF are the scene: its levels, its bands, and how its values are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .scene import Pixels

if TYPE_CHECKING:
    import tifffile

_NOT_SCENES = ("label", "macro", "thumbnail", "overview")
_PHOTOMETRIC_GREY_0_WHITE, _PHOTOMETRIC_GREY, _PHOTOMETRIC_RGB, _PHOTOMETRIC_PALETTE, _PHOTOMETRIC_YCBCR = 0, 1, 2, 3, 6
_ALPHA = (1, 2)  # ExtraSamples: associated, unassociated


@dataclass(frozen=True)
class TiffLayout:
    """The scene in a TIFF.

    Args:
        series: index of the series that was chosen.
        sizes: (width, height) of each level, finest first.
        pages: for each level, the pages that hold its bands.
        samples: samples of a pixel in one page.
        planar: True where the samples of a page lie in planes one after the other.
        bands: colour bands or channels of the scene, without alpha.
        alpha: 1-based band that is transparency.
        dtype: of the stored values.
        inverted: True where 0 is white.
        colours: RGB (values, 3) where values are indices.
    """

    series: int
    sizes: list[tuple[int, int]]
    pages: list[list[tifffile.TiffPage]]
    samples: int
    planar: bool
    bands: int
    alpha: int | None
    dtype: np.dtype[Any]
    inverted: bool
    colours: Pixels | None

    def place_of(self, band: int) -> tuple[int, int, int]:
        """(page of a level, plane of the page, sample of the plane) of a 1-based band."""
        page, sample = divmod(band - 1, self.samples)
        return (page, sample, 0) if self.planar else (page, 0, sample)


def layout_of(file: tifffile.TiffFile) -> TiffLayout:
    """Find the scene in a TIFF.

    Raises:
        ValueError: where its values are of a kind that is not read here (CMYK, Lab, bits, complex numbers).
    """
    index, series = _largest_series(file)
    levels = _levels(file, series)
    page = levels[0][1][0].keyframe
    _check(page)
    samples = int(page.samplesperpixel)
    alpha = (
        samples if len(page.extrasamples) == 1 and int(page.extrasamples[0]) in _ALPHA and samples in (2, 4) else None
    )
    pages = [list(pages) for _, pages in levels]
    return TiffLayout(
        series=index, sizes=[size for size, _ in levels], pages=pages, samples=samples,
        planar=samples > 1 and int(page.planarconfig) == 2, bands=len(pages[0]) * samples - (alpha is not None),
        alpha=alpha, dtype=np.dtype(page.dtype), inverted=int(page.photometric) == _PHOTOMETRIC_GREY_0_WHITE,
        colours=_colours(page),
    )  # fmt: skip


def _largest_series(file: tifffile.TiffFile) -> tuple[int, tifffile.TiffPageSeries]:
    named = [(i, s) for i, s in enumerate(file.series) if not any(word in s.name.lower() for word in _NOT_SCENES)]
    candidates = [(i, s) for i, s in named if _size(s) is not None]
    if not candidates:
        raise ValueError("it holds no image with a height and a width")
    return max(candidates, key=lambda pair: (_area(pair[1]), -pair[0]))


def _size(series: Any) -> tuple[int, int] | None:
    """(width, height) of a level."""
    if "Y" not in series.axes or "X" not in series.axes:
        return None
    return int(series.shape[series.axes.index("X")]), int(series.shape[series.axes.index("Y")])


def _area(series: Any) -> int:
    width, height = _size(series) or (0, 0)
    return width * height


Stored = tuple[tuple[int, int], list[Any]]


def _levels(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> list[Stored]:
    levels = [_stored(level) for level in series.levels]
    if len(levels) == 1:  # a plain pyramid: smaller and smaller pages in a row, which tifffile may list as series
        others = (s for s in file.series if s is not series and s.axes == series.axes and s.dtype == series.dtype)
        levels += [_stored(s) for s in others if _size(s) is not None and _is_reduced(s, series)]
    finest = levels[0]
    coarser = [level for level in levels[1:] if len(level[1]) == len(finest[1])]
    return [finest, *sorted(coarser, key=lambda level: -level[0][0])]


def _stored(level: Any) -> Stored:
    """Size and pages of one level: of the channels all, of times and depths the first."""
    size = _size(level)
    assert size is not None
    axes = [(axis, length) for axis, length in zip(level.axes, level.shape, strict=True) if axis not in "YX"]
    if level[0].keyframe.samplesperpixel > 1:
        axes = [(axis, length) for axis, length in axes if axis != "S"]
    lengths = [length for _, length in axes]
    count = int(np.prod(lengths, dtype=np.int64)) if lengths else 1
    order = np.arange(count).reshape(lengths or [1])
    pick = tuple(slice(None) if axis in "CS" else 0 for axis, _ in axes) or (slice(None),)
    return size, [level[int(i)] for i in np.atleast_1d(order[pick]).ravel()]


def _is_reduced(small: Any, large: Any) -> bool:
    """Whether a series is a smaller copy of another: marked as reduced, of the same proportions to a pixel or two."""
    (w, h), (width, height) = _size(small) or (0, 0), _size(large) or (0, 0)
    if not (0 < w < width) or not small[0].is_reduced:
        return False
    return abs(h - height * w / width) <= 2


def _check(page: tifffile.TiffPage) -> None:
    kind = int(page.photometric)
    if page.dtype is None or page.dtype.kind not in "uif" or page.bitspersample in (1, 2, 4):
        raise ValueError(f"its values are {page.dtype or 'of no known type'} of {page.bitspersample} bits")
    known = (_PHOTOMETRIC_GREY_0_WHITE, _PHOTOMETRIC_GREY, _PHOTOMETRIC_RGB, _PHOTOMETRIC_PALETTE, _PHOTOMETRIC_YCBCR)
    if kind not in known:
        raise ValueError(f"its colours are {page.photometric!r}, which is not read")
    if kind == _PHOTOMETRIC_YCBCR and int(page.compression) not in (6, 7, 33003, 33005, 34712):
        raise ValueError("its colours are YCbCr without JPEG compression, which is not read")


def _colours(page: tifffile.TiffPage) -> Pixels | None:
    if int(page.photometric) != _PHOTOMETRIC_PALETTE or page.colormap is None:
        return None
    return np.ascontiguousarray((page.colormap.T >> 8).astype(np.uint8))
