"""Which kind of appearance an image has, and the way to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import ManifestError, SettingsError
from .bands import BandAppearance
from .stains import StainAppearance

MICROSCOPE_PIXEL_M = 1e-4
"""Pixels smaller than this were seen through a microscope, larger ones from the air."""


class Appearance(Protocol):
    """The colours of an image, to be given to another. Frozen; small enough for a manifest."""

    @property
    def source(self) -> Mapping[str, Any]:
        """JSON-able notes on the image that was measured."""

    def match(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The shapes of (h, w, 3) uint8 in these colours."""

    def to_json(self) -> dict[str, Any]:
        """What :func:`appearance_from_json` reads."""


_KINDS: dict[str, type[StainAppearance] | type[BandAppearance]] = {
    StainAppearance.kind: StainAppearance,
    BandAppearance.kind: BandAppearance,
}


def measure_appearance(
    image: NDArray[np.uint8], pixel_size_m: float, source: Mapping[str, Any] | None = None
) -> Appearance:
    """The appearance of an image: stains where its pixels are those of a microscope, bands elsewhere.

    Args:
        image: (h, w, 3) uint8.
        pixel_size_m: metres along a pixel.
        source: JSON-able notes on where the image lies.

    Raises:
        SettingsError: where tissue shows too little of two stains.
    """
    kind = StainAppearance if pixel_size_m < MICROSCOPE_PIXEL_M else BandAppearance
    return kind.measure(image, source)


def appearance_from_json(record: Mapping[str, Any]) -> Appearance | None:
    """The appearance that a manifest holds; None for an empty record.

    Raises:
        ManifestError: where the record is malformed or of a kind that this version does not know.
    """
    if not record:
        return None
    asked = "read the appearance of a manifest"
    if record.get("kind") not in _KINDS:
        raise ManifestError(
            asked, f"its kind is {record.get('kind')!r}", f"the kinds are {', '.join(_KINDS)}", "Update ssldiff"
        )
    try:
        return _KINDS[record["kind"]].from_json(record)
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise ManifestError(asked, f"it is malformed: {error}") from error
