"""A small convolutional network trained from nothing, at 64 px: what a classifier without our encoder gains.

Every arm trains for the same number of steps on batches of one size, under the same flips, quarter turns, cuts and
changes of brightness and contrast; real and synthetic images share a batch half and half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

SIDE_PX = 64


@dataclass(frozen=True)
class Training:
    """How long and how large.

    Args:
        steps: of the optimiser.
        batch: images a step.
        width: channels of the first layer.
        rate: highest learning rate.
    """

    steps: int = 400
    batch: int = 48
    width: int = 16
    rate: float = 3e-3


class SmallNetwork(nn.Sequential):
    """Four strided 3×3 layers with group norm, mean over space, linear.

    Args:
        classes: of the output.
        width: channels of the first layer; doubled at each.
    """

    def __init__(self, classes: int, width: int) -> None:
        layers: list[nn.Module] = []
        channels = 3
        for depth in range(4):
            wide = width * 2**depth
            layers += [nn.Conv2d(channels, wide, 3, stride=2, padding=1), nn.GroupNorm(4, wide), nn.ReLU()]
            channels = wide
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels, classes))


def train_network(
    real: NDArray[np.uint8], real_labels: NDArray[np.int64], synthetic: NDArray[np.uint8],
    synthetic_labels: NDArray[np.int64], classes: int, seed: int, training: Training | None = None,
) -> SmallNetwork:  # fmt: skip
    """Train on real images, synthetic ones, or both half and half.

    Args:
        real, synthetic: (n, 64, 64, 3); either may be empty.
        real_labels, synthetic_labels: (n,) int.
        seed: of weights, batches and changes.
    """
    training = training or Training()
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    network = SmallNetwork(classes, training.width).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=training.rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.rate, total_steps=training.steps)
    pools = [
        (_tensor(p), torch.from_numpy(t)) for p, t in ((real, real_labels), (synthetic, synthetic_labels)) if len(p)
    ]
    share = training.batch // len(pools)
    network.train()
    for _ in range(training.steps):
        drawn = [(torch.randint(len(pool), (share,), generator=generator), pool, told) for pool, told in pools]
        pixels = change(torch.cat([pool[index] for index, pool, _ in drawn]), generator)
        labels = torch.cat([told[index] for index, _, told in drawn])
        loss = F.cross_entropy(network(pixels), labels, label_smoothing=0.1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


@torch.inference_mode()
def predict_labels(network: SmallNetwork, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(n,) int, of (n, 64, 64, 3)."""
    parts = [network(_tensor(pixels[start : start + 256])).argmax(1) for start in range(0, len(pixels), 256)]
    return torch.cat(parts).numpy()


def change(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Standard augmentation of a batch (n, 3, h, w): mirrored, turned, shifted by up to a tenth, and other light."""
    count = len(pixels)
    pixels = pixels.clone()
    for axis in (2, 3):
        chosen = torch.rand(count, generator=generator) < 0.5
        pixels[chosen] = pixels[chosen].flip(axis)
    chosen = torch.rand(count, generator=generator) < 0.5
    pixels[chosen] = pixels[chosen].transpose(2, 3)
    margin = pixels.shape[2] // 10
    padded = F.pad(pixels, (margin,) * 4, mode="reflect")
    row, col = (int(torch.randint(2 * margin + 1, (1,), generator=generator)) for _ in range(2))
    pixels = padded[:, :, row : row + pixels.shape[2], col : col + pixels.shape[3]]
    contrast = 0.8 + 0.4 * torch.rand(count, 1, 1, 1, generator=generator)
    brightness = 0.3 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5)
    return (pixels * contrast + brightness).contiguous(memory_format=torch.channels_last)


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """(n, h, w, 3) uint8 -> (n, 3, h, w) float32 in about [-2, 2]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().sub(127.5).div(64.0)
