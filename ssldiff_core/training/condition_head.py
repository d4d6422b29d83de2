"""Recipe of a condition head: another patch encoder's embeddings, of any length, drawn by the frozen shipped networks.

A native denoiser meets the embedding in two linear layers only. Their best start is known in closed form: ridge
regression from the new embeddings to those that the network was trained on, folded into the layers. A short training
by the denoiser's own objective goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..embeddings.encoder import PatchEncoder
from ..embeddings.grid import EmbeddingGrid
from ..errors import SettingsError
from ..geometry import CELL_PX, Box
from ..models.native import NativeDenoiser
from ..models.native_autoencoder import NativeAutoencoder
from ..models.placement import choose_device, training_autocast
from ..scenes import Scene
from .autoencoder import to_pixels
from .data import TrainingImage
from .denoiser import LATTICE_PX, CachedImage, FieldCrops, VelocityObjective
from .patch_encoder import patches_on_lattice
from .run import Budget, TrainingRun

BLOCK_CELLS = 8
"""Cells along the side of a block of a scene that is cached as one image."""
FEWEST_PATCHES = 64
"""Fewer patches than this fit no head."""
_PENALTIES = tuple(float(10.0**power) for power in range(-4, 4))


@dataclass(frozen=True)
class Pairs:
    """The same patches seen by both encoders, and the images to train on.

    Args:
        own: (n, dim) float32, embeddings of the new encoder.
        shipped: (n, shipped dim) float32, those the network was trained on, of length 1.
        cached: latents with the new embeddings.
    """

    own: NDArray[np.float32]
    shipped: NDArray[np.float32]
    cached: list[CachedImage]

    def __post_init__(self) -> None:
        if len(self.own) != len(self.shipped) or len(self.own) < FEWEST_PATCHES:
            raise SettingsError(
                "fit a condition head", f"{len(self.own)} patches have both embeddings",
                f"at least {FEWEST_PATCHES} are needed, better thousands", "Give more images or a larger scene",
            )  # fmt: skip

    def joined(self, other: Pairs) -> Pairs:
        """Both together."""
        own, shipped = np.concatenate([self.own, other.own]), np.concatenate([self.shipped, other.shipped])
        return Pairs(own, shipped, self.cached + other.cached)


@torch.no_grad()
def _latents(autoencoder: NativeAutoencoder, pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Pixels (h, w, 3) uint8 -> standardised latents (c, h / 8, w / 8)."""
    with training_autocast(torch.device("cpu")):
        latents = autoencoder.encode(to_pixels(pixels[None], torch.device("cpu")))[0]
    return latents.numpy().astype(np.float16)


def pairs_from_images(
    images: list[TrainingImage], autoencoder: NativeAutoencoder, own: PatchEncoder, shipped: PatchEncoder
) -> Pairs:
    """Every 128-px patch on a lattice of 64 px of training images, by both encoders.

    Args:
        images: at pixel sizes of the model; those smaller than a patch are left out.
        autoencoder: of the model.
        own, shipped: the new encoder and the model's, both of 128-px patches.
    """
    cached, seen, known = [], [], []
    for image in images:
        height, width = (side // 16 * 16 for side in image.pixels.shape[:2])
        if min(height, width) < CELL_PX:
            continue
        pixels = np.ascontiguousarray(image.pixels[:height, :width])
        patches = patches_on_lattice(pixels, LATTICE_PX)
        flat = np.ascontiguousarray(patches.reshape(-1, CELL_PX, CELL_PX, 3))
        vectors = own.encode(flat)
        seen.append(vectors)
        known.append(shipped.encode(flat))
        lattice = vectors.reshape(*patches.shape[:2], -1)
        cached.append(CachedImage(_latents(autoencoder, pixels), lattice, image.pixel_size_m, 1.0))
    none = np.zeros((0, 1), np.float32)
    return Pairs(np.concatenate(seen or [none]), np.concatenate(known or [none]), cached)


def pairs_from_scene(scene: Scene, grid: EmbeddingGrid, autoencoder: NativeAutoencoder, shipped: PatchEncoder) -> Pairs:
    """The cells of a scene whose new embeddings are there already: read from a feature file, or encoded.

    Args:
        scene: of known pixel size.
        grid: its embeddings in cells of 128 px.
        autoencoder: of the model.
        shipped: the model's patch encoder.
    """
    geometry, (rows, cols) = grid.geometry, grid.shape_cell
    cached, seen, known = [], [], []
    for row in range(0, rows, BLOCK_CELLS):
        for col in range(0, cols, BLOCK_CELLS):
            block = np.s_[row : row + BLOCK_CELLS, col : col + BLOCK_CELLS]
            valid, vectors = grid.valid[block], grid.vectors[block]
            if not valid.any():
                continue
            box: Box = geometry.cells_to_l0(row, col, *valid.shape)
            pixels = scene.read_region(box, size_px=(valid.shape[1] * CELL_PX, valid.shape[0] * CELL_PX)).pixels
            patches = patches_on_lattice(pixels, CELL_PX)
            seen.append(vectors[valid])
            known.append(shipped.encode(np.ascontiguousarray(patches[valid])))
            latents = _latents(autoencoder, pixels)
            cached.append(CachedImage(latents, vectors, geometry.pixel_size_m, float(valid.mean()), CELL_PX, valid))
    none = np.zeros((0, 1), np.float32)
    return Pairs(np.concatenate(seen or [none]), np.concatenate(known or [none]), cached)


def fit_head(base: NativeDenoiser, pairs: Pairs) -> tuple[NativeDenoiser, float]:
    """A denoiser for the new embeddings whose two first layers hold the ridge regression; all else is the base's.

    Returns:
        The denoiser, and the mean cosine of predicted and true shipped embeddings on a fifth of the patches held out
        (the last ones, so that neighbours of a held-out patch are few among the others).
    """
    from sklearn.linear_model import RidgeCV

    known = len(pairs.own) * 4 // 5
    spread = pairs.own[:known].std(axis=0) + 1e-3 * float(pairs.own.std())
    ridge = RidgeCV(_PENALTIES).fit(pairs.own[:known] / spread, pairs.shipped[:known])
    predicted = ridge.predict(pairs.own / spread)
    lengths = np.linalg.norm(predicted, axis=1)
    held_out = np.sum(predicted[known:] * pairs.shipped[known:], axis=1) / np.maximum(lengths[known:], 1e-6)
    length = float(np.mean(lengths))
    matrix, offset = ridge.coef_ / spread / length, ridge.intercept_ / length
    facts = {name: value for name, value in base.config.items() if not name.startswith("_")}
    head = NativeDenoiser(**{**facts, "condition_dim": pairs.own.shape[1]}).eval()
    own_state, base_state = head.state_dict(), base.state_dict()
    own_state.update({name: value.float() for name, value in base_state.items() if not _is_head(name)})
    for layer in _head_layers(base):
        weight, bias = base_state[f"{layer}.weight"][:, :, 0, 0].double(), base_state[f"{layer}.bias"].double()
        scaled = weight * base.config.condition_dim**0.5
        folded = scaled @ torch.from_numpy(matrix).double() / pairs.own.shape[1] ** 0.5
        own_state[f"{layer}.weight"] = folded[:, :, None, None].float()
        own_state[f"{layer}.bias"] = (bias + scaled @ torch.from_numpy(offset).double()).float()
    head.load_state_dict(own_state)
    return head, float(held_out.mean())


def _head_layers(network: NativeDenoiser) -> list[str]:
    return ["from_condition", *(["read_cell.of_condition"] if network.read_cell is not None else [])]


def _is_head(name: str) -> bool:
    return name.rpartition(".")[0] in ("from_condition", "read_cell.of_condition")


class HeldOutLoss:
    """The denoiser's loss on images that the head was not trained on, with the same noise at every call."""

    def __init__(self, cached: list[CachedImage], crop_lat: int, noise_shift: float, batches: int = 8) -> None:
        self.cached, self.crop_lat, self.noise_shift, self.batches = cached, crop_lat, noise_shift, batches

    @torch.no_grad()
    def __call__(self, model: nn.Module) -> float:
        device = next(model.parameters()).device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            crops = FieldCrops(self.cached, self.crop_lat, 1, 0.0)
            objective = VelocityObjective(model, crops, 8, device, self.noise_shift)  # type: ignore[arg-type]
            losses: list[Tensor] = [objective(step) for step in range(self.batches)]
        return float(torch.stack(losses).mean())


def train_head(
    head: NativeDenoiser, cached: list[CachedImage], folder: Path, *, minutes: float, crop_lat: int,
    noise_shift: float = 1.0, everything: bool = False, batch: int = 12, lr: float = 5e-4, seed: int = 0,
    device: str = "auto",
) -> NativeDenoiser:  # fmt: skip
    """Trains the two first layers, or ``everything``, and returns the averaged weights.

    Args:
        head: of :func:`fit_head`; its weights are changed.
        cached: images with the new embeddings.
        folder: for the checkpoint; a run that finds one goes on from it.
        minutes: wall-clock time; 0 returns the head as it is.
        crop_lat: side of a crop in latents.
        noise_shift: of the base's recipe.
        everything: whether all weights learn: for a GPU, or many images.
        batch, lr, seed, device: of the training.
    """
    if minutes <= 0:
        return head
    torch.manual_seed(seed)
    chosen = choose_device(device)
    for name, parameter in head.named_parameters():
        parameter.requires_grad_(everything or _is_head(name))
    run = TrainingRun(head, folder, Budget(minutes, lr=lr), device=chosen, ema_decay=0.995)
    crops = FieldCrops(cached, crop_lat, run.ranks.seed(seed + run.step), 0.1)
    run.fit(VelocityObjective(head, crops, batch, chosen, noise_shift))
    average: NativeDenoiser = run.average
    return average
