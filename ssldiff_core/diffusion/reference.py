"""Variation: a run that starts from the noised latents of a reference instead of from pure noise (SDEdit, Meng et al.
2022).

On the straight path the start is ``(1 - strength) reference + strength noise``, at the noise level ``strength``. The
noise is position noise, so the start of a crop is the crop of the start: tiles change nothing. A strength of 1 is the
ordinary run of that seed, and 0 is the reference as the autoencoder shows it. Between them the noise is a stream of its
own: an image drawn from a seed is not independent of that seed's noise, and both together come out too harsh.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..embeddings.arrays import digest_array
from ..errors import GridError, ManifestError, SettingsError
from ..geometry import Box, GridGeometry, format_length
from .autoencoder import Autoencoder, encode_image
from .engines import EngineStep
from .noise import NoiseSource, PositionNoise

if TYPE_CHECKING:
    from ..embeddings.grid import EmbeddingGrid
    from ..scenes import Scene

MAX_INSIDE_LAT = 2**18
"""A manifest holds the latents of a reference up to this many positions (4096 × 4096 px: 11 MB of text)."""

VARIATION_STREAM = 1
"""The stream of a seed's noise that references are noised with."""

_PIXEL_SIZE_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class Reference:
    """What a variation starts from: an image, or latents.

    Args:
        strength: how much of it is forgotten: 0 keeps it, 1 is a run without it.
        image: (h, w, 3) uint8, as large as the canvas; None where latents are given.
        latents: (channels, h, w) float32, clean, as large as the canvas in latents; None where an image is given.
        source: JSON-able notes on where it lies (``name``, ``path``).

    Raises:
        SettingsError: where the strength lies outside [0, 1], or neither or both of image and latents are given.
    """

    strength: float
    image: NDArray[np.uint8] | None = field(default=None, repr=False)
    latents: Tensor | None = field(default=None, repr=False)
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and 0.0 <= self.strength <= 1.0):
            raise SettingsError(
                f"vary a reference with the strength {self.strength}", "it lies outside the range",
                "a strength goes from 0 (keep it) to 1 (forget it)",
                f"The nearest is {min(max(self.strength, 0.0), 1.0):g}" if math.isfinite(self.strength) else "Try 0.5",
            )  # fmt: skip
        if (self.image is None) == (self.latents is None):
            raise SettingsError("vary a reference", "it is given as neither or both of image and latents")

    def to_latents(self, autoencoder: Autoencoder, geometry: GridGeometry, device: torch.device | str) -> Tensor:
        """Clean latents (channels, h, w) float32 of the canvas of ``geometry``.

        Raises:
            GridError: where the reference is not as large as the canvas.
        """
        if self.image is not None:
            check_size(self.image.shape, geometry.shape_px, "px")
            return encode_image(autoencoder, self.image, device=device)
        assert self.latents is not None, "one of both is given"
        check_size(tuple(self.latents.shape[1:]), geometry.shape_lat, "latents")
        return self.latents.float().cpu()

    def to_record(self, latents: Tensor) -> dict[str, Any]:
        """What a manifest holds of it; the latents themselves too, where they are not too many.

        Args:
            latents: as :meth:`to_latents` gave them.
        """
        values = latents.numpy().astype("<f4")
        inside = latents.shape[1] * latents.shape[2] <= MAX_INSIDE_LAT
        return {
            "strength": self.strength, "digest": digest_array(latents.numpy()), "shape": list(latents.shape),
            "image_digest": None if self.image is None else digest_array(self.image), **self.source,
            "latents": base64.b64encode(values.tobytes()).decode("ascii") if inside else None,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class NoisedReference:
    """The start of a run, position by position: ``signal · reference + sigma · noise``. A :class:`NoiseSource`.

    Args:
        latents: the clean reference (channels, h, w) float32.
        noise: standard normal noise, as an ordinary run would start from.
        signal, sigma: shares of both; (1 - t, t) on the straight path at the level t.
    """

    latents: Tensor
    noise: NoiseSource
    signal: float
    sigma: float

    def crop(self, row_lat: int, col_lat: int, height: int, width: int, channels: int) -> NDArray[np.float32]:
        """(channels, height, width) float32 for the block whose top-left latent is (row_lat, col_lat)."""
        noise = self.noise.crop(row_lat, col_lat, height, width, channels)
        if self.signal == 0.0:
            return noise
        block = self.latents[:channels, row_lat : row_lat + height, col_lat : col_lat + width].numpy()
        return np.float32(self.signal) * block + np.float32(self.sigma) * noise


def levels_from(levels: tuple[float, ...], strength: float) -> tuple[float, ...]:
    """The part of an ordinary run's descending noise levels that a variation goes through: from ``strength`` to 0.

    Steps stay as long as they are in the ordinary run; a first one shorter than half of that joins the next. All levels
    at a strength of 1; ``(0.0,)``, no step, at 0.
    """
    if strength >= levels[0]:
        return levels
    if strength <= 0.0:
        return (0.0,)
    above = min(level for level in levels if level >= strength)
    below = [level for level in levels if level < strength]
    if len(below) > 1 and strength - below[0] < 0.5 * (above - below[0]):
        below = below[1:]
    return (strength, *below)


@dataclass(frozen=True, eq=False)
class Start:
    """Where a run begins.

    Args:
        noise: what the engine reads its first canvas from.
        levels: descending noise levels from there to 0.
        fresh: standard normal noise alone.
        latents: of the reference; None for a run from pure noise.
        record: what the manifest holds of the reference; empty without one.
    """

    noise: NoiseSource
    levels: tuple[float, ...]
    fresh: NoiseSource
    latents: Tensor | None = field(default=None, repr=False)
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def strength(self) -> float:
        """The noise level of the start: 1 is pure noise."""
        return self.levels[0]

    def unchanged(self) -> Iterator[EngineStep] | None:
        """The run of a strength of 0, whose one step is the reference itself; None where there is something to do."""
        if len(self.levels) > 1 or self.latents is None:
            return None
        return iter([EngineStep(1, 1, self.latents, self.latents)])


def start_of(
    reference: Reference | None, seed: int, levels: tuple[float, ...], autoencoder: Autoencoder,
    geometry: GridGeometry, device: torch.device | str = "cpu",
) -> Start:  # fmt: skip
    """Where a run begins on the straight path.

    Args:
        reference: None for a run from pure noise.
        seed: of the noise.
        levels: of an ordinary run, from 1 down to 0.
        autoencoder: encodes the reference.
        geometry: of the canvas.
        device: where the autoencoder lies.

    Raises:
        GridError: where the reference is not as large as the canvas.
    """
    if reference is None:
        noise = PositionNoise(seed)
        return Start(noise, levels, noise)
    latents = reference.to_latents(autoencoder, geometry, device)
    rest = levels_from(levels, reference.strength)
    noise = PositionNoise(seed, VARIATION_STREAM if reference.strength < 1.0 else 0)
    start = NoisedReference(latents, noise, 1.0 - rest[0], rest[0])
    return Start(start, rest, noise, latents, reference.to_record(latents))


def reference_from_scene(scene: Scene, grid: EmbeddingGrid, strength: float, *, path: str = "") -> Reference:
    """The reference in a scene: the whole of it where it is as large as the grid's canvas, or the grid's own region
    where the grid was read from it.

    Raises:
        GridError: where it is neither, or its pixels are of another size.
    """
    geometry = grid.geometry
    height, width = geometry.shape_px
    asked = f"vary the image {scene.name}"
    known = {grid.source.get("name"), grid.source.get("digest")} - {None, ""}
    if known & {scene.name, scene.alias, scene.digest} and scene.size_l0 != (width, height):
        image = scene.read(geometry.box_l0, size_px=(width, height))
    else:
        size = scene.pixel_size_m
        if size is not None and abs(size / geometry.pixel_size_m - 1.0) > _PIXEL_SIZE_TOLERANCE:
            raise GridError(
                asked, f"its pixel size is {format_length(size)}",
                f"the grid's is {format_length(geometry.pixel_size_m)}", "Give an image of the grid's pixel size",
            )  # fmt: skip
        check_size((scene.size_l0[1], scene.size_l0[0]), (height, width), "px", asked)
        image = scene.read(Box(0, 0, *scene.size_l0))
    source = {"name": scene.alias, **({"path": path} if path else {})}
    return Reference(strength, image=image, source=source)


def reference_from_record(record: Mapping[str, Any], image: NDArray[np.uint8] | None = None) -> Reference | None:
    """The reference of a manifest: from the latents inside, or from the image where it is given; None for an empty
    record.

    Raises:
        ManifestError: where the latents are damaged, neither is to be had, or the image is another one.
    """
    if not record:
        return None
    asked = "replay a variation"
    source = {name: record[name] for name in ("name", "path") if name in record}
    name = record.get("name", "the image that it started from")
    if image is not None:
        if digest_array(image) != record.get("image_digest"):
            raise ManifestError(asked, f"the image given is not {name}: its digest differs")
        return Reference(float(record["strength"]), image=image, source=source)
    if record.get("latents") is None:
        raise ManifestError(
            asked, "the manifest does not hold its reference, which is too large for it", "", f"Give it: {name}"
        )
    try:
        values = np.frombuffer(base64.b64decode(record["latents"], validate=True), dtype="<f4")
        latents = torch.from_numpy(values.reshape(record["shape"]).astype(np.float32))
    except (ValueError, TypeError, KeyError) as error:
        raise ManifestError(asked, f"the reference inside the manifest is damaged: {error}") from error
    if digest_array(latents.numpy()) != record.get("digest"):
        raise ManifestError(asked, "the reference inside the manifest is not the one that its digest names")
    return Reference(float(record["strength"]), latents=latents, source=source)


def check_size(found: tuple[int, ...], canvas: tuple[int, int], unit: str, asked: str = "vary a reference") -> None:
    """GridError where (height, width, …) is not that of the canvas."""
    if tuple(found[:2]) != canvas:
        raise GridError(
            asked, f"it is {found[1]} × {found[0]} {unit}", f"the grid's canvas is {canvas[1]} × {canvas[0]} {unit}",
            "Crop the image, or encode the grid from the part of it that you want",
        )  # fmt: skip
