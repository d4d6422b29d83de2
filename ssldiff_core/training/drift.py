"""A stored small picture beside the weights guards against silent drift: code that draws otherwise shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..embeddings.grid import EmbeddingGrid
from ..geometry import GridGeometry

if TYPE_CHECKING:
    from ..models.spec import ModelSpec

REFERENCE_NAME = "reference.png"
REFERENCE_SHAPE_CELL = (2, 2)
REFERENCE_STEPS = 4
SAME_DB = 40.0
"""Two machines draw the same float32 picture to rounding: their pictures are at least so much alike."""


def reference_grid(spec: ModelSpec) -> EmbeddingGrid:
    """A grid that needs no file: unit embeddings from a fixed generator, one cell empty."""
    vectors = np.random.Generator(np.random.Philox(key=7)).standard_normal((*REFERENCE_SHAPE_CELL, spec.condition_dim))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    valid = np.ones(REFERENCE_SHAPE_CELL, dtype=bool)
    valid[-1, -1] = False
    size = spec.pixel_sizes_m[len(spec.pixel_sizes_m) // 2]
    geometry = GridGeometry(REFERENCE_SHAPE_CELL, size, (0.0, 0.0), size, spec.cell_px, spec.latent_factor)
    vectors[~valid] = 0.0
    return EmbeddingGrid(vectors.astype(np.float32), valid, geometry, spec.encoder_id)


def draw_reference(spec: ModelSpec) -> NDArray[np.uint8]:
    """The picture of :func:`reference_grid` by a model as the code and weights are now, in float32 on the CPU.

    Returns:
        (2 cells, 2 cells, 3) uint8.
    """
    import torch

    from ..generate import generate
    from ..models.families import get_family
    from ..settings import Settings

    model = get_family(spec.family).load_model(spec, torch.device("cpu"), torch.float32)
    settings = Settings(seed=7, steps=REFERENCE_STEPS, guidance_interval=(0.0, 1.0))  # whatever the model's default is
    *_, last = generate(reference_grid(spec), settings, model=model)
    assert last.result is not None
    return last.result.image


def write_reference(spec: ModelSpec) -> Path:
    """Draws the picture and stores it beside the weights: when they are packed, and never to make a test pass."""
    from PIL import Image

    path = spec.folder / REFERENCE_NAME
    Image.fromarray(draw_reference(spec)).save(path, optimize=True)
    return path


def drift_db(spec: ModelSpec) -> float:
    """PSNR of the picture as it is drawn now against the stored one, in dB; infinite where they are equal."""
    from PIL import Image

    with Image.open(spec.folder / REFERENCE_NAME) as image:
        stored = np.asarray(image.convert("RGB"), dtype=np.float64)
    error = float(np.mean(np.square(draw_reference(spec) - stored)))
    return 10.0 * float(np.log10(255.0**2 / error)) if error else float("inf")
