"""The limits of an autoencoder: what real images lose on the way to latents and back, which no denoiser can win."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .frechet import frechet_distance
from .intervals import bootstrap_of_mean
from .report import Measurement
from .samples import Cutting, ImageFile, Skipped, iterate_patches
from .similarity import cosine

if TYPE_CHECKING:
    from ..models.catalogue import Model
    from .features import FeatureExtractor

BORDER_PX = 64
"""Pixels around a patch that the autoencoder sees with it, as it does inside a large image."""


def reconstruct(image: NDArray[np.uint8], model: Model) -> NDArray[np.uint8]:
    """An image (h, w, 3) uint8, its sides whole latents, through the autoencoder and back."""
    from ..diffusion.autoencoder import decode_canvas, encode_image

    latents = encode_image(model.autoencoder, image, device=model.device)
    return decode_canvas(model.autoencoder, latents, device=model.device)


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Peak signal to noise of 8-bit images, dB; 100 where they are equal."""
    error = np.square(first.astype(np.float64) - second.astype(np.float64)).mean()
    return float(min(100.0, 10.0 * np.log10(255.0**2 / max(error, 1e-9))))


def reconstruction_pairs(
    files: Sequence[ImageFile], cutting: Cutting, model: Model, most: int, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Real patches (n, px, px, 3) uint8 and the same after the autoencoder, at most ``most``, from as many images as
    there are.

    Patches are cut out of crops that are wider by 64 px on all sides, where an image is large enough for one.
    """
    side = cutting.patch_px
    wide = Cutting(side + 2 * BORDER_PX, 0, cutting.pixel_size_m, cutting.scene_pixel_size_m)
    order = np.random.default_rng(seed).permutation(len(files))
    before, after = [], []
    each = max(1, most // len(files))
    for index in order:
        taken = 0
        for part in iterate_patches([files[index]], wide, Skipped()):
            for crop in part.pixels[: each - taken]:
                inside = slice(BORDER_PX, BORDER_PX + side)
                before.append(crop[inside, inside])
                after.append(reconstruct(crop, model)[inside, inside])
                taken += 1
            if taken >= each:
                break
        if len(before) >= most:
            break
    shape = (0, side, side, 3)
    return (np.stack(before), np.stack(after)) if before else (np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))


def reconstruction_figures(
    before: NDArray[np.uint8], after: NDArray[np.uint8], extractor: FeatureExtractor
) -> dict[str, Measurement]:
    """PSNR, similarity and Fréchet distance between real patches and themselves after the autoencoder."""
    quality = np.array([psnr(a, b) for a, b in zip(before, after, strict=True)])
    features = [extractor.extract(patches).astype(np.float32) for patches in (before, after)]
    similarity = cosine(*features).astype(np.float64)
    note = "95 %, bootstrap of patches"
    about = Measurement(float("nan"), None, None, len(before), extractor.id, extractor.preprocessing, note)
    low, high = bootstrap_of_mean(similarity)
    figures = {
        "reconstruction_psnr": Measurement(float(quality.mean()), *bootstrap_of_mean(quality), len(before), note=note),
        "reconstruction_similarity": replace(about, value=float(similarity.mean()), low=low, high=high),
    }
    if len(before) > 1:
        note = "real patches against the same after the autoencoder: the least that a generated set can reach"
        figures["reconstruction_frechet"] = replace(about, value=frechet_distance(*features), note=note)
    return figures
