"""Recipe that sharpens a decoder: a critic of patches, on real latents and on latents that the denoiser drew.

L1 makes a decoder paint the mean of all that might be there: soft nuclei, soft roofs. Here the decoder alone goes on
(latents keep their meaning, so denoiser and patch encoder stay as they are), judged by a critic of small patches
(PatchGAN, arXiv 1611.07004, with spectral norms, arXiv 1802.05957, and the weight of VQGAN, arXiv 2012.09841). Half of
a batch are real images through the encoder, which must also be rebuilt; half are latents that the denoiser drew from
grids of the training images, softer than real ones, whose picture may change in detail only.

    ssldiff train tissue --from tissue --stages sharpen,pack --data DATA --work runs/sharp -o my-models/tissue
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..embeddings.grid import EmbeddingGrid
from ..geometry import CELL_PX, LATENT_FACTOR, GridGeometry
from ..models.native import NativeAutoencoder
from ..models.placement import choose_device
from .autoencoder import to_pixels
from .data import CropSampler, TrainingImage, dihedral, sample_weights
from .patch_encoder import encode_patches, patches_on_lattice
from .ranks import Ranks
from .run import Budget, TrainingRun

if TYPE_CHECKING:
    from ..models.spec import Model
    from ..settings import Settings

MARGIN_LAT = 2
"""Latents along the edge of a crop that no loss looks at: there the decoder saw mirrored surroundings."""
ADVERSARIAL_SHARE = 0.6
"""How hard the critic pulls on the decoder's last layer, beside the reconstruction."""
MOST_CELLS = 6
"""Cells along the side of a drawn canvas, at most."""


class PatchCritic(nn.Module):
    """Pixels to one number for each place: is the patch of about 46 px around it real? Features on the way."""

    def __init__(self, channels: tuple[int, int, int] = (48, 96, 192)) -> None:
        super().__init__()
        widths = (3, *channels)
        self.layers = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in pairwise(widths))
        self.mix = spectral_norm(nn.Conv2d(channels[-1], channels[-1], 3, padding=1))
        self.score = spectral_norm(nn.Conv2d(channels[-1], 1, 3, padding=1))

    def forward(self, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(n, 3, h, w) in [-1, 1] -> scores (n, 1, h / 8, w / 8), and the features of every layer."""
        features = []
        x = pixels
        for layer in [*self.layers, self.mix]:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.score(x), features


class SharpeningObjective:
    """The decoder's loss at a step, and a step of the critic before it.

    Args:
        model: its decoder is trained, its encoder left as it is.
        sampler: of real crops.
        drawn: latents (c, h, w) that the denoiser drew, standardised.
        batch: real crops at a step, and as many drawn ones.
    """

    def __init__(
        self, model: NativeAutoencoder, sampler: CropSampler, drawn: list[NDArray[np.float16]], batch: int,
        device: torch.device, lr: float = 3e-4,
    ) -> None:  # fmt: skip
        self.model, self.sampler, self.drawn, self.batch, self.device = model, sampler, drawn, batch, device
        self.before = copy.deepcopy(model.decoder).eval().requires_grad_(False)
        self.critic = PatchCritic().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=lr, betas=(0.5, 0.99))

    def __call__(self, step: int) -> Tensor:
        pixels = to_pixels(self.sampler.sample(self.batch), self.device)
        with torch.no_grad():
            real = self.model.encode_raw(pixels).float()
            level = 0.1 * torch.rand(len(real), 1, 1, 1, device=self.device)
            real = real + level * torch.randn_like(real)
            drawn = self._drawn(pixels.shape[-1] // LATENT_FACTOR)
            soft = inner(self.before(drawn).float())
        made = self.model.decode_raw(torch.cat([real, drawn])).float()
        rebuilt, imagined = (inner(part) for part in made.chunk(2))
        target = inner(pixels)
        self._teach_critic(target, torch.cat([rebuilt, imagined]).detach())
        return self._decoder_loss(target, rebuilt, imagined, soft, step)

    def _teach_critic(self, real: Tensor, made: Tensor) -> None:
        """One step by the hinge loss; real patches count as much as all made ones."""
        self.critic.requires_grad_(True)
        made_scores, real_scores = self.critic(made)[0].float(), self.critic(real)[0].float()
        loss = F.relu(1 - real_scores).mean() + F.relu(1 + made_scores).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.critic.requires_grad_(False)

    def _decoder_loss(self, target: Tensor, rebuilt: Tensor, imagined: Tensor, soft: Tensor, step: int) -> Tensor:
        error = rebuilt - target
        detail = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        anchored = F.avg_pool2d(imagined - soft, 4).abs().mean()
        faithful = error.abs().mean() + 0.5 * detail + 2.0 * F.avg_pool2d(error, 4).abs().mean() + 2.0 * anchored
        scores, features = self.critic(torch.cat([rebuilt, imagined]))
        with torch.no_grad():
            _, wanted = self.critic(target)
        count = len(target)
        matched = sum(
            (mine[:count].float() - there.float()).abs().mean() / there.float().abs().mean()
            for mine, there in zip(features, wanted, strict=True)
        ) / len(features)
        fooled = -scores.float().mean()
        return faithful + 0.1 * matched + self._weight(faithful, fooled, step) * fooled  # type: ignore[no-any-return]

    def _weight(self, faithful: Tensor, fooled: Tensor, step: int) -> Tensor:
        """So that the critic pulls on the last layer as a share of what the reconstruction does; slowly at first."""
        last = [module for module in self.model.decoder if isinstance(module, nn.Conv2d)][-1].weight
        pulls = [torch.autograd.grad(part, last, retain_graph=True)[0].norm() for part in (faithful, fooled)]
        balance: Tensor = (pulls[0] / (pulls[1] + 1e-6)).clamp(0, 100).detach()
        return ADVERSARIAL_SHARE * min(1.0, step / 200) * balance

    def _drawn(self, side: int) -> Tensor:
        """Random turned crops of drawn latents, before standardisation (as the decoder takes them)."""
        generator, crops = self.sampler.generator, []
        for index in generator.integers(0, len(self.drawn), size=self.batch):
            latents = self.drawn[int(index)]
            row, col = (int(generator.integers(0, length - side + 1)) for length in latents.shape[1:])
            crops.append(latents[:, row : row + side, col : col + side])
        mean, std = self.model._statistics(stacked := torch.from_numpy(np.stack(crops)).float().to(self.device))
        return stacked * std + mean


def inner(pixels: Tensor) -> Tensor:
    """Without the margin that no loss looks at."""
    edge = MARGIN_LAT * LATENT_FACTOR
    return pixels[..., edge:-edge, edge:-edge]


def grids_of(
    images: list[TrainingImage], encoder: nn.Module, statistics: tuple[np.ndarray, np.ndarray], encoder_id: str,
    seed: int,
) -> Iterator[EmbeddingGrid]:  # fmt: skip
    """Grids of random crops of training images, turned at random; without end."""
    from .denoiser import unit

    generator = np.random.default_rng(seed)
    whole = [image for image in images if min(image.pixels.shape[:2]) >= CELL_PX]
    weights = sample_weights(whole)
    while True:
        image = whole[int(generator.choice(len(whole), p=weights))]
        pixels = dihedral(image.pixels, int(generator.integers(8)))
        cells = [min(MOST_CELLS, length // CELL_PX) for length in pixels.shape[:2]]
        row, col = (
            int(generator.integers(0, length - n * CELL_PX + 1))
            for length, n in zip(pixels.shape[:2], cells, strict=True)
        )
        crop = np.ascontiguousarray(pixels[row : row + cells[0] * CELL_PX, col : col + cells[1] * CELL_PX])
        patches = patches_on_lattice(crop, CELL_PX)
        flat = np.ascontiguousarray(patches.reshape(-1, CELL_PX, CELL_PX, 3))
        vectors = unit(encode_patches(encoder, flat), *statistics).reshape(*cells, -1)
        geometry = GridGeometry((cells[0], cells[1]), image.pixel_size_m)
        yield EmbeddingGrid(vectors, np.ones(cells, bool), geometry, encoder_id)


def draw_latents(
    model: Model, grids: Iterator[EmbeddingGrid], cells: int, ways: Sequence[Settings]
) -> list[NDArray[np.float16]]:
    """Clean latents (c, h, w), standardised, that the model draws of grids, until there are so many cells.

    Args:
        ways: how, by turns; the seeds are others.
    """
    from ..generate import generate

    drawn: list[NDArray[np.float16]] = []
    while cells > 0:
        grid = next(grids)
        *_, last = generate(grid, replace(ways[len(drawn) % len(ways)], seed=len(drawn)), model=model)
        assert last.result is not None
        drawn.append(last.result.latents.numpy().astype(np.float16))
        cells -= grid.valid.size
    return drawn


def sharpen_decoder(
    model: NativeAutoencoder, images: list[TrainingImage], drawn: list[NDArray[np.float16]], folder: Path, *,
    minutes: float, seed: int = 0, batch: int = 6, crop_px: int = 128, lr: float = 3e-4, device: str = "auto",
) -> NativeAutoencoder:  # fmt: skip
    """Trains the decoder for ``minutes``, going on from the checkpoint in ``folder``; returns the model with the
    averaged decoder.
    """
    torch.manual_seed(seed)
    chosen = choose_device(device)
    model = model.to(chosen).requires_grad_(False)
    model.decoder.requires_grad_(True)
    sampler = CropSampler(images, crop_px, Ranks().seed(seed))
    objective = SharpeningObjective(model, sampler, drawn, batch, chosen)
    run = TrainingRun(
        model.decoder, folder, Budget(minutes, lr=lr), device=chosen, optimizer="adamw", ema_decay=0.998,
        extra={"critic": objective.critic.state_dict()},
    )  # fmt: skip
    if run.checkpoint.exists():
        state = torch.load(run.checkpoint, map_location=chosen, weights_only=True)
        objective.critic.load_state_dict(state["critic"])
    run.fit(objective)
    sharp = copy.deepcopy(model)
    sharp.decoder.load_state_dict(run.average.state_dict())
    return sharp.eval()  # type: ignore[no-any-return]
