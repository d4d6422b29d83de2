"""Recipe of the grid prior: layouts with captions, denoised by a transformer that reads the caption's phrases.

The network estimates the clean grid on straight paths ``(1 - t) x + t ε``, x the embeddings at unit variance. A tenth
of the layouts is told no phrase (for guidance), a third shows some of its cells (the sketch).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models.grid_prior import GridPriorNetwork
from ..models.minilm import load_minilm
from ..models.placement import choose_device
from .layout_scenes import LayoutScene, RealGrid, SceneMaker, smooth_field
from .run import Budget, TrainingRun

CELLS_A_STEP, MOST_LAYOUTS = 1024, 96
PHRASES = 4
WORDLESS_SHARE, SKETCHED_SHARE, REAL_SHARE, PURE_NOISE_SHARE = 0.12, 0.3, 0.35, 0.08
SHAPES = ((0.25, 2, 2), (0.15, 3, 4), (0.45, 5, 9), (0.12, 10, 16), (0.03, 20, 32))
"""Share of steps, and the least and greatest side of their layouts."""


class PhraseTable:
    """Vectors of phrases, each computed once."""

    def __init__(self) -> None:
        self.encoder = load_minilm()
        self.vectors: dict[str, NDArray[np.float32]] = {}

    def look_up(self, captions: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
        """Phrases (n, :data:`PHRASES`, dim) float32 and which of them are there (n, :data:`PHRASES`) bool."""
        new = sorted({phrase for caption in captions for phrase in caption} - self.vectors.keys())
        self.vectors.update(zip(new, self.encoder.encode(new), strict=True))
        phrases = np.zeros((len(captions), PHRASES, self.encoder.dim), dtype=np.float32)
        valid = np.zeros((len(captions), PHRASES), dtype=bool)
        for row, caption in enumerate(captions):
            for col, phrase in enumerate(caption[:PHRASES]):
                phrases[row, col], valid[row, col] = self.vectors[phrase], True
        return torch.from_numpy(phrases), torch.from_numpy(valid)


class PriorBatches:
    """Batches of layouts of one shape and pixel size with their captions and sketches."""

    def __init__(self, grids: Sequence[RealGrid], domain: str, seed: int) -> None:
        self.maker = SceneMaker(grids, domain, seed)
        self.generator = np.random.default_rng(seed + 1)
        self.table = PhraseTable()
        counts = {size: sum(grid.names.size for grid in grids if grid.pixel_size_m == size and grid.label)
                  for size in self.maker.shelves}  # fmt: skip
        weights = np.array([max(counts[size], 1) ** 0.5 for size in counts])
        self.sizes, self.size_weights = list(counts), weights / weights.sum()

    def reseed(self, seed: int) -> None:
        """Go on with other layouts than those that an earlier run began with."""
        self.generator = np.random.default_rng(seed + 1)
        self.maker.reseed(seed)

    def sample(self, shape: tuple[int, int] | None = None) -> dict[str, Tensor]:
        """Keyword arguments of :class:`GridPriorNetwork` but the noise, and ``clean`` (n, rows, cols, dim)."""
        shape = shape or self._shape()
        count = min(MOST_LAYOUTS, max(1, CELLS_A_STEP // (shape[0] * shape[1])))
        size = float(self.generator.choice(self.sizes, p=self.size_weights))
        scenes = [self._scene(shape, size) for _ in range(count)]
        clean = np.stack([scene.vectors for scene in scenes])
        clean *= clean.shape[-1] ** 0.5
        wordless = self.generator.random(count) < WORDLESS_SHARE
        phrases, valid = self.table.look_up([scene.phrases for scene in scenes])
        valid &= ~torch.from_numpy(wordless)[:, None]
        shown = np.stack([self._sketch(shape) for _ in scenes])
        return {
            "clean": torch.from_numpy(clean), "phrases": phrases, "phrase_valid": valid,
            "known": torch.from_numpy(clean * shown[..., None]), "known_valid": torch.from_numpy(shown),
            "pixel_size_m": torch.full((count,), size),
        }  # fmt: skip

    def phrase_space(self, count: int = 1500) -> Tensor:
        """(n, dim) vectors of the phrases of ``count`` layouts, those that recur once."""
        sizes = self.generator.choice(self.sizes, size=count, p=self.size_weights)
        captions = [self._scene((6, 6), float(size)).phrases for size in sizes]
        self.table.look_up(captions)
        return torch.from_numpy(np.stack(list(self.table.vectors.values())))

    def _shape(self) -> tuple[int, int]:
        _, low, high = SHAPES[int(self.generator.choice(len(SHAPES), p=[share for share, _, _ in SHAPES]))]
        rows, cols = self.generator.integers(low, high + 1, 2)
        return int(rows), int(cols)

    def _scene(self, shape: tuple[int, int], size: float) -> LayoutScene:
        real = shape == (2, 2) or self.generator.random() < REAL_SHARE
        return self.maker.real(shape, size) if real else self.maker.compose(shape, size)

    def _sketch(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Which cells are shown: none most of the time, else a region with a smooth border, or single cells."""
        if self.generator.random() > SKETCHED_SHARE:
            return np.zeros(shape, dtype=bool)
        field = smooth_field(shape, self.generator) if self.generator.random() < 0.7 else None
        field = self.generator.standard_normal(shape) if field is None else field
        return np.asarray(field > self.generator.uniform(-0.7, 1.3))


def draw_levels(count: int) -> Tensor:
    """(count,) noise levels, most of them very high: there the layout is decided, and by the words.

    A cell has over a hundred numbers, which together show its kind through much noise: at a level of 0.8 the noisy grid
    itself tells what lies where, and nothing is left to learn from a caption.
    """
    levels = torch.sigmoid(1.4 * torch.randn(count) + 2.2)
    return torch.where(torch.rand(count) < PURE_NOISE_SHARE, torch.ones(()), levels)


def prior_loss(network: torch.nn.Module, batch: dict[str, Tensor], level: Tensor) -> Tensor:
    """Mean squared error of the clean grid; low noise levels count more, but not as much as in the velocity."""
    clean = batch["clean"]
    t = level.view(-1, 1, 1, 1)
    noisy = (1 - t) * clean + t * torch.randn_like(clean)
    told = {name: value for name, value in batch.items() if name != "clean"}
    error = (network(noisy=noisy, noise_level=level, **told).float() - clean).square()
    loss: Tensor = (error / (t.square() + 0.2)).mean()
    return loss


def train_grid_prior(
    grids: Sequence[RealGrid], domain: str, folder: Path, *, minutes: float, pixel_size_reference_m: float,
    steps: int = 0, seed: int = 0, device: str = "auto", width: int = 192, depth: int = 4, lr: float = 3e-3,
) -> GridPriorNetwork:  # fmt: skip
    """Train on real grids of the training split, resuming from the folder; returns the averaged network."""
    torch.manual_seed(seed)
    chosen = choose_device(device)
    dim = grids[0].vectors.shape[-1]
    network = GridPriorNetwork(
        dim, width=width, depth=depth, hidden=2 * width, pixel_size_reference_m=pixel_size_reference_m
    )
    batches = PriorBatches(grids, domain, seed)
    network.set_phrase_space(batches.phrase_space())
    budget = Budget(minutes, steps, lr=lr, warmup_steps=40)
    run = TrainingRun(network, folder, budget, device=chosen, ema_decay=0.998)
    batches.reseed(run.ranks.seed(seed + run.step))

    def loss_of(step: int) -> Tensor:
        batch = {name: value.to(chosen) for name, value in batches.sample().items()}
        return prior_loss(run.module, batch, draw_levels(len(batch["clean"])).to(chosen))

    run.fit(loss_of, log_every=20, save_every_s=120)
    average: GridPriorNetwork = run.average
    return average


@torch.inference_mode()
def held_out_loss(network: GridPriorNetwork, batches: PriorBatches, count: int = 20, seed: int = 0) -> float:
    """Mean loss over batches of layouts that the training did not see."""
    torch.manual_seed(seed)
    losses = []
    for _ in range(count):
        batch = batches.sample()
        losses.append(float(prior_loss(network, batch, draw_levels(len(batch["clean"])))))
    return float(np.mean(losses))
