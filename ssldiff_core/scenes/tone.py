"""Stored values of any type -> RGB uint8: which bands, and which range of values becomes 0..255.

One :class:`ToneMap` serves a whole scene. Where the values are not already 8-bit, its range is taken once, from the
valid pixels of a fixed overview, so that two regions of a scene are always shown alike; it is part of the preprocessing
account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SceneError

PERCENTILES = (1.0, 99.0)
"""The stretch of scenes that are not 8-bit: these percentiles of all chosen bands together become black and white."""

OVERVIEW_PX = 1024
"""Longest side of the overview that the stretch is measured on."""

Values = NDArray[Any]


@dataclass(frozen=True)
class ToneMap:
    """How stored values become RGB.

    Args:
        bands: 1-based bands that become red, green and blue; one band becomes grey.
        low, high: the values that become 0 and 255; both None where values are 8-bit and stay as they are.
        origin: ``"stored"``, ``"given"`` or ``"percentiles"``.
    """

    bands: tuple[int, ...]
    low: float | None = None
    high: float | None = None
    origin: str = "stored"

    def apply(self, values: Values) -> NDArray[np.uint8]:
        """Values of the chosen bands (h, w, 1 or 3) -> RGB (h, w, 3) uint8; NaN becomes 0."""
        if self.low is None or self.high is None:
            rgb = values.astype(np.uint8, copy=False)
        else:
            scaled = (values.astype(np.float32) - self.low) * (255.0 / (self.high - self.low))
            rgb = np.nan_to_num(np.clip(np.rint(scaled), 0, 255), nan=0.0).astype(np.uint8)
        return np.broadcast_to(rgb, (*rgb.shape[:2], 3)).copy()

    def describe(self) -> dict[str, Any]:
        """The JSON-able part of the preprocessing account."""
        if self.low is None:
            return {"bands": list(self.bands), "stretch": None}
        stretch: dict[str, Any] = {"low": self.low, "high": self.high, "origin": self.origin}
        if self.origin == "percentiles":
            stretch |= {"percentiles": list(PERCENTILES), "overview_px": OVERVIEW_PX}
        return {"bands": list(self.bands), "stretch": stretch}


def choose_bands(name: str, bands: tuple[int, ...] | None, count: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """The bands asked for, or the default.

    Raises:
        SceneError: unless they are one or three of the bands that there are.
    """
    if bands is None:
        return default
    bands = tuple(int(band) for band in bands)
    if len(bands) not in (1, 3) or not all(1 <= band <= count for band in bands):
        raise SceneError(
            f"read bands {','.join(map(str, bands)) or 'none'} of {name}", f"it has {count}, counted from 1",
            "one band is shown in grey, three as red, green and blue",
            f"For example --bands {','.join(map(str, default))}",
        )  # fmt: skip
    return bands


def check_range(name: str, value_range: tuple[float, float] | None) -> tuple[float, float] | None:
    """The range asked for.

    Raises:
        SceneError: unless it is two rising numbers.
    """
    if value_range is None:
        return None
    if len(value_range) != 2 or not np.isfinite(value_range).all() or not value_range[0] < value_range[1]:
        raise SceneError(
            f"show the values {value_range} of {name}", "that is no range", "a range is two numbers, the lower first",
            "For example --range 0,3000",
        )  # fmt: skip
    return (float(value_range[0]), float(value_range[1]))


def tone_of(
    bands: tuple[int, ...], value_range: tuple[float, float] | None, overview: tuple[Values, NDArray[np.bool_]] | None,
    warnings: list[str],
) -> ToneMap:  # fmt: skip
    """The tone map of a scene.

    Args:
        bands: the chosen bands.
        value_range: the range asked for.
        overview: chosen bands (h, w, bands) and mask (h, w) of the overview; None where values are 8-bit.
        warnings: gets a sentence where there is nothing to stretch.
    """
    if value_range is not None:
        return ToneMap(bands, *value_range, origin="given")
    if overview is None:
        return ToneMap(bands)
    values, valid = overview
    sample = values[valid].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        warnings.append("The overview holds no valid pixel, so there is no stretch; give one with --range.")
        return ToneMap(bands, 0.0, 1.0, "percentiles")
    low, high = (float(v) for v in np.percentile(sample, PERCENTILES))
    if not low < high:
        warnings.append(
            f"The overview holds one value only ({low:g}): there is no contrast; give a range with --range."
        )
        low, high = low - 0.5, low + 0.5
    return ToneMap(bands, low, high, "percentiles")
