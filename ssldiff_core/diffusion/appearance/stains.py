"""The appearance of stained tissue: its two stains and their strengths, in optical density (Macenko et al. 2009).

Optical density is ``-ln((v + 1) / 256)`` of a value v, so that white is 0: stains add up in it, and a map without an
offset keeps glass white. Matching keeps how much of each stain a pixel holds, and what is neither of both.

Both images are taken to hold both stains: where one is of bone or fibre alone, its few bluest pixels count as the
haematoxylin, and the match comes out too blue or too strong.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import SettingsError

TISSUE_DENSITY = 0.15
"""A pixel whose mean optical density is above this is stained."""

_MIN_TISSUE_PX = 1000
_MIN_ANGLE = 0.06
"""Radians between two stains below which an image shows only one."""

_MEASURED_PX = 2**20
"""Larger images are thinned to about so many pixels, on a lattice, before they are measured."""

_BLOCK_ROWS = 512
_PERCENT_ANGLE, _PERCENT_STRENGTH = 1.0, 99.0
"""Macenko's robust extremes: of the angle in the plane of both stains, and of a stain's amount."""

Floats = NDArray[np.float64]
_Vector = tuple[float, float, float]


def optical_density(pixels: NDArray[np.uint8]) -> Floats:
    """(…, 3) uint8 -> (…, 3) float64, 0 for white."""
    return np.asarray(_DENSITIES[pixels])


_DENSITIES = -np.log((np.arange(256) + 1.0) / 256.0)


def density_to_pixels(density: Floats) -> NDArray[np.uint8]:
    """The inverse of :func:`optical_density`, rounded and clipped."""
    return np.asarray(np.clip(np.rint(256.0 * np.exp(-density) - 1.0), 0, 255).astype(np.uint8))


@dataclass(frozen=True)
class StainAppearance:
    """How an image of two stains looks.

    Args:
        stains: optical density of one unit of each stain in red, green and blue, length 1; the bluer (haematoxylin,
            which takes more of the red) first.
        strengths: the 99th percentile of each stain's amount over the stained pixels.
        source: JSON-able notes on the image that was measured.

    Raises:
        SettingsError: where both stains are the same or a strength is not above 0.
    """

    kind: ClassVar[str] = "stains"
    stains: tuple[_Vector, _Vector]
    strengths: tuple[float, float]
    source: Mapping[str, Any]

    def __post_init__(self) -> None:
        vectors = np.array(self.stains, dtype=np.float64)
        if vectors.shape != (2, 3) or not np.isfinite(vectors).all() or _angle(*vectors) < _MIN_ANGLE:
            raise SettingsError("use an appearance", "its two stains are not two colours")
        if len(self.strengths) != 2 or not all(np.isfinite(s) and s > 0 for s in self.strengths):
            raise SettingsError("use an appearance", f"its stains are as strong as {self.strengths}", "above 0 each")

    @classmethod
    def measure(cls, image: NDArray[np.uint8], source: Mapping[str, Any] | None = None) -> Self:
        """The appearance of (h, w, 3) uint8 pixels.

        Raises:
            SettingsError: where too little of it is stained, or with one stain only.
        """
        asked = f"read the stains of {(source or {}).get('name', 'an image')}"
        step = max(1, int(np.sqrt(image.shape[0] * image.shape[1] / _MEASURED_PX)))
        density = optical_density(image[::step, ::step]).reshape(-1, 3)
        tissue = density[density.mean(axis=1) > TISSUE_DENSITY]
        if len(tissue) < _MIN_TISSUE_PX:
            raise SettingsError(
                asked, f"{len(tissue)} of its {len(density)} pixels are stained",
                f"at least {_MIN_TISSUE_PX} are needed", "Choose an image with more tissue",
            )  # fmt: skip
        stains = _stain_vectors(tissue)
        if _angle(*stains) < _MIN_ANGLE:
            raise SettingsError(asked, "it shows one colour only", "two stains are told apart", "Choose another image")
        strengths = np.percentile(tissue @ np.linalg.inv(_basis(stains)), _PERCENT_STRENGTH, axis=0)[:2]
        vectors = tuple(tuple(float(v) for v in stain) for stain in stains)
        return cls(vectors, tuple(float(max(s, 1e-3)) for s in strengths), dict(source or {}))  # type: ignore[arg-type]

    def match(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """An image of the same tissue (h, w, 3) uint8 in this appearance. White stays white.

        An image whose own stains cannot be told comes back as it is, with a warning.
        """
        try:
            own = self.measure(image, {"name": "the image that was drawn"})
        except SettingsError as error:
            warnings.warn(f"The colours stay as they are. {error}", stacklevel=2)
            return image
        change = own.map_to(self)
        matched = np.empty_like(image)
        for row in range(0, len(image), _BLOCK_ROWS):
            rows = slice(row, row + _BLOCK_ROWS)
            matched[rows] = density_to_pixels(optical_density(image[rows]) @ change)
        return matched

    def map_to(self, other: StainAppearance) -> Floats:
        """(3, 3): row vectors of optical density in this appearance, multiplied by it, come out in the other."""
        scale = np.append(np.divide(other.strengths, self.strengths), 1.0)
        return np.asarray(
            np.linalg.inv(_basis(np.array(self.stains))) @ (scale[:, None] * _basis(np.array(other.stains)))
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON-able record; :meth:`from_json` reads it."""
        stains = [list(stain) for stain in self.stains]
        return {"kind": self.kind, "stains": stains, "strengths": list(self.strengths), "source": dict(self.source)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        first, second = (tuple(float(v) for v in stain) for stain in record["stains"])
        strengths = tuple(float(v) for v in record["strengths"])
        return cls((first, second), strengths, record["source"])  # type: ignore[arg-type]


def _stain_vectors(tissue: Floats) -> Floats:
    """(2, 3) unit vectors: the robust extremes of the directions of (n, 3) densities in their main plane."""
    _, vectors = np.linalg.eigh(tissue.T @ tissue)
    plane = vectors[:, [2, 1]]
    plane = plane * np.where(plane.sum(axis=0) < 0, -1.0, 1.0)
    along = tissue @ plane
    angles = np.arctan2(along[:, 1], along[:, 0])
    ends = np.percentile(angles, [_PERCENT_ANGLE, 100.0 - _PERCENT_ANGLE])
    stains = np.stack([np.cos(ends), np.sin(ends)], axis=1) @ plane.T
    stains = np.maximum(stains, 0.0)
    stains /= np.linalg.norm(stains, axis=1, keepdims=True)
    bluer_first = stains[:, 0].argsort()[::-1]
    return np.asarray(stains[bluer_first])


def _basis(stains: Floats) -> Floats:
    """(3, 3): both stains, and the unit vector across them, which holds what is neither."""
    across = np.cross(stains[0], stains[1])
    return np.vstack([stains, across / np.linalg.norm(across)])


def _angle(first: Floats, second: Floats) -> float:
    return float(np.arccos(np.clip(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)), -1.0, 1.0)))
