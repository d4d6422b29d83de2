"""A linear map from latents to colours, for previews, read off the autoencoder itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..diffusion.autoencoder import Autoencoder

_BLOCK, _BLOCKS = 4, 8
"""One canvas of 8 × 8 flat blocks of 4 × 4 latents: 64 colours for some twenty unknowns."""


def fit_latent_rgb(autoencoder: Autoencoder, colours: Tensor) -> tuple[tuple[float, ...], ...]:
    """Least squares from latents to the mean colour of what they decode to -> 3 rows of (channels + 1) numbers.

    Args:
        autoencoder: decodes.
        colours: (n, channels) latents to show, e.g. codes or draws of a normal distribution; 64 of them are taken.
    """
    count = _BLOCKS * _BLOCKS
    generator = torch.Generator().manual_seed(0)
    taken = colours.detach()[torch.randint(len(colours), (count,), generator=generator)].float().cpu()
    blocks = taken.T.reshape(1, -1, _BLOCKS, _BLOCKS)
    canvas = blocks.repeat_interleave(_BLOCK, 2).repeat_interleave(_BLOCK, 3)
    pixels = autoencoder.decode(canvas).float().cpu().clamp(-1.0, 1.0)
    means = F.avg_pool2d(pixels, _BLOCK * autoencoder.factor)[0].flatten(1).T
    known = torch.cat([taken, torch.ones(count, 1)], dim=1)
    # a little ridge: a channel that decides nothing gets nothing
    solved = torch.linalg.solve(known.T @ known + 1e-3 * torch.eye(known.shape[1]), known.T @ means)
    return tuple(tuple(float(value) for value in row) for row in solved.T)
