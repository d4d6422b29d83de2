"""Recipe that sharpens a decoder: a critic of patches, on real latents and on latents that the denoiser drew.

L1 makes a decoder paint the mean of all that might be there: soft nuclei, soft roofs. Here the decoder alone goes on
(latents keep their meaning, so denoiser and patch encoder stay as they are) and gets an end at half resolution. It is
judged by :class:`.critics.PixelCritic`, by the patch encoder's features, and by how strong detail is in each place.
Half of a batch are real images through the encoder, which must also be rebuilt; half are latents that the denoiser drew
from grids of the training images, softer than real ones, whose picture may change in detail only.

    ssldiff train tissue --from tissue --stages sharpen,pack --data DATA --work runs/sharp -o my-models/tissue
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..embeddings.grid import EmbeddingGrid
from ..geometry import CELL_PX, LATENT_FACTOR, GridGeometry
from ..models.native_autoencoder import NativeAutoencoder
from ..models.placement import choose_device
from .autoencoder import to_pixels
from .critics import PixelCritic, balance, inner, missed_detail
from .data import CropSampler, TrainingImage, dihedral, sample_weights
from .patch_encoder import encode_patches, patches_on_lattice
from .ranks import Ranks
from .run import Budget, TrainingRun

if TYPE_CHECKING:
    from ..models.spec import Model
    from ..settings import Settings

ADVERSARIAL_SHARE = 2.0
"""How hard the critic pulls on the decoder's last layer, beside the reconstruction."""
PIXEL_SHARE = 0.3
"""What the error of single pixels counts: it asks for soft pictures."""
SLOW_START = 60
"""Steps over which the critic's pull grows."""
DETAIL = 32
"""Width of the end at half resolution that a decoder without one gets."""
INTERPOLATED = 1.0
"""How much images count at pixel sizes finer than their files', beside the others. They are smooth where others of the
same latents are rough, and a decoder that has seen few of them paints them grain."""
MOST_CELLS = 6
"""Cells along the side of a drawn canvas, at most."""


class SharpeningObjective:
    """The decoder's loss at a step, and a step of the critic before it.

    Args:
        model: its decoder is trained, its encoder left as it is.
        encoder: the patch encoder's network, whose frozen features judge too.
        sampler: of real crops.
        drawn: latents (c, h, w) that the denoiser drew, standardised.
        batch: real crops at a step, and as many drawn ones.
    """

    def __init__(
        self, model: NativeAutoencoder, encoder: nn.Module, sampler: CropSampler, drawn: list[NDArray[np.float16]],
        batch: int, device: torch.device, lr: float = 3e-4,
    ) -> None:  # fmt: skip
        self.model, self.sampler, self.drawn, self.batch, self.device = model, sampler, drawn, batch, device
        self.before = copy.deepcopy(model.decoder).eval().requires_grad_(False)
        self.critic = PixelCritic(encoder, device, lr)

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
        self.critic.teach(target, torch.cat([rebuilt, imagined]))
        return self._decoder_loss(target, rebuilt, imagined, soft, step)

    def _decoder_loss(self, target: Tensor, rebuilt: Tensor, imagined: Tensor, soft: Tensor, step: int) -> Tensor:
        error = rebuilt - target
        anchored = F.avg_pool2d(imagined - soft, 4).abs().mean()
        fooled, seen = self.critic.fooled(torch.cat([rebuilt, imagined]))
        with torch.no_grad():
            wanted = self.critic.eyes.features(target)
        unlike = torch.stack([
            (mine[: len(target)].float() - there.float()).abs().mean() / there.float().abs().mean()
            for mine, there in zip(seen, wanted, strict=True)
        ]).mean()  # fmt: skip
        faithful = PIXEL_SHARE * error.abs().mean() + 2.0 * F.avg_pool2d(error, 4).abs().mean() + 2.0 * anchored
        faithful = faithful + 0.6 * missed_detail(rebuilt, target) + 0.3 * unlike
        last = [module for module in self.model.decoder.modules() if isinstance(module, nn.Conv2d)][-1].weight
        pull = ADVERSARIAL_SHARE * min(1.0, step / SLOW_START) * balance(faithful, fooled, last, 100.0)
        return faithful + pull * fooled

    def _drawn(self, side: int) -> Tensor:
        """Random turned crops of drawn latents, before standardisation (as the decoder takes them)."""
        generator, crops = self.sampler.generator, []
        for index in generator.integers(0, len(self.drawn), size=self.batch):
            latents = self.drawn[int(index)]
            row, col = (int(generator.integers(0, length - side + 1)) for length in latents.shape[1:])
            crops.append(latents[:, row : row + side, col : col + side])
        mean, std = self.model._statistics(stacked := torch.from_numpy(np.stack(crops)).float().to(self.device))
        return stacked * std + mean


def with_detail(model: NativeAutoencoder) -> NativeAutoencoder:
    """The same autoencoder with an end at half resolution, which as yet adds nothing; itself where it has one."""
    if model.config.decoder_detail:
        return model
    options = {name: value for name, value in model.config.items() if not name.startswith("_")}
    ended = NativeAutoencoder(**{**options, "decoder_detail": DETAIL})
    end = len(model.decoder) - 2
    state = {
        name.replace(f"decoder.{end}.", f"decoder.{end}.plain.0."): value for name, value in model.state_dict().items()
    }
    missing, unexpected = ended.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.startswith(f"decoder.{end}.") for name in missing)
    return ended.eval()  # type: ignore[no-any-return]


def grids_of(
    images: list[TrainingImage], encoder: nn.Module, statistics: tuple[np.ndarray, np.ndarray], encoder_id: str,
    seed: int,
) -> Iterator[EmbeddingGrid]:  # fmt: skip
    """Grids of random crops of training images, turned at random; without end."""
    from .denoiser import unit

    generator = np.random.default_rng(seed)
    whole = [image for image in images if min(image.pixels.shape[:2]) >= CELL_PX]
    weights = sample_weights(whole, INTERPOLATED)
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
    model: NativeAutoencoder, encoder: nn.Module, images: list[TrainingImage], drawn: list[NDArray[np.float16]],
    folder: Path, *, minutes: float, seed: int = 0, batch: int = 6, crop_px: int = 128, lr: float = 5e-4,
    device: str = "auto",
) -> NativeAutoencoder:  # fmt: skip
    """Trains the decoder for ``minutes``, going on from the checkpoint in ``folder``; returns the model with the
    averaged decoder. ``encoder`` is the patch encoder's network.
    """
    torch.manual_seed(seed)
    chosen = choose_device(device)
    model = with_detail(model).to(chosen).requires_grad_(False)
    model.decoder.requires_grad_(True)
    sampler = CropSampler(images, crop_px, Ranks().seed(seed), INTERPOLATED)
    objective = SharpeningObjective(model, encoder, sampler, drawn, batch, chosen)
    run = TrainingRun(
        model.decoder, folder, Budget(minutes, lr=lr), device=chosen, optimizer="adamw", ema_decay=0.995,
        extra={"critic": objective.critic.state_dict()},
    )  # fmt: skip
    if run.checkpoint.exists():
        state = torch.load(run.checkpoint, map_location=chosen, weights_only=True)
        objective.critic.load_state_dict(state["critic"])
    run.fit(objective)
    sharp = copy.deepcopy(model)
    sharp.decoder.load_state_dict(run.average.state_dict())
    return sharp.eval()  # type: ignore[no-any-return]
