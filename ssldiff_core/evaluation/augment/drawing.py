"""Many small canvases at once: each is drawn as if it were alone, all in one call of the network.

Images side by side on one canvas would see each other as far as the network's receptive field reaches. A batch has no
sides: every canvas is its own sample with its own field, noise and border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...diffusion.autoencoder import encode_image, to_uint8
from ...diffusion.denoisers import Condition, Denoiser, GuidedDenoiser
from ...diffusion.field import ConditioningField
from ...diffusion.reference import Reference, Start, start_of
from ...diffusion.schedule import Transition, get_solver, noise_levels
from ...drawing import resolve
from ...embeddings.grid import EmbeddingGrid
from ...generate import generate
from ...settings import Settings

if TYPE_CHECKING:
    from ...models.catalogue import Model

MAX_BATCH_LAT = 16 * 32 * 32
"""Latents of a batch: sixteen canvases of 256 px."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """One image to draw.

    Args:
        grid: its condition.
        seed: of its noise.
        reference: (h, w, 3) uint8 to start from, where strength is below 1.
        strength: how much of the reference is forgotten; 1 is a run from noise.
    """

    grid: EmbeddingGrid
    seed: int
    reference: NDArray[np.uint8] | None = None
    strength: float = 1.0


def canvases_at_once(grid: EmbeddingGrid) -> int:
    """How many canvases of this shape go into one batch."""
    height, width = grid.geometry.shape_lat
    return max(1, MAX_BATCH_LAT // (height * width))


def draw_canvases(canvases: Sequence[Canvas], model: Model, settings: Settings) -> list[NDArray[np.uint8]]:
    """Draw canvases of one shape, pixel size and strength.

    Equal to :func:`ssldiff_core.generate.generate` for each by itself, to rounding.

    Args:
        canvases: at least one.
        model: draws them; one that works in windows only, or a canvas that fills a batch alone, is drawn one by one.
        settings: their ``seed`` is not used.

    Returns:
        (h, w, 3) uint8 for each.

    Raises:
        GridError: where the model cannot draw a grid.
    """
    for canvas in canvases:
        model.spec.check_grid(canvas.grid)
    settings = resolve(settings, model)
    alone = canvases_at_once(canvases[0].grid) == 1
    if alone or settings.engine != "dense":
        return [_draw_alone(canvas, model, settings) for canvas in canvases]
    latents = _denoise(canvases, model, model.denoiser_for(settings.student), settings)
    with torch.inference_mode():
        pixels = model.autoencoder.decode(latents.to(model.device).contiguous(memory_format=torch.channels_last))
    return [to_uint8(image) for image in pixels]


def _draw_alone(canvas: Canvas, model: Model, settings: Settings) -> NDArray[np.uint8]:
    reference = None if canvas.reference is None else Reference(canvas.strength, image=canvas.reference)
    *_, last = generate(
        canvas.grid, replace(settings, seed=canvas.seed), model=model, reference=reference, preview_px=16
    )  # fmt: skip
    assert last.result is not None, "the last step carries the result"
    return last.result.image


def _denoise(canvases: Sequence[Canvas], model: Model, network: Denoiser, settings: Settings) -> Tensor:
    """Clean latents (n, channels, h, w) float32."""
    ordinary = noise_levels(settings.steps)
    starts = [_start(canvas, ordinary, model) for canvas in canvases]
    levels = starts[0].levels
    assert all(start.levels == levels for start in starts), "canvases of a batch have one strength"
    height, width = canvases[0].grid.geometry.shape_lat
    channels = network.latent_channels
    x = torch.from_numpy(np.stack([start.noise.crop(0, 0, height, width, channels) for start in starts]))
    denoiser = GuidedDenoiser(network, settings.guidance_scale or 0.0, settings.guidance_interval)
    condition = denoiser.prepare(_conditions([canvas.grid for canvas in canvases]))  # the same at every step
    solver, previous = get_solver(settings.solver), None
    for step, level in enumerate(levels[:-1]):
        x0 = denoiser(x, level, condition)
        x = solver(x, x0, previous, Transition(level, levels[step + 1], levels[step - 1] if step else None))
        previous = x0
    return x


def _start(canvas: Canvas, levels: tuple[float, ...], model: Model) -> Start:
    reference = None
    if canvas.reference is not None:
        latents = encode_image(model.autoencoder, canvas.reference, device=model.device)
        reference = Reference(canvas.strength, latents=latents)
    return start_of(reference, canvas.seed, levels, model.autoencoder, canvas.grid.geometry, model.device)


def _conditions(grids: Sequence[EmbeddingGrid]) -> Condition:
    """The fields of canvases of one shape, stacked."""
    fields = [ConditioningField(grid) for grid in grids]
    where = (0, 0, *grids[0].geometry.shape_lat)
    crops = [field.crop(*where) for field in fields]
    vectors = torch.from_numpy(np.stack([vectors for vectors, _ in crops])).permute(0, 3, 1, 2)
    valid = torch.from_numpy(np.stack([valid for _, valid in crops]))[:, None].float()
    place = torch.from_numpy(np.stack([field.place(*where) for field in fields]))
    return Condition(vectors, valid, grids[0].geometry.pixel_size_m, place)


def autoencoded(image: NDArray[np.uint8], model: Model) -> NDArray[np.uint8]:
    """An image (h, w, 3) uint8, sides whole latents, as the autoencoder alone gives it back."""
    latents = encode_image(model.autoencoder, image, device=model.device)
    with torch.inference_mode():
        pixels = model.autoencoder.decode(latents[None].to(model.device).contiguous(memory_format=torch.channels_last))
    return to_uint8(pixels[0])
