"""Sampling grids from the prior's network: guidance, a sketch that stays, and windows where a layout is large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .grid_prior import GridPriorNetwork

WINDOW_CELLS = 32
"""Longest side that the network has seen; a larger layout is estimated in windows."""
STEPS = 24
_STRIDE_CELLS = 24
GUIDED_FROM = 0.8
"""Noise level below which nothing is led: what lies where is decided by then."""
LIKENESS = 0.8
"""Correlation of the noise of a layout with that of the one it is to stay near to."""


def grid_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise of a candidate; its stream is numpy's Philox, the same on every machine."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    return torch.from_numpy(generator.standard_normal(shape, dtype=np.float32))


def noise_levels(steps: int) -> list[float]:
    """From 1 to 0; smaller steps at high noise, where the layout is decided."""
    return [1.0 - (i / steps) ** 1.3 for i in range(steps + 1)]


@torch.inference_mode()
def sample_grids(
    network: GridPriorNetwork, phrases: NDArray[np.float32], negative: NDArray[np.float32],
    shape_cell: tuple[int, int], pixel_size_m: float, seeds: Sequence[int], *, guidance_scale: float,
    steps: int = STEPS, known: NDArray[np.float32] | None = None, known_valid: NDArray[np.bool_] | None = None,
    like_seed: int | None = None, watch: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float32]:  # fmt: skip
    """One grid for each seed.

    Args:
        network: on its device, in evaluation mode.
        phrases: (k, text_dim) unit vectors, of what to show; may be none.
        negative: (m, text_dim) of what to lead away from; where there is none, from a layout without words.
        shape_cell: (rows, cols).
        pixel_size_m: metres along a pixel.
        seeds: of the candidates.
        guidance_scale: 1 is off.
        steps: of the solver (first order, deterministic).
        known: (rows, cols, dim) embeddings of length 1 that are fixed where ``known_valid`` (rows, cols) says so.
        like_seed: the noise of the candidates is mostly that of this seed, so that their layouts are near to its.
        watch: called before each step with how many are done, of how many; what it raises ends the sampling.

    Returns:
        (n, rows, cols, dim) float32 of length 1; fixed cells exactly as given.
    """
    device, dim = network.null_phrase.device, int(network.config.dim)
    shape = (len(seeds), *shape_cell, dim)
    noise = torch.stack([grid_noise(seed, shape[1:]) for seed in seeds]).to(device)
    if like_seed is not None:
        noise = LIKENESS * grid_noise(like_seed, shape[1:]).to(device) + (1 - LIKENESS**2) ** 0.5 * noise
    given, fixed = _sketch(known, known_valid, shape, device)
    estimate = _Guided(network, phrases, negative, len(seeds), pixel_size_m, given, fixed, guidance_scale)
    levels = noise_levels(steps)
    x = noise
    for done, (level, following) in enumerate(pairwise(levels)):
        watch(done, steps)
        x = torch.where(fixed[..., None], (1 - level) * given + level * noise, x)
        clean = torch.where(fixed[..., None], given, estimate(x, level))
        remaining = (x - (1 - level) * clean) / level
        x = (1 - following) * clean + following * remaining
    vectors = torch.nn.functional.normalize(x.float(), dim=-1).cpu().numpy()
    if known is not None and known_valid is not None:
        vectors[:, known_valid] = known[known_valid]
    return np.asarray(vectors, dtype=np.float32)


class _Guided:
    """The clean grid as the network estimates it, led by the phrases, away from the negative ones."""

    def __init__(
        self, network: GridPriorNetwork, phrases: NDArray[np.float32], negative: NDArray[np.float32], count: int,
        pixel_size_m: float, given: Tensor, fixed: Tensor, guidance_scale: float,
    ) -> None:  # fmt: skip
        self.network, self.scale = network, guidance_scale
        device = given.device
        self.told = []
        for vectors in (phrases, negative):
            tokens = torch.from_numpy(np.ascontiguousarray(vectors)).to(device).expand(count, -1, -1)
            valid = torch.ones(tokens.shape[:2], dtype=torch.bool, device=device)
            self.told.append((tokens, valid))
        self.known = given * fixed[..., None]
        self.fixed = fixed
        self.pixel_size_m = torch.full((count,), pixel_size_m, device=device)
        self.length = given.shape[-1] ** 0.5

    def __call__(self, x: Tensor, level: float) -> Tensor:
        shown = self._estimate(x, level, *self.told[0])
        if self.scale != 1.0 and level >= GUIDED_FROM:
            away = self._estimate(x, level, *self.told[1])
            shown = away + self.scale * (shown - away)
        length = shown.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        within: Tensor = shown * (self.length / length).clamp(max=1.0)  # no embedding is longer
        return within

    def _estimate(self, x: Tensor, level: float, tokens: Tensor, valid: Tensor) -> Tensor:
        rows, cols = x.shape[1:3]
        starts = [_starts(side) for side in (rows, cols)]
        total, weight = torch.zeros_like(x), x.new_zeros(rows, cols, 1)
        for row in starts[0]:
            for col in starts[1]:
                cut = (slice(row, row + WINDOW_CELLS), slice(col, col + WINDOW_CELLS))
                part = self.network(
                    noisy=x[:, *cut], noise_level=x.new_full((len(x),), level), phrases=tokens, phrase_valid=valid,
                    known=self.known[:, *cut], known_valid=self.fixed[:, *cut], pixel_size_m=self.pixel_size_m,
                    window=(row, col, rows, cols),
                )  # fmt: skip
                blend = _blend(part.shape[1], part.shape[2], x.device)
                total[:, *cut] += part * blend
                weight[cut] += blend
        return total / weight


def _starts(side: int) -> list[int]:
    """Where windows begin along a side: they overlap, the last one ends at the edge."""
    last = max(0, side - WINDOW_CELLS)
    return [*range(0, last, _STRIDE_CELLS), last]


def _blend(rows: int, cols: int, device: torch.device) -> Tensor:
    """(rows, cols, 1) weights of a window's cells, highest in its middle, nowhere zero."""
    sides = [1.0 - 0.95 * (2 * (torch.arange(n, device=device) + 0.5) / n - 1).abs() for n in (rows, cols)]
    return (sides[0][:, None] * sides[1])[:, :, None]


def _sketch(
    known: NDArray[np.float32] | None, known_valid: NDArray[np.bool_] | None, shape: tuple[int, ...],
    device: torch.device,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Fixed cells at unit variance (n, rows, cols, dim), and where they are (n, rows, cols) bool."""
    if known is None or known_valid is None:
        return torch.zeros(shape, device=device), torch.zeros(shape[:3], dtype=torch.bool, device=device)
    length = np.linalg.norm(known, axis=-1, keepdims=True)
    scaled = torch.from_numpy(np.asarray(known / np.maximum(length, 1e-6) * shape[-1] ** 0.5, dtype=np.float32))
    return scaled.to(device).expand(shape), torch.from_numpy(known_valid.copy()).to(device).expand(shape[:3])
