"""Recipe of the native patch encoder: contrast (SimCLR, arXiv 2002.05709), and a thumbnail the embedding must give.

Two views of a place differ by a shift of up to a fifth of a patch, by sharpness and by a weak change of brightness and
colour: what remains is tissue and stain, land and season, which is what a user wants to control. Contrast alone forgets
where in the patch things lie; a linear reading of the embedding must therefore also give the patch's thumbnail, so that
a grid says which way a road runs. Views are not turned against each other for the same reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..geometry import CELL_PX
from ..models.placement import choose_device, training_autocast
from .autoencoder import to_pixels
from .data import CropSampler, TrainingImage
from .run import Budget, TrainingRun

TIMM_NAME = "resnet10t"
TIMM_ARGS: dict[str, Any] = {"channels": [48, 96, 192, 384], "stem_width": 16, "num_classes": 128}
SHIFT_PX = 26
THUMBNAIL_PX = 16
THUMBNAIL_WEIGHT = 4.0
"""The thumbnail's share of the loss: its squared error, as a part of its variance, beside the contrast."""


class PatchEncoderNetwork(nn.Module):
    """The patch encoder (a timm network), the projector that the contrast looks at, and the reading of a thumbnail.

    The thumbnail is read from the standardised embedding at length 1, as the denoiser gets it.
    """

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.encoder = timm.create_model(TIMM_NAME, pretrained=False, **TIMM_ARGS)
        dim = TIMM_ARGS["num_classes"]
        self.projector = nn.Sequential(nn.Linear(dim, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 128))
        self.standardise = nn.BatchNorm1d(dim, affine=False)
        self.thumbnail = nn.Sequential(nn.Linear(dim, 512), nn.ReLU(), nn.Linear(512, 3 * THUMBNAIL_PX**2))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels (n, 3, 128, 128) -> projections (n, 128) and thumbnails (n, 3, 16, 16)."""
        embedding = self.encoder(pixels)
        unit = F.normalize(self.standardise(embedding.float()), dim=1) * embedding.shape[1] ** 0.5
        return self.projector(embedding), self.thumbnail(unit).view(-1, 3, THUMBNAIL_PX, THUMBNAIL_PX)


class PatchEncoderObjective:
    """Draws pairs of overlapping patches, contrasts each with all others of the batch, and compares thumbnails."""

    def __init__(self, network: PatchEncoderNetwork, sampler: CropSampler, pairs: int, device: torch.device) -> None:
        from lightly.loss import NTXentLoss

        self.network, self.sampler, self.pairs, self.device = network, sampler, pairs, device
        self.contrast = NTXentLoss(temperature=0.2)

    def __call__(self, step: int) -> Tensor:
        places = self.sampler.sample(self.pairs)
        views = torch.cat([self._view(places), self._view(places)]).contiguous(memory_format=torch.channels_last)
        projections, thumbnails = self.network(views)
        contrast = self.contrast(*projections.float().chunk(2))
        return contrast + THUMBNAIL_WEIGHT * missed_share(thumbnails, views)  # type: ignore[no-any-return]

    def _view(self, places: NDArray[np.uint8]) -> Tensor:
        generator, room = self.sampler.generator, places.shape[1] - CELL_PX
        patches = []
        for place in places:
            row, col = generator.integers(0, room + 1, size=2)
            patches.append(place[row : row + CELL_PX, col : col + CELL_PX])
        pixels = to_pixels(np.stack(patches), self.device)
        sharpness = torch.rand(len(pixels), 1, 1, 1, device=self.device)
        pixels = torch.lerp(F.avg_pool2d(pixels, 5, 1, 2, count_include_pad=False), pixels, sharpness)
        gain = 1 + 0.06 * torch.randn(len(pixels), 3, 1, 1, device=self.device)
        offset = 0.05 * torch.randn(len(pixels), 1, 1, 1, device=self.device)
        return (pixels * gain + offset).clamp(-1, 1)


def missed_share(thumbnails: Tensor, pixels: Tensor) -> Tensor:
    """Squared error of thumbnails (n, 3, 16, 16) of pixels (n, 3, h, w), as a part of the true ones' variance."""
    wanted = F.adaptive_avg_pool2d(pixels, THUMBNAIL_PX)
    return (thumbnails.float() - wanted).square().mean() / wanted.var().clamp_min(1e-3)


def train_patch_encoder(
    images: list[TrainingImage], folder: Path, *, minutes: float, steps: int = 0, seed: int = 0, pairs: int = 64,
    lr: float = 2e-3, device: str = "auto",
) -> nn.Module:  # fmt: skip
    """Trains for ``minutes``, at most ``steps`` where that is not 0; returns the averaged timm network without its
    heads.
    """
    torch.manual_seed(seed)
    chosen = choose_device(device)
    network = PatchEncoderNetwork()
    run = TrainingRun(network, folder, Budget(minutes, steps, lr=lr), device=chosen, ema_decay=0.99)
    sampler = CropSampler(images, CELL_PX + SHIFT_PX, run.ranks.seed(seed))
    run.fit(PatchEncoderObjective(network, sampler, pairs, chosen))
    average: PatchEncoderNetwork = run.average
    return average.encoder


@torch.no_grad()
def encode_patches(encoder: nn.Module, patches: NDArray[np.uint8], batch: int = 128) -> NDArray[np.float32]:
    """(n, 128, 128, 3) uint8 -> the network's output (n, dim) float32, not standardised."""
    device = next(encoder.parameters()).device
    parts = []
    for start in range(0, len(patches), batch):
        pixels = to_pixels(patches[start : start + batch], device).contiguous(memory_format=torch.channels_last)
        with training_autocast(device):
            parts.append(encoder(pixels).float().cpu().numpy())
    return np.concatenate(parts)


def patches_on_lattice(pixels: NDArray[np.uint8], spacing_px: int) -> NDArray[np.uint8]:
    """All patches of an image whose corners lie on a lattice: (rows, cols, 128, 128, 3), a view."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (CELL_PX, CELL_PX), axis=(0, 1))
    return windows[::spacing_px, ::spacing_px].transpose(0, 1, 3, 4, 2)


def standardisation(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation of each dimension, (dim,) each; deviations bounded below by a hundredth of their mean."""
    deviation = vectors.std(axis=0)
    return vectors.mean(axis=0), np.maximum(deviation, 0.01 * deviation.mean()).astype(np.float32)


def knn_accuracy(
    train: NDArray[np.float32], train_labels: list[str], test: NDArray[np.float32], test_labels: list[str], k: int = 10
) -> float:
    """Share of test patches whose label is that of most of their ``k`` nearest training patches by cosine."""
    from sklearn.neighbors import KNeighborsClassifier

    classifier = KNeighborsClassifier(n_neighbors=k, metric="cosine")
    return float(classifier.fit(train, train_labels).score(test, test_labels))
