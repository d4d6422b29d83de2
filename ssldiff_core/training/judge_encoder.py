"""Recipe of the judge: a second patch encoder that no denoiser is ever conditioned on, for distances and retrieval.

It differs from the encoder that conditions in objective (VICReg, arXiv 2105.04906: no contrast, no thumbnail), width,
seed and views (turned and flipped, and not blurred, so that a soft image is another image to it). A condition's own
space would praise a denoiser that has learnt that space's blind spots; the judge has others.

    python -m ssldiff_core.training.judge_encoder aerial --data DATA --work runs/judge -o models/aerial/judge
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..embeddings.catalogue import EncoderSpec
from ..embeddings.encoder import save_patch_encoder
from ..geometry import CELL_PX
from ..models.placement import choose_device
from .autoencoder import to_pixels
from .data import DOMAINS, CropSampler, TrainingImage, dihedral, load_images
from .pack import trained_pixel_sizes
from .patch_encoder import encode_patches, standardisation
from .ranks import trained_together
from .run import Budget, TrainingRun

TIMM_NAME = "resnet10t"
TIMM_ARGS: dict[str, Any] = {"channels": [32, 64, 128, 256], "stem_width": 16, "num_classes": 0}
DIM = 256
EXPANDED = 512
SEED = 20_000
"""Far from the seeds of the other recipes."""
VIEW_PX = 96
"""Two views of a patch are crops of it of this side, at the patch's own resolution."""


class JudgeNetwork(nn.Module):
    """The judge (a timm network), and the expander in whose space the objective looks at it."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.encoder = timm.create_model(TIMM_NAME, pretrained=False, **TIMM_ARGS)
        self.expander = nn.Sequential(
            nn.Linear(DIM, EXPANDED, bias=False), nn.BatchNorm1d(EXPANDED), nn.ReLU(), nn.Linear(EXPANDED, EXPANDED)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (n, 3, h, w) -> (n, 512)."""
        return self.expander(self.encoder(pixels).float())  # type: ignore[no-any-return]


class JudgeObjective:
    """Draws pairs of views and asks that they agree while all dimensions vary and none repeats another."""

    def __init__(self, network: JudgeNetwork, sampler: CropSampler, pairs: int, device: torch.device) -> None:
        from lightly.loss import VICRegLoss

        self.network, self.sampler, self.pairs, self.device = network, sampler, pairs, device
        self.loss = VICRegLoss()

    def __call__(self, step: int) -> Tensor:
        places = self.sampler.sample(self.pairs)
        views = torch.cat([self._view(places), self._view(places)]).contiguous(memory_format=torch.channels_last)
        first, second = self.network(views).float().chunk(2)
        with torch.autocast(self.device.type, enabled=False):
            return self.loss(first, second)  # type: ignore[no-any-return]

    def _view(self, places: NDArray[np.uint8]) -> Tensor:
        generator, room = self.sampler.generator, CELL_PX - VIEW_PX
        patches = []
        for place in places:
            row, col = generator.integers(0, room + 1, size=2)
            patches.append(dihedral(place[row : row + VIEW_PX, col : col + VIEW_PX], int(generator.integers(8))))
        pixels = to_pixels(np.stack(patches), self.device)
        gain = 1 + 0.1 * torch.randn(len(pixels), 3, 1, 1, device=self.device)
        offset = 0.1 * torch.randn(len(pixels), 1, 1, 1, device=self.device)
        return (pixels * gain + offset).clamp(-1, 1)


def train_judge(
    images: list[TrainingImage], folder: Path, *, minutes: float, seed: int = SEED, pairs: int = 64, lr: float = 2e-3,
    device: str = "auto",
) -> nn.Module:  # fmt: skip
    """Trains for ``minutes``, going on from the checkpoint in ``folder``; returns the averaged timm network."""
    torch.manual_seed(seed)
    chosen = choose_device(device)
    network = JudgeNetwork()
    run = TrainingRun(network, folder, Budget(minutes, lr=lr), device=chosen, ema_decay=0.99)
    sampler = CropSampler(images, CELL_PX, run.ranks.seed(seed))
    run.fit(JudgeObjective(network, sampler, pairs, chosen))
    average: JudgeNetwork = run.average
    print(f"{run.step} steps of {pairs} pairs in {run.seconds:.0f} s", flush=True)
    return average.encoder


def pack_judge(folder: Path, domain: str, network: nn.Module, images: list[TrainingImage]) -> EncoderSpec:
    """Writes ``encoder.safetensors`` (float16) and ``encoder.json``; embeddings are standardised, of any length."""
    mean, deviation = standardisation(encode_patches(network, CropSampler(images, CELL_PX, SEED + 7).sample(3000)))
    spec = EncoderSpec(
        id=f"judge-{domain}", timm_name=TIMM_NAME, timm_args=TIMM_ARGS, patch_px=CELL_PX, input_px=CELL_PX, dim=DIM,
        pixel_sizes_m=tuple(trained_pixel_sizes(domain)), embedding_mean=tuple(mean.tolist()),
        embedding_std=tuple(deviation.tolist()), domain=f"{domain}, to judge and never to condition",
    )  # fmt: skip
    return save_patch_encoder(folder, spec, network.half())


def main(words: Sequence[str] | None = None) -> None:
    """Train and pack."""
    parser = argparse.ArgumentParser("python -m ssldiff_core.training.judge_encoder", description=__doc__)
    parser.add_argument("domain", choices=sorted(DOMAINS))
    parser.add_argument("--data", type=Path, required=True, help="folder with splits.csv")
    parser.add_argument("--work", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write the encoder to")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args(words)
    images = load_images(arguments.data, arguments.domain)
    with trained_together(arguments.device) as (ranks, device):
        network = train_judge(images, arguments.work / arguments.domain, minutes=arguments.minutes, device=device)
    if not ranks.first:
        return
    spec = pack_judge(arguments.output, arguments.domain, network, images)
    print(f"{arguments.output}: {spec.id}, {spec.digest[:12]}")


if __name__ == "__main__":
    main()
