"""Recipe of the native denoiser: velocity matching on straight paths, conditioned on each crop's interpolated field.

The condition of a crop is made as at painting time: embeddings of patches on a lattice of cells with a random phase,
interpolated between their centres. Latents and embeddings are cached for several turned copies of each image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..diffusion.field import interpolate_field
from ..geometry import CELL_PX, LATENT_FACTOR
from ..models.native import NativeDenoiser
from ..models.native_autoencoder import NativeAutoencoder
from ..models.placement import choose_device, training_autocast
from .autoencoder import to_pixels
from .data import TrainingImage, dihedral, sample_weights
from .patch_encoder import encode_patches, patches_on_lattice
from .run import Budget, TrainingRun

READING = 192
"""Width of the denoiser's reading of a cell."""
PLACELESS_SHARE = 0.1
"""Share of batches that are not told where their positions lie, as windows with one condition are not."""
LATTICE_PX = 64
"""Spacing of cached embeddings; a crop's lattice of cells may start at any of them."""


Field = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]
"""Conditions (h, w, dim), validity (h, w) and places in cells (2, h, w)."""


@dataclass(frozen=True)
class CachedImage:
    """One turned copy of an image, or a block of a scene.

    Args:
        latents: (c, h, w) float16.
        embeddings: (rows, cols, dim) floating; that at (0, 0) is of the patch in the top-left corner, whose centre is 8
            latents from either edge.
        pixel_size_m: metres along a pixel.
        weight: how often it is drawn, beside the others.
        spacing_px: between neighbouring embeddings, 64 or a whole cell.
        valid: (rows, cols) bool, which embeddings are there; None for all.
    """

    latents: NDArray[np.float16]
    embeddings: NDArray[np.floating]
    pixel_size_m: float
    weight: float
    spacing_px: int = LATTICE_PX
    valid: NDArray[np.bool_] | None = None


def unit(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], deviation: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Standardised vectors of length 1: the native embedding."""
    standard = (vectors - mean) / deviation
    return (standard / np.maximum(np.linalg.norm(standard, axis=-1, keepdims=True), 1e-6)).astype(np.float32)  # type: ignore[no-any-return]


@torch.no_grad()
def cache_images(
    images: list[TrainingImage], autoencoder: NativeAutoencoder, encoder: nn.Module,
    statistics: tuple[NDArray[np.float32], NDArray[np.float32]], *, copies: int, seed: int,
) -> list[CachedImage]:  # fmt: skip
    """Encodes ``copies`` distinct turned copies of every image; images smaller than a patch are left out."""
    generator = np.random.default_rng(seed)
    weights = sample_weights(images)
    cached = []
    for image, weight in zip(images, weights, strict=True):
        for turn in generator.permutation(8)[:copies]:
            pixels = np.ascontiguousarray(dihedral(image.pixels, int(turn)))
            height, width = (side // 16 * 16 for side in pixels.shape[:2])
            if min(height, width) < CELL_PX:
                continue
            pixels = pixels[:height, :width]
            with training_autocast(torch.device("cpu")):
                latents = autoencoder.encode(to_pixels(pixels[None], torch.device("cpu")))[0]
            patches = patches_on_lattice(pixels, LATTICE_PX)
            flat = np.ascontiguousarray(patches.reshape(-1, CELL_PX, CELL_PX, 3))
            vectors = unit(encode_patches(encoder, flat), *statistics).reshape(*patches.shape[:2], -1)
            cached.append(
                CachedImage(
                    latents.numpy().astype(np.float16), vectors.astype(np.float16), image.pixel_size_m, weight / copies
                )
            )
    return cached


class FieldCrops:
    """Random crops of cached latents with the field that a grid of cells with a random phase would give them."""

    def __init__(self, cached: list[CachedImage], crop_lat: int, seed: int, field_noise: float) -> None:
        self.cached, self.crop_lat, self.field_noise = cached, crop_lat, field_noise
        weights = np.array([image.weight for image in cached])
        self.weights = weights / weights.sum()
        self.generator = np.random.default_rng(seed)

    def sample(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Latents (n, c, s, s), conditions (n, dim, s, s), their validity (n, 1, s, s), places in cells (n, 2, s, s)
        and pixel sizes (n,); float32.
        """
        chosen = self.generator.choice(len(self.cached), size=count, p=self.weights)
        parts = [self._crop(self.cached[i]) for i in chosen]
        latents = torch.from_numpy(np.stack([part[0] for part in parts]).astype(np.float32))
        conditions = torch.from_numpy(np.stack([part[1] for part in parts])).permute(0, 3, 1, 2)
        sizes = torch.tensor([self.cached[i].pixel_size_m for i in chosen])
        valid = torch.from_numpy(np.stack([part[2] for part in parts])[:, None].astype(np.float32))
        places = torch.from_numpy(np.stack([part[3] for part in parts]))
        return latents, conditions, valid, places, sizes

    def _crop(self, image: CachedImage) -> tuple[NDArray[np.float16], *Field]:
        side = self.crop_lat
        latents = image.latents
        missing = [max(0, side - length) for length in latents.shape[1:]]
        if any(missing):
            latents = np.pad(latents, ((0, 0), (0, missing[0]), (0, missing[1])), mode="reflect")
        row, col = (int(self.generator.integers(0, (length - side) // 2 + 1)) * 2 for length in latents.shape[1:])
        return latents[:, row : row + side, col : col + side], *self._field(image, row, col)

    def _field(self, image: CachedImage, row: int, col: int) -> Field:
        step = CELL_PX // image.spacing_px
        phases = [int(self.generator.integers(0, min(step, length))) for length in image.embeddings.shape[:2]]
        chosen = np.s_[phases[0] :: step, phases[1] :: step]
        nodes = self._disturbed(image.embeddings[chosen].astype(np.float32))
        valid = np.ones(nodes.shape[:2], bool) if image.valid is None else image.valid[chosen]
        cell_lat, lattice_lat = CELL_PX // LATENT_FACTOR, image.spacing_px // LATENT_FACTOR
        rows, cols = (
            (start + np.arange(self.crop_lat) + 0.5 - phase * lattice_lat) / cell_lat - 0.5
            for start, phase in ((row, phases[0]), (col, phases[1]))
        )
        place = np.stack(np.meshgrid(rows % 1.0, cols % 1.0, indexing="ij")).astype(np.float32)
        return *interpolate_field(nodes, valid, rows, cols), place

    def _disturbed(self, nodes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings (rows, cols, dim) with noise of a random level, each of its length before."""
        if not self.field_noise:
            return nodes
        lengths = np.linalg.norm(nodes, axis=-1, keepdims=True)
        level = self.field_noise * self.generator.random() * lengths / nodes.shape[-1] ** 0.5
        nodes = nodes + level * self.generator.standard_normal(nodes.shape, dtype=np.float32)
        disturbed: NDArray[np.float32] = (
            nodes * lengths / np.maximum(np.linalg.norm(nodes, axis=-1, keepdims=True), 1e-6)
        )
        return disturbed


class VelocityObjective:
    """Velocity matching with logit-normal noise levels; drops the condition of some crops, and of parts of others.

    Which levels are drawn (:meth:`draw_levels`) and how the error counts at each (:meth:`weight`) may be overridden.

    Args:
        noise_shift: above 1 moves the noise levels up (Esser et al. 2024, eq. 23), where layouts are decided.
    """

    def __init__(
        self, model: NativeDenoiser, crops: FieldCrops, batch: int, device: torch.device, noise_shift: float = 1.0
    ) -> None:
        self.model, self.crops, self.batch, self.device = model, crops, batch, device
        self.noise_shift = noise_shift

    def __call__(self, step: int) -> Tensor:
        latents, condition, there, place, size = (part.to(self.device) for part in self.crops.sample(self.batch))
        level = self.draw_levels(len(latents))
        noise = torch.randn_like(latents)
        noisy = torch.lerp(latents, noise, level[:, None, None, None])
        valid = self._validity(latents) * there
        velocity = self.model(
            noisy.contiguous(memory_format=torch.channels_last), level,
            condition.contiguous(memory_format=torch.channels_last), valid, size,
            None if torch.rand(()) < PLACELESS_SHARE else place,
        )  # fmt: skip
        error = (velocity.float() - (noise - latents)).square().mean(dim=(1, 2, 3))
        return (self.weight(level) * error).mean()  # type: ignore[no-any-return]

    def draw_levels(self, count: int) -> Tensor:
        """Noise levels (count,) of a batch, in (0, 1)."""
        level = torch.sigmoid(torch.randn(count, device=self.device))
        return self.noise_shift * level / (1 + (self.noise_shift - 1) * level)

    def weight(self, level: Tensor) -> Tensor:
        """How much a crop's squared error of velocity counts at its noise level, (n,) -> (n,)."""
        return torch.ones_like(level)

    def _validity(self, latents: Tensor) -> Tensor:
        """(n, 1, h, w): a tenth of the crops have no condition, a twentieth lack it on one side of a line."""
        count, _, height, width = latents.shape
        valid = torch.ones(count, 1, height, width, device=latents.device)
        draw = torch.rand(count)
        for i in range(count):
            if draw[i] < 0.1:
                valid[i] = 0
            elif draw[i] < 0.15:
                cut = int(torch.randint(4, width - 4, ()))
                side = valid[i] if draw[i] < 0.125 else valid[i].transpose(-1, -2)
                side[..., :cut] = 0
        return valid


def train_denoiser(
    cached: list[CachedImage], folder: Path, *, minutes: float, pixel_size_reference_m: float, seed: int = 0,
    batch: int = 12, crop_lat: int = 40, lr: float = 4e-3, field_noise: float = 0.3, noise_shift: float = 1.0,
    device: str = "auto", start: NativeDenoiser | None = None,
) -> NativeDenoiser:  # fmt: skip
    """Trains for ``minutes`` (going on from the folder's checkpoint, or from the weights of ``start``) and returns the
    averaged weights.
    """
    torch.manual_seed(seed)
    chosen = choose_device(device)
    model = NativeDenoiser(
        latent_channels=cached[0].latents.shape[0], condition_dim=cached[0].embeddings.shape[2],
        pixel_size_reference_m=pixel_size_reference_m, reading=READING,
    )  # fmt: skip
    if start is not None:
        model.load_state_dict(start.state_dict())
    run = TrainingRun(model, folder, Budget(minutes, lr=lr), device=chosen, ema_decay=0.999)
    crops = FieldCrops(cached, crop_lat, run.ranks.seed(seed + run.step), field_noise)
    run.fit(VelocityObjective(model, crops, batch, chosen, noise_shift))
    average: NativeDenoiser = run.average
    return average
