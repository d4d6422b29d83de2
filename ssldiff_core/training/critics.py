"""Critics of pixels: real or made? What a decoder, and a student through its decoder, are judged by.

A critic that looks at pixels alone stays blind here for thousands of steps: the finest detail, which is what made
pixels lack, is a small part of their variance. :class:`PatchCritic` therefore also gets that detail enlarged, and tells
96 of 100 places after 160 steps. :class:`EncoderCritic` looks with the frozen eyes of the patch encoder (Projected
GAN, arXiv 2111.01007).
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..geometry import LATENT_FACTOR

MARGIN_LAT = 2
"""Latents along the edge of a crop that no loss looks at: there the decoder saw mirrored surroundings."""
LEAST_DETAIL = 0.004
"""A strength of detail that nobody sees: half a level of 8 bits."""
DETAIL_GAIN = 8.0
"""How much the finest detail is enlarged for the critic of patches."""


class PatchCritic(nn.Module):
    """Pixels, and their finest detail, to one number for each place: is the patch of about 46 px around it real?

    PatchGAN (arXiv 1611.07004) with spectral norms (arXiv 1802.05957).
    """

    def __init__(self, channels: tuple[int, int, int] = (48, 96, 192)) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for before, after in pairwise((6, *channels)):
            self.layers.extend([spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)])
        last = channels[-1]
        self.layers.extend([spectral_norm(nn.Conv2d(last, last, 3, padding=1)), nn.LeakyReLU(0.2)])
        self.score = spectral_norm(nn.Conv2d(last, 1, 3, padding=1))

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, h, w) in [-1, 1] -> scores (n, 1, h / 8, w / 8)."""
        detail = DETAIL_GAIN * (pixels - _softened(pixels))
        return self.score(self.layers(torch.cat([pixels, detail], dim=1)))  # type: ignore[no-any-return]


class EncoderCritic(nn.Module):
    """The frozen patch encoder's features at four depths, each with a head that scores every place.

    Args:
        encoder: a ResNet of timm, on pixels in [-1, 1].
    """

    spread: Tensor

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).float().eval().requires_grad_(False)
        with torch.no_grad():
            widths = [part.shape[1] for part in self.features(torch.zeros(1, 3, 64, 64))]
        self.heads = nn.ModuleList(scoring_head(width) for width in widths)
        self.register_buffer("spread", torch.zeros(len(widths)))

    def features(self, pixels: Tensor) -> list[Tensor]:
        """Of the stem and of three stages: (n, c, h / s, w / s) for s = 2, 4, 8, 16."""
        network = cast("dict[str, nn.Module]", dict(self.encoder.named_children()))
        x = network["act1"](network["bn1"](network["conv1"](pixels)))
        found, x = [x], network["maxpool"](x)
        for stage in ("layer1", "layer2", "layer3"):
            x = network[stage](x)
            found.append(x)
        return found

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Scores of each depth (n, 1, h', w'); the first features seen set the unit of all that follow."""
        if not self.spread.any():
            self.spread.copy_(torch.stack([part.detach().float().std() for part in features]))
        return [head(part / unit) for head, part, unit in zip(self.heads, features, self.spread, strict=True)]


class PixelCritic(nn.Module):
    """Both critics, and how they learn: the hinge loss, real pixels counting as much as all made ones.

    Args:
        encoder: the patch encoder's network.
        lr: learning rate of the critic of patches; that of the heads is three times as high.
    """

    def __init__(self, encoder: nn.Module, device: torch.device, lr: float = 3e-4) -> None:
        super().__init__()
        self.patches, self.eyes = PatchCritic(), EncoderCritic(encoder)
        self.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups: list[dict[str, Any]] = [
            {"params": self.patches.parameters()}, {"params": self.eyes.heads.parameters(), "lr": 3 * lr}
        ]  # fmt: skip
        self.optimizer = torch.optim.Adam(groups, lr=lr, betas=(0.5, 0.99))
        self._learns(False)

    def teach(self, real: Tensor, made: Tensor) -> float:
        """One step on pixels (n, 3, h, w) and (m, 3, h, w), neither of which gets gradients. Returns the hinge loss of
        the critic of patches: 2 where it cannot tell, 0 where it always can.
        """
        both, count = torch.cat([real, made]).detach(), len(real)
        with torch.no_grad():
            seen = self.eyes.features(both)
        self._learns(True)
        by_patches = _hinge(self.patches(both), count)
        loss = by_patches + torch.stack([_hinge(scores, count) for scores in self.eyes(seen)]).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self._learns(False)
        return float(by_patches.detach())

    def fooled(self, made: Tensor) -> tuple[Tensor, list[Tensor]]:
        """How little made pixels (m, 3, h, w) deceive, to be made small, and the encoder's features of them."""
        seen = self.eyes.features(made)
        by_eyes = torch.stack([scores.float().mean() for scores in self.eyes(seen)]).mean()
        return -self.patches(made).float().mean() - by_eyes, seen

    def _learns(self, yes: bool) -> None:
        self.patches.requires_grad_(yes)
        self.eyes.heads.requires_grad_(yes)


def inner(pixels: Tensor) -> Tensor:
    """Without the margin that no loss looks at."""
    edge = MARGIN_LAT * LATENT_FACTOR
    return pixels[..., edge:-edge, edge:-edge]


def scoring_head(channels: int) -> nn.Sequential:
    """Features (n, channels, h, w) to a score of each place (n, 1, h, w)."""
    return nn.Sequential(
        spectral_norm(nn.Conv2d(channels, 64, 1)), nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(64, 64, 3, padding=1)), nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(64, 1, 1)),
    )  # fmt: skip


def balance(faithful: Tensor, fooled: Tensor, last: Tensor, most: float) -> Tensor:
    """The factor at which ``fooled`` pulls on the last layer's weights as hard as ``faithful`` (VQGAN, arXiv
    2012.09841), at most ``most``.
    """
    pulls = [torch.autograd.grad(part, last, retain_graph=True)[0].norm() for part in (faithful, fooled)]
    return (pulls[0] / (pulls[1] + 1e-8)).clamp(0, most).detach()  # type: ignore[no-any-return]


def missed_detail(made: Tensor, wanted: Tensor) -> Tensor:
    """How far the strength of detail in made pixels (n, 3, h, w) is from that in the wanted ones: mean over three bands
    and over places of 8×8 of the logarithm of their ratio, so that detail too much in a smooth place counts as detail
    missing in a rough one. Where it lies within a place does not count.
    """
    missed = [
        ((mine + LEAST_DETAIL) / (true + LEAST_DETAIL)).log().abs().mean()
        for mine, true in zip(_strengths(made), _strengths(wanted), strict=True)
    ]
    return torch.stack(missed).mean()


def _strengths(pixels: Tensor) -> list[Tensor]:
    found = []
    for band in range(3):
        soft = _softened(pixels)
        found.append((F.avg_pool2d((pixels - soft).square(), 8, 4) + 1e-6).sqrt())
        pixels = F.avg_pool2d(soft, 2) if band < 2 else soft
    return found


def _softened(pixels: Tensor) -> Tensor:
    """The mean of every pixel and its eight neighbours."""
    return F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="reflect"), 3, 1)


def _hinge(scores: Tensor, count: int) -> Tensor:
    """Of scores of which the first ``count`` are of real ones."""
    return F.relu(1 - scores[:count].float()).mean() + F.relu(1 + scores[count:].float()).mean()
