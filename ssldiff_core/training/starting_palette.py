"""The palette that ships with a model: clusters of its training embeddings, with pictures that the model itself draws.

No training image leaves the training: a swatch's exemplars are generated from its vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..embeddings.grid import EmbeddingGrid
from ..generate import Settings, generate
from ..geometry import GridGeometry
from ..layouts import Palette, Swatch
from ..layouts.swatch import DEFAULT_COLOURS
from ..models.catalogue import Model
from .denoiser import CachedImage

EXEMPLARS = 9
PICTURE_PX = 64
VECTORS_A_SWATCH = 128


def cluster_embeddings(
    cached: Sequence[CachedImage], pixel_size_m: float, count: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """k-means of the unit embeddings at one pixel size.

    Returns:
        Vectors (n, dim), the cluster of each (n,), unit centres (count, dim); clusters in order of falling size.
    """
    from sklearn.cluster import KMeans

    chosen = [image.embeddings for image in cached if np.isclose(image.pixel_size_m, pixel_size_m)]
    vectors = np.concatenate([part.reshape(-1, part.shape[-1]) for part in chosen]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors[np.random.default_rng(seed).permutation(len(vectors))[:20000]]
    fitted = KMeans(count, n_init=4, random_state=seed).fit(vectors)
    order = np.argsort(-np.bincount(fitted.labels_, minlength=count))
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    centres = fitted.cluster_centers_[order]
    return vectors, rank[fitted.labels_], centres / np.linalg.norm(centres, axis=1, keepdims=True)


def typical_members(vectors: NDArray[np.float32], centre: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Members of one cluster to paint with: a random choice of the half that lies nearest its centre."""
    nearness = vectors @ centre
    near = vectors[nearness >= np.median(nearness)]
    chosen: NDArray[np.float32] = near[np.random.default_rng(seed).permutation(len(near))[:VECTORS_A_SWATCH]]
    return chosen


def draw_exemplars(vectors: NDArray[np.float32], model: Model, pixel_size_m: float, seed: int) -> NDArray[np.uint8]:
    """The first 9 vectors as the cells of one generated image, halved: (9, 64, 64, 3) uint8."""
    side = int(EXEMPLARS**0.5)
    cells = np.resize(vectors[:EXEMPLARS], (EXEMPLARS, vectors.shape[1])).reshape(side, side, -1)
    geometry = GridGeometry((side, side), pixel_size_m)
    grid = EmbeddingGrid(cells, np.ones((side, side), bool), geometry, model.spec.encoder_id)
    *_, last = generate(grid, Settings(seed=seed), model=model)
    assert last.result is not None
    image = np.asarray(Image.fromarray(last.result.image).resize((side * PICTURE_PX, side * PICTURE_PX)))
    patches = image.reshape(side, PICTURE_PX, side, PICTURE_PX, 3).swapaxes(1, 2)
    return np.ascontiguousarray(patches.reshape(EXEMPLARS, PICTURE_PX, PICTURE_PX, 3))


def make_starting_palette(
    cached: Sequence[CachedImage], model: Model, pixel_size_m: float, names: Sequence[str], seed: int = 0
) -> Palette:
    """One swatch for each name, in order of the clusters' sizes; clusters named "" are left out."""
    vectors, labels, centres = cluster_embeddings(cached, pixel_size_m, len(names), seed)
    swatches: list[Swatch] = []
    for index, name in enumerate(names):
        if not name:
            continue
        members = typical_members(vectors[labels == index], centres[index], seed)
        pictures = draw_exemplars(members, model, pixel_size_m, seed)[: len(members)]
        colour = DEFAULT_COLOURS[len(swatches) % len(DEFAULT_COLOURS)]
        origin = f"training images of {model.spec.id} {model.spec.version}; pictures drawn by the model"
        swatches.append(Swatch(name, colour, members, pictures, None, origin))
    return Palette(tuple(swatches), model.spec.encoder_id, pixel_size_m)
