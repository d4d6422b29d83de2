"""The appearance of an aerial image: mean and deviation of each band (after Reinhard et al. 2001, band by band)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import SettingsError

_LEAST_DEVIATION = 1.0
"""Grey levels: a band that is flatter than this is moved, not stretched."""

_Three = tuple[float, float, float]


@dataclass(frozen=True)
class BandAppearance:
    """How an image looks, by its bands.

    Args:
        means: of red, green and blue, grey levels.
        deviations: standard deviations likewise.
        source: JSON-able notes on the image that was measured.
    """

    kind: ClassVar[str] = "bands"
    means: _Three
    deviations: _Three
    source: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name, low in (("means", 0.0), ("deviations", 0.0)):
            values = getattr(self, name)
            if len(values) != 3 or not all(np.isfinite(v) and low <= v <= 255 for v in values):
                raise SettingsError("use an appearance", f"its {name} are {values}", "three grey levels, 0 to 255")

    @classmethod
    def measure(cls, image: NDArray[np.uint8], source: Mapping[str, Any] | None = None) -> Self:
        """The appearance of (h, w, 3) uint8 pixels."""
        pixels = image.reshape(-1, 3)
        means = tuple(float(v) for v in pixels.mean(axis=0))
        deviations = tuple(float(v) for v in pixels.std(axis=0))
        return cls(means, deviations, dict(source or {}))  # type: ignore[arg-type]

    def match(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same ground (h, w, 3) uint8 in this appearance: each band moved and stretched, rounded and clipped."""
        own = self.measure(image)
        stretch = np.divide(
            self.deviations, own.deviations, out=np.ones(3), where=np.array(own.deviations) > _LEAST_DEVIATION
        )
        levels = np.arange(256.0)[:, None]
        table = np.clip(np.rint((levels - own.means) * stretch + self.means), 0, 255).astype(np.uint8)
        return np.stack([table[image[..., band], band] for band in range(3)], axis=-1)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able record; :meth:`from_json` reads it."""
        return {
            "kind": self.kind, "means": list(self.means), "deviations": list(self.deviations),
            "source": dict(self.source),
        }  # fmt: skip

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        means, deviations = (tuple(float(v) for v in record[name]) for name in ("means", "deviations"))
        return cls(means, deviations, record["source"])  # type: ignore[arg-type]
