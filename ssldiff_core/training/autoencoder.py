"""Recipe of the native autoencoder: L1 on pixels and on gradients, latents kept near unit deviation and robust
to noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.native_autoencoder import NativeAutoencoder
from ..models.placement import choose_device, training_autocast
from .data import CropSampler, TrainingImage
from .run import Budget, TrainingRun


def to_pixels(crops: np.ndarray, device: torch.device) -> Tensor:
    """(n, h, w, 3) uint8 -> (n, 3, h, w) float32 in [-1, 1]."""
    return torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def reconstruction_loss(estimate: Tensor, pixels: Tensor) -> Tensor:
    """L1 of pixels, of their horizontal and vertical differences, and of 4×4 means (which keep rare colours)."""
    error = estimate.float() - pixels
    detail = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + detail + 2.0 * F.avg_pool2d(error, 4).abs().mean()


class AutoencoderObjective:
    """Draws crops and measures reconstruction through noisy latents whose channels stay near mean 0 and deviation 1."""

    def __init__(self, model: NativeAutoencoder, sampler: CropSampler, batch: int, device: torch.device) -> None:
        self.model, self.sampler, self.batch, self.device = model, sampler, batch, device

    def __call__(self, step: int) -> Tensor:
        pixels = to_pixels(self.sampler.sample(self.batch), self.device)
        latents = self.model.encode_raw(pixels).float()
        level = 0.1 * torch.rand(len(latents), 1, 1, 1, device=self.device)
        estimate = self.model.decode_raw(latents + level * torch.randn_like(latents))
        spread = (latents.std(dim=(0, 2, 3)) - 1.0).square().mean() + latents.mean(dim=(0, 2, 3)).square().mean()
        return reconstruction_loss(estimate, pixels) + 0.01 * spread


@torch.no_grad()
def measure_latents(model: NativeAutoencoder, sampler: CropSampler, device: torch.device, batches: int = 16) -> None:
    """Stores the mean and deviation of each channel, and the linear map to RGB, in the model's config."""
    raws, colours = [], []
    for _ in range(batches):
        pixels = to_pixels(sampler.sample(16), device)
        with training_autocast(device):
            raw = model.encode_raw(pixels).float()
        raws.append(raw.permute(0, 2, 3, 1).reshape(-1, raw.shape[1]))
        colours.append(F.avg_pool2d(pixels, 8).permute(0, 2, 3, 1).reshape(-1, 3))
    raw, colour = torch.cat(raws), torch.cat(colours)
    mean, std = raw.mean(0), raw.std(0)
    design = torch.cat([(raw - mean) / std, torch.ones(len(raw), 1, device=device)], dim=1)
    solution = torch.linalg.lstsq(design, colour).solution
    model.register_to_config(
        latent_mean=tuple(round(v, 6) for v in mean.tolist()), latent_std=tuple(round(v, 6) for v in std.tolist()),
        latent_rgb=tuple(tuple(round(v, 6) for v in column) for column in solution.T.tolist()),
    )  # fmt: skip


@torch.no_grad()
def psnr(model: NativeAutoencoder, images: list[TrainingImage], device: torch.device, crop_px: int = 256) -> float:
    """Mean over images of the PSNR in dB of a central crop, 8-bit."""
    values = []
    for image in images:
        height, width = (min(crop_px, side) // 8 * 8 for side in image.pixels.shape[:2])
        row, col = (image.pixels.shape[0] - height) // 2, (image.pixels.shape[1] - width) // 2
        pixels = to_pixels(np.ascontiguousarray(image.pixels[None, row : row + height, col : col + width]), device)
        with training_autocast(device):
            estimate = model.decode(model.encode(pixels)).clamp(-1, 1)
        values.append(-10 * np.log10(max(1e-10, ((estimate.float() - pixels) / 2).square().mean().item())))
    return float(np.mean(values))


def train_autoencoder(
    images: list[TrainingImage], folder: Path, *, minutes: float, seed: int = 0, batch: int = 16, crop_px: int = 128,
    lr: float = 2e-3, optimizer: str = "muon", device: str = "auto",
) -> NativeAutoencoder:  # fmt: skip
    """Trains on random crops for ``minutes`` and returns the averaged weights with measured latent statistics."""
    torch.manual_seed(seed)
    chosen = choose_device(device)
    model = NativeAutoencoder()
    run = TrainingRun(model, folder, Budget(minutes, lr=lr), device=chosen, optimizer=optimizer)
    sampler = CropSampler(images, crop_px, run.ranks.seed(seed))
    run.fit(AutoencoderObjective(model, sampler, batch, chosen))
    average: NativeAutoencoder = run.average
    measure_latents(average, CropSampler(images, 256, seed + 1), chosen)
    return average
