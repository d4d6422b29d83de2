"""Patch encoders trained on real images and on as many synthetic ones, by the recipe of the shipped encoder.

Of every training image that has a variation one variation is taken: both encoders see as many images, for as many
steps, from the same seed. A third, untrained, says what the training was worth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...errors import SettingsError
from ...geometry import CELL_PX
from ...training.data import TrainingImage
from ...training.patch_encoder import encode_patches, train_patch_encoder
from ..augment.fitting import Fit
from ..augment.sources import cells_of
from .features import Picture, describe_cells, read_picture

REAL, SYNTHETIC, UNTRAINED = "encoder of real images", "encoder of synthetic images", "untrained encoder"
FEWEST = 8
"""Fewer images than this train no encoder."""
_UNBOUND_MINUTES = 1e6
"""The steps end these trainings, not the clock: a clock would favour whichever ran on the idler machine."""

FitSize = Callable[[tuple[int, int]], Fit]
Told = Callable[[str, int, int], None]


def pair_up(real: Sequence[Picture], synthetic: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """The real pictures that have a variation of themselves alone, and one variation of each.

    Raises:
        SettingsError: where there are too few.
    """
    first: dict[int, Picture] = {}
    for picture in synthetic:
        if len(picture.parents) == 1:
            first.setdefault(picture.parents[0], picture)
    if len(first) < FEWEST:
        raise SettingsError(
            "train patch encoders on real and on synthetic images", f"{len(first)} images have a variation",
            f"at least {FEWEST} are needed", "Draw variations with ssldiff augment or ssldiff study patches",
        )  # fmt: skip
    return [real[parent] for parent in first], list(first.values())


def trained_blocks(
    real: Sequence[Picture], synthetic: Sequence[Picture], fit_size: FitSize, folder: Path, steps: int, seed: int = 0,
    told: Told = lambda *_: None,
) -> dict[str, NDArray[np.float32]]:  # fmt: skip
    """Features (n, dim) of the real pictures by each of the three encoders.

    Args:
        real: all pictures of the study, in the order of its samples.
        synthetic: variations; their parents are places in ``real``.
        fit_size: how an image lies on cells.
        folder: for checkpoints; a run that was stopped goes on from them.
        steps: of either training.
        seed: of both.
        told: progress.
    """
    parents, children = pair_up(real, synthetic)
    encoders: dict[str, nn.Module] = {}
    for name, pictures in ((REAL, parents), (SYNTHETIC, children)):
        told(f"training the {name}", 0, steps)
        images = [_training_image(picture, fit_size) for picture in pictures]
        work = folder / name.replace(" ", "-")
        encoders[name] = train_patch_encoder(images, work, minutes=_UNBOUND_MINUTES, steps=steps, seed=seed)
        told(f"training the {name}", steps, steps)
    encoders[UNTRAINED] = _untrained(seed)
    canvases = [_canvas(picture, fit_size) for picture in real]
    return {name: _describe(canvases, network.eval()) for name, network in encoders.items()}


def _untrained(seed: int) -> nn.Module:
    import torch

    from ...training.patch_encoder import PatchEncoderNetwork

    torch.manual_seed(seed)
    return PatchEncoderNetwork().encoder


def _canvas(picture: Picture, fit_size: FitSize) -> NDArray[np.uint8]:
    pixels = read_picture(picture)
    return fit_size((pixels.shape[0], pixels.shape[1])).to_canvas(pixels)


def _training_image(picture: Picture, fit_size: FitSize) -> TrainingImage:
    canvas = _canvas(picture, fit_size)
    size_m = fit_size((canvas.shape[0], canvas.shape[1])).pixel_size_m
    return TrainingImage(str(picture.path), picture.group, picture.label, size_m, canvas)


def _describe(canvases: Sequence[NDArray[np.uint8]], network: nn.Module) -> NDArray[np.float32]:
    found = []
    for canvas in canvases:
        vectors = encode_patches(network, cells_of(canvas, CELL_PX))
        found.append(describe_cells(vectors[None]))
    return np.stack(found)
