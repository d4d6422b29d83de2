"""Recipe of the student: a denoiser that draws in four steps, taught by a critic that looks with the denoiser's eyes.

At four steps a denoiser trained by squared error gives means of what might be there. The student begins with the
denoiser's weights; its estimates of the clean latents are noised anew and shown, with their condition, to the frozen
denoiser, whose features small heads call real or made (latent adversarial distillation, arXiv 2403.12015). Half of what
the student begins from are real latents with noise, where the squared error of its velocity still counts; half are what
it has drawn itself so far, as when it is used. It needs no guidance: what guidance gives, the critic asks for.
Whole cells of its estimates are also decoded: judged as pixels, beside real latents decoded (what the decoder lacks is
none of its faults), and read by the patch encoder, whose embedding must be the one asked for.

    ssldiff train tissue --from tissue --stages student --data DATA --work runs/student -o my-models/tissue
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..diffusion.schedule import noise_levels
from ..geometry import CELL_PX, LATENT_FACTOR
from ..models.native import NativeDenoiser
from ..models.native_autoencoder import NativeAutoencoder
from ..models.placement import choose_device
from .critics import MARGIN_LAT, PixelCritic, balance, inner, scoring_head
from .denoiser import CachedImage, FieldCrops, VelocityObjective
from .run import Budget, TrainingRun

STUDENT_STEPS = 4
FIRST_SHARE = 0.4
"""Share of training at the first step, from pure noise; the others share the rest."""
ADVERSARIAL_SHARE = 1.0
"""How hard the critic pulls on the student's last layer, beside the squared error."""
SLOW_START = 150
"""Steps over which the critics' pull grows."""
PIXEL_SHARE = 0.3
"""How hard the critic of pixels pulls on the last layer, beside the squared error. At 1 details became too strong, and
at 0.3 the textures of aerial images restless after 311 steps: look at what comes out, and mix it with what was before.
"""
READ_SHARE = 0.5
"""How hard the embedding read back pulls on the last layer, beside the squared error."""
CELL_LAT = CELL_PX // LATENT_FACTOR
DECODE_EVERY = 2
"""Of so many crops one has a cell decoded."""


class LatentCritic(nn.Module):
    """Are these latents, with noise of a level, those of a real image under this condition? One score a place, from
    each of several depths of the frozen denoiser.
    """

    def __init__(self, denoiser: NativeDenoiser) -> None:
        super().__init__()
        self.eyes = copy.deepcopy(denoiser).eval().requires_grad_(False)
        self._seen: list[Tensor] = []
        fine, coarse = denoiser.config.channels
        depths = [self.eyes.before[-1], self.eyes.middle[1], self.eyes.middle[-1], self.eyes.after[-1]]
        for block in depths:
            block.register_forward_hook(self._keep)
        self.heads = nn.ModuleList(scoring_head(width) for width in (fine, coarse, coarse, fine))

    def _keep(self, block: nn.Module, inputs: Any, output: Tensor) -> None:
        self._seen.append(output)

    def forward(self, latents: Tensor, level: Tensor, told: Tensor, size: Tensor) -> list[Tensor]:
        """Noisy latents (n, c, h, w), levels (n,), what :meth:`NativeDenoiser.tell` made, pixel sizes (n,) -> scores
        (n, 1, h', w') of each depth.
        """
        self._seen.clear()
        self.eyes.velocity(latents, level, told, size)
        seen, self._seen = self._seen, []
        return [head(features) for head, features in zip(self.heads, seen, strict=True)]


class StudentObjective(VelocityObjective):
    """The student's loss at a step, and a step of the critics before it.

    Args:
        crops: at least 31 latents wide, so that each holds a whole cell.
        autoencoder: decodes for the critic of pixels; frozen.
        encoder: the patch encoder's network, part of that critic; it also reads what was drawn.
        statistics: mean and deviation of its output, (dim,) each.
        lr: learning rate of the critic of latents.
    """

    def __init__(
        self, model: NativeDenoiser, crops: FieldCrops, batch: int, device: torch.device,
        autoencoder: NativeAutoencoder, encoder: nn.Module, statistics: tuple[np.ndarray, np.ndarray],
        lr: float = 5e-4,
    ) -> None:  # fmt: skip
        super().__init__(model, crops, batch, device)
        self.encoder = copy.deepcopy(encoder).float().to(device).eval().requires_grad_(False)
        self.mean, self.deviation = (torch.from_numpy(part).float().to(device) for part in statistics)
        self.autoencoder = copy.deepcopy(autoencoder).float().to(device).requires_grad_(False)
        self.pixel_critic = PixelCritic(encoder, device)
        self.critic = LatentCritic(model).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.critic.heads.parameters(), lr=lr, betas=(0.0, 0.99))
        self.levels = noise_levels(STUDENT_STEPS)

    def __call__(self, step: int) -> Tensor:
        latents, condition, there, place, size = (part.to(self.device) for part in self.crops.sample(self.batch))
        latents = latents.contiguous(memory_format=torch.channels_last)
        valid = self._validity(latents) * there
        with torch.no_grad():
            told_critic = self.critic.eyes.tell(condition, valid, place)
        told = self.model.tell(condition, valid, place)
        index = self._draw_step()
        level = torch.full((len(latents),), self.levels[index], device=self.device)
        noise = torch.randn_like(latents)
        start = torch.lerp(latents, noise, level[:, None, None, None])
        half = len(latents) // 2
        with torch.no_grad():
            start[half:] = self._drawn_so_far(noise[half:], told[half:], size[half:], index)
        velocity = self.model.velocity(start, level, told, size).float()
        estimate = start - level[:, None, None, None] * velocity
        error = (velocity[:half] - (noise - latents)[:half]).square().mean()
        by_latents = self._judged(latents, estimate, told_critic, size)
        by_pixels, unread = self._judged_as_pixels(latents, estimate, condition, valid, place)
        rise, last = min(1.0, step / SLOW_START), self.model.to_latents.weight
        judgements = ((ADVERSARIAL_SHARE, by_latents), (PIXEL_SHARE, by_pixels), (READ_SHARE, unread))
        return error + sum(share * rise * balance(error, part, last, 10.0) * part for share, part in judgements)

    def _draw_step(self) -> int:
        """Which of its steps the student takes."""
        if torch.rand(()) < FIRST_SHARE:
            return 0
        return int(torch.randint(1, STUDENT_STEPS, ()))

    def _drawn_so_far(self, noise: Tensor, told: Tensor, size: Tensor, steps: int) -> Tensor:
        """Where the student's own steps lead from noise."""
        x = noise
        for now, after in zip(self.levels[:steps], self.levels[1 : steps + 1], strict=True):
            level = torch.full((len(x),), now, device=self.device)
            x = x + (after - now) * self.model.velocity(x, level, told, size).float()
        return x

    def _judged(self, real: Tensor, made: Tensor, told: Tensor, size: Tensor) -> Tensor:
        """Teaches the critic, and returns how little it is fooled."""
        level = torch.sigmoid(torch.randn(len(real), device=self.device))
        noise, at = torch.randn_like(real), level[:, None, None, None]
        shown = torch.lerp(made, noise, at)
        self.critic.heads.requires_grad_(True)
        with torch.no_grad():
            both = torch.cat([torch.lerp(real, noise, at), shown.detach()])
        scores = self.critic(both, level.repeat(2), told.repeat(2, 1, 1, 1), size.repeat(2))
        loss = _mean([F.relu(1 - s[: len(real)]) + F.relu(1 + s[len(real) :]) for s in scores])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.critic.heads.requires_grad_(False)
        return -_mean(self.critic(shown, level, told, size))

    def _judged_as_pixels(
        self, real: Tensor, made: Tensor, condition: Tensor, valid: Tensor, place: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Decodes a whole cell of some crops. Teaches the critic of pixels on them, and returns how little it is
        fooled, and how unlike the embeddings read back are those asked for: 1 - cosine, where one was asked for.
        """
        cells = whole_cells(place, DECODE_EVERY)
        with torch.no_grad():
            wanted = inner(self.autoencoder.decode(_around(real, cells)))
            asked, told = (_in_the_middle(part, cells) for part in (condition, valid))
        drawn = inner(self.autoencoder.decode(_around(made, cells)))
        self.pixel_critic.teach(wanted, drawn)
        found = (self.encoder(drawn).float() - self.mean) / self.deviation
        unlike = 1.0 - F.cosine_similarity(found, asked, dim=1)
        held = (told[:, 0] > 0.5).float()
        return self.pixel_critic.fooled(drawn)[0], (held * unlike).sum() / held.sum().clamp_min(1.0)


def whole_cells(place_cell: Tensor, every: int = 1) -> list[tuple[int, int, int]]:
    """A cell that lies in it whole of every so manyth crop that has one, chosen at random: index of the crop, first row
    and first column of the cell in latents.

    Args:
        place_cell: (n, 2, h, w), fractions of a cell, 0 at cell centres, as :class:`.denoiser.FieldCrops` gives them.
    """
    first, found = (0.5 + 0.5 / CELL_LAT), []
    for index in range(0, len(place_cell), every):
        place, corner = place_cell[index], []
        for along in (place[0, :, 0], place[1, 0, :]):
            starts = ((along % 1.0 - first).abs() < 1e-3).nonzero()[:, 0]
            starts = starts[starts <= len(along) - CELL_LAT]
            if len(starts):
                corner.append(int(starts[int(torch.randint(len(starts), ()))]))
        if len(corner) == 2:
            found.append((index, corner[0], corner[1]))
    return found


def _around(latents: Tensor, cells: list[tuple[int, int, int]]) -> Tensor:
    """Cells with the margin that no loss looks at, mirrored at the edges of crops."""
    side = CELL_LAT + 2 * MARGIN_LAT
    padded = F.pad(latents, (MARGIN_LAT,) * 4, mode="reflect")
    return torch.stack([padded[i, :, row : row + side, col : col + side] for i, row, col in cells])


def _in_the_middle(field: Tensor, cells: list[tuple[int, int, int]]) -> Tensor:
    """What a field (n, c, h, w) says at the centres of cells, (cells, c): the mean of the four latents there."""
    at = CELL_LAT // 2
    return torch.stack([
        field[i, :, row + at - 1 : row + at + 1, col + at - 1 : col + at + 1].mean(dim=(1, 2)) for i, row, col in cells
    ])  # fmt: skip


def _mean(scores: list[Tensor]) -> Tensor:
    """Of all depths alike."""
    return torch.stack([part.float().mean() for part in scores]).mean()


def train_student(
    denoiser: NativeDenoiser, autoencoder: NativeAutoencoder, encoder: nn.Module,
    statistics: tuple[np.ndarray, np.ndarray], cached: list[CachedImage], folder: Path, *, minutes: float,
    seed: int = 0, batch: int = 12, crop_lat: int = 40, lr: float = 2e-4,
    field_noise: float = 0.3, device: str = "auto", start: NativeDenoiser | None = None,
) -> NativeDenoiser:  # fmt: skip
    """Trains a student of a denoiser for ``minutes`` (going on from the folder's checkpoint, or from the weights of
    ``start``) and returns the averaged weights: a denoiser for :data:`STUDENT_STEPS` Euler steps without guidance.
    """
    torch.manual_seed(seed)
    chosen = choose_device(device)
    model = copy.deepcopy(denoiser if start is None else start).to(chosen)
    run = TrainingRun(
        model, folder, Budget(minutes, lr=lr), device=chosen, optimizer="adamw", ema_decay=0.998, weight_decay=0.0
    )
    crops = FieldCrops(cached, crop_lat, run.ranks.seed(seed + 1 + run.step), field_noise)
    objective = StudentObjective(model, crops, batch, chosen, autoencoder, encoder, statistics)
    objective.critic.eyes.load_state_dict(denoiser.state_dict())
    critics = {"heads": objective.critic.heads, "pixel_critic": objective.pixel_critic}
    run.extra |= {name: critic.state_dict() for name, critic in critics.items()}
    if run.checkpoint.exists():
        state = torch.load(run.checkpoint, map_location=chosen, weights_only=True)
        for name, critic in critics.items():
            critic.load_state_dict(state[name])
    run.fit(objective)
    average: NativeDenoiser = run.average
    return average
