"""What the engines make of the same grids: time, network evaluations, similarity, Fréchet distance and seams."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssldiff_core import EmbeddingGrid, GridGeometry, Manifest, ModelSpec, Settings, generate
from ssldiff_core.assets import assets_path
from ssldiff_core.embeddings.encoder import PatchEncoder
from ssldiff_core.evaluation.frechet import frechet_distance
from ssldiff_core.evaluation.seams import seam_score
from ssldiff_core.evaluation.similarity import cosine, read_back
from ssldiff_core.models.catalogue import find_model_for
from ssldiff_core.training.data import load_images

CELL_PX = 128
STRIDE_PX = 64
"""Windows of the notebook begin at multiples of this; seams are looked for there in every engine's images."""


@dataclass(frozen=True)
class Quality:
    """What an engine made of the grids, image by image.

    Args:
        seconds: for an image, network and decode.
        similarity: of each cell, asked for against read back.
        embeddings: (cells, dim) read back.
        seams: of each image.
    """

    seconds: NDArray[np.float64]
    similarity: NDArray[np.float64]
    embeddings: NDArray[np.float32]
    seams: NDArray[np.float64]

    @property
    def images(self) -> int:
        return len(self.seams)

    def of_first(self, images: int) -> Quality:
        """That of the first images alone, to stand beside a row that has no more."""
        cells = len(self.similarity) // self.images * images
        return Quality(self.seconds[:images], self.similarity[:cells], self.embeddings[:cells], self.seams[:images])

    def frechet(self, real: NDArray[np.float32]) -> float:
        """To real patches, in the space of the patch encoder."""
        return frechet_distance(self.embeddings, real)

    def frechet_ratio_interval(
        self, other: Quality, real: NDArray[np.float32], draws: int = 200
    ) -> tuple[float, float]:
        """The middle 95 % of this distance over another's, images resampled in pairs."""
        generator, ratios, images = np.random.default_rng(0), [], self.images
        mine, others = (found.embeddings.reshape(images, -1, found.embeddings.shape[-1]) for found in (self, other))
        for _ in range(draws):
            chosen = generator.integers(0, images, images)
            parts = (found[chosen].reshape(-1, found.shape[-1]) for found in (mine, others))
            first, second = (frechet_distance(part, real) for part in parts)
            ratios.append(first / second)
        low, high = np.quantile(ratios, [0.025, 0.975])
        return float(low), float(high)


def held_out(
    data: Path, domain: str, encoder: PatchEncoder, cells: int, count: int
) -> tuple[list[EmbeddingGrid], NDArray]:
    """Grids of test images, ``cells`` × ``cells`` each, and the embeddings of real patches that are in none of them."""
    grids, others = [], []
    side = cells * CELL_PX
    for image in load_images(data, domain, "test"):
        for top in range(0, image.pixels.shape[0] - side + 1, side):
            for left in range(0, image.pixels.shape[1] - side + 1, side):
                block = image.pixels[top : top + side, left : left + side]
                patches = block.reshape(cells, CELL_PX, cells, CELL_PX, 3).swapaxes(1, 2)
                grids.append((np.ascontiguousarray(patches).reshape(-1, CELL_PX, CELL_PX, 3), image.pixel_size_m))
    order = np.random.default_rng(0).permutation(len(grids))
    for index in order[count:]:
        others.append(encoder.encode(grids[index][0]))
    chosen = []
    for index in order[:count]:
        patches, size = grids[index]
        vectors = encoder.encode(patches).reshape(cells, cells, -1)
        chosen.append(
            EmbeddingGrid(vectors, np.ones((cells, cells), bool), GridGeometry((cells, cells), size), encoder.id)
        )
    return chosen, np.concatenate(others)


def demo_grids(spec: ModelSpec, cells: int, count: int) -> list[EmbeddingGrid]:
    """Blocks of the demo scene's grid, where there are no test images."""
    whole = Manifest.load(assets_path("scenes") / f"{spec.id}-demo.tif.manifest.json").grid
    rows, cols = (length // cells for length in whole.shape_cell)
    blocks = [
        (slice(r * cells, (r + 1) * cells), slice(c * cells, (c + 1) * cells)) for r in range(rows) for c in range(cols)
    ]
    geometry = GridGeometry((cells, cells), whole.geometry.pixel_size_m)
    return [EmbeddingGrid(whole.vectors[b], whole.valid[b], geometry, whole.encoder_id) for b in blocks[:count]]


def draw_once(grid: EmbeddingGrid, settings: Settings, store: Path | None) -> tuple[NDArray[np.uint8], float]:
    """The image and the seconds that it took; where there is a folder, an image that lies there is not drawn again."""
    facts = f"{grid.digest} {sorted(asdict(settings).items())} {find_model_for(grid.encoder_id).digest}"
    file = None if store is None else store / f"{hashlib.sha256(facts.encode()).hexdigest()[:24]}.npz"
    if file is not None and file.is_file():
        with np.load(file) as kept:
            return kept["image"], float(kept["seconds"])
    began = time.perf_counter()
    *_, last = generate(grid, settings)
    seconds = time.perf_counter() - began
    assert last.result is not None
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file.with_suffix(".part.npz"), image=last.result.image, seconds=seconds)
        file.with_suffix(".part.npz").replace(file)
    return last.result.image, seconds


def measure_quality(
    grids: Sequence[EmbeddingGrid], settings: Settings, encoder: PatchEncoder, store: Path | None = None
) -> Quality:
    """Draw every grid with its own seed, the same in every engine."""
    seconds, similarity, embeddings, seams = [], [], [], []
    for index, grid in enumerate(grids):
        image, spent = draw_once(grid, replace(settings, seed=index), store)
        seconds.append(spent)
        found = read_back(image, grid, encoder)
        similarity.append(cosine(grid.vectors, found)[grid.valid])
        embeddings.append(found[grid.valid])
        seams.append(seam_score(image, STRIDE_PX))
    return Quality(
        np.array(seconds), np.concatenate(similarity).astype(float), np.concatenate(embeddings), np.array(seams)
    )


def bootstrap_of_mean(values: NDArray[np.float64], draws: int = 2000) -> tuple[float, float]:
    """The middle 95 % of the means of resampled values."""
    generator = np.random.default_rng(0)
    means = values[generator.integers(0, len(values), (draws, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
