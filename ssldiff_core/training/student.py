"""Recipe of the student: a denoiser that draws in four steps, taught by a critic that looks with the denoiser's eyes.

At four steps a denoiser trained by squared error gives means of what might be there. The student begins with the
denoiser's weights; its estimates of the clean latents are noised anew and shown, with their condition, to the frozen
denoiser, whose features small heads call real or made (latent adversarial distillation, arXiv 2403.12015). Half of what
the student begins from are real latents with noise, where the squared error of its velocity still counts; half are what
it has drawn itself so far, as when it is used. It needs no guidance: what guidance gives, the critic asks for.
Estimates are also decoded and judged as pixels, beside real latents decoded: what the decoder lacks is none of its
faults.

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
from ..models.native import NativeDenoiser
from ..models.native_autoencoder import NativeAutoencoder
from ..models.placement import choose_device
from .critics import PixelCritic, balance, inner, scoring_head
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
"""How hard the critic of pixels pulls on the last layer, beside the squared error. At 1 details became too strong."""
DECODED_LAT = 20
"""Side in latents of the part of a crop that is decoded for the critic of pixels."""


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
        autoencoder: decodes for the critic of pixels; frozen.
        encoder: the patch encoder's network, part of that critic.
        lr: learning rate of the critic of latents.
    """

    def __init__(
        self, model: NativeDenoiser, crops: FieldCrops, batch: int, device: torch.device,
        autoencoder: NativeAutoencoder, encoder: nn.Module, lr: float = 5e-4,
    ) -> None:  # fmt: skip
        super().__init__(model, crops, batch, device)
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
        by_pixels = self._judged_as_pixels(latents, estimate)
        rise, last = min(1.0, step / SLOW_START), self.model.to_latents.weight
        return (
            error
            + ADVERSARIAL_SHARE * rise * balance(error, by_latents, last, 10.0) * by_latents
            + PIXEL_SHARE * rise * balance(error, by_pixels, last, 10.0) * by_pixels
        )

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

    def _judged_as_pixels(self, real: Tensor, made: Tensor) -> Tensor:
        """Teaches the critic of pixels on every second crop's part, and returns how little it is fooled."""
        side = min(DECODED_LAT, real.shape[-1])
        row, col = (int(torch.randint(0, length - side + 1, ())) for length in real.shape[2:])
        part = np.s_[::2, :, row : row + side, col : col + side]
        with torch.no_grad():
            wanted = inner(self.autoencoder.decode(real[part]))
        drawn = inner(self.autoencoder.decode(made[part]))
        self.pixel_critic.teach(wanted, drawn)
        return self.pixel_critic.fooled(drawn)[0]


def _mean(scores: list[Tensor]) -> Tensor:
    """Of all depths alike."""
    return torch.stack([part.float().mean() for part in scores]).mean()


def train_student(
    denoiser: NativeDenoiser, autoencoder: NativeAutoencoder, encoder: nn.Module, cached: list[CachedImage],
    folder: Path, *, minutes: float, seed: int = 0, batch: int = 12, crop_lat: int = 40, lr: float = 2e-4,
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
    objective = StudentObjective(model, crops, batch, chosen, autoencoder, encoder)
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
