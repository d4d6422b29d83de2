"""What the shipped models are worth, on held-out images.

    python -m tests.benchmarks.models [--quick] [--json FILE] [--data DATA] [--domains aerial,tissue] [--work FOLDER]

Grids of test images (2 × 2 cells where images are 256 px, 4 × 4 else, spread over images and pixel sizes) are drawn at
the default settings, each with its own seed; drawn images are kept in ``--work``, and a run that was stopped goes on.

- ``similarity``: cosine of the embeddings asked for and read back, own encoder; ``floor`` of random pairs, ``ceiling``
  of real patches after the autoencoder, ``scaled`` = (raw - floor) / (ceiling - floor).
- ``retrieval``: share of cells whose real patch is, by the judge, the nearest to the generated one among 500;
  ``retrieval_ceiling``: the same of real patches after the autoencoder.
- ``frechet_ratio``: Fréchet distance by the judge, in 64 principal directions of the test patches, of generated to
  test patches, divided by that of training to test patches; half-overlapping patches, the same N for all three.
- ``psnr`` of the autoencoder; ``seconds_1024`` of one image; ``weights_mb`` in all.
- ``fast_…``: the same of the model's student (of eight steps of the model itself where it has none).
- ``judge_knn``, ``encoder_knn``, ``colour_knn``: k-NN accuracy (k = 10) of labels of test patches.

The judge was trained by another objective, with another seed, and conditions nothing. ``--quick`` takes a tenth.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ssldiff_core import EmbeddingGrid, GridGeometry, Settings, generate, get_model_spec, load_model, write_image
from ssldiff_core.embeddings.encoder import PatchEncoder, load_patch_encoder
from ssldiff_core.evaluation.compare import principal
from ssldiff_core.evaluation.features import ColourFeatures, EncoderFeatures, FeatureExtractor, find_judge
from ssldiff_core.evaluation.frechet import frechet_distance
from ssldiff_core.evaluation.intervals import bootstrap_of_mean, half_sample_intervals
from ssldiff_core.evaluation.reconstruction import psnr, reconstruct
from ssldiff_core.evaluation.results import retrieval
from ssldiff_core.evaluation.samples import read_image
from ssldiff_core.evaluation.similarity import cosine
from ssldiff_core.models.catalogue import Model
from ssldiff_core.training.data import TrainingImage, load_images
from ssldiff_core.training.patch_encoder import knn_accuracy

from .report import report

CELL_PX = 128
DIRECTIONS = 64
LABELLED = {"aerial": "aerial/uc_merced", "tissue": "histology/osteosarcoma"}


@dataclass(frozen=True)
class Scale:
    """How much to measure: cells to draw, patches of a Fréchet distance, patches with labels, timed images."""

    cells: int
    patches: int
    labelled: int
    timed_px: int


FULL, QUICK = Scale(512, 1000, 1500, 1024), Scale(48, 100, 150, 512)


@dataclass(frozen=True)
class Drawn:
    """A crop of a test image, its grid, and what the model drew of it."""

    real: NDArray[np.uint8]
    grid: EmbeddingGrid
    image: NDArray[np.uint8]


def crops(images: list[TrainingImage], count: int, seed: int = 0) -> list[tuple[NDArray[np.uint8], float]]:
    """Crops of whole cells, one an image as long as there are other images, by turns of pixel sizes."""
    generator = np.random.default_rng(seed)
    by_size = {
        size: [i for i in generator.permutation(len(images)) if images[i].pixel_size_m == size]
        for size in sorted({image.pixel_size_m for image in images})
    }
    found: list[tuple[NDArray[np.uint8], float]] = []
    turn = 0
    while len(found) < count:
        for size, indices in by_size.items():
            pixels = images[indices[turn % len(indices)]].pixels
            side = min(4 if min(pixels.shape[:2]) >= 4 * CELL_PX else 2, min(pixels.shape[:2]) // CELL_PX) * CELL_PX
            if not side:
                continue
            row, col = (int(generator.integers(0, length - side + 1)) for length in pixels.shape[:2])
            found.append((pixels[row : row + side, col : col + side], size))
        turn += 1
    return found[:count]


def cells_of(image: NDArray[np.uint8], stride: int = CELL_PX) -> NDArray[np.uint8]:
    """(n, 128, 128, 3) uint8."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (CELL_PX, CELL_PX), axis=(0, 1))[::stride, ::stride]
    return np.ascontiguousarray(windows.transpose(0, 1, 3, 4, 2)).reshape(-1, CELL_PX, CELL_PX, 3)


def draw(
    model: Model, encoder: PatchEncoder, chosen: list[tuple[NDArray[np.uint8], float]], work: Path, settings: Settings
) -> list[Drawn]:
    """Draw the grid of each crop, or take what is there; each by a seed of its own."""
    work.mkdir(parents=True, exist_ok=True)
    drawn = []
    for seed, (real, size) in enumerate(chosen):
        side = real.shape[0] // CELL_PX
        vectors = encoder.encode(cells_of(real)).reshape(side, side, -1)
        grid = EmbeddingGrid(vectors, np.ones((side, side), bool), GridGeometry((side, side), size), encoder.id)
        way = f"{settings.steps}{'s' if settings.student else ''}"
        path = work / f"{seed:04}-{model.spec.digest[:8]}-{grid.digest[:8]}-{way}.png"
        if not path.exists():
            *_, last = generate(grid, replace(settings, seed=seed), model=model)
            assert last.result is not None
            write_image(path, last.result.image, last.result.manifest, pixel_size_m=size)
            print(f"{path.name}: {seed + 1} of {len(chosen)}", flush=True)
        drawn.append(Drawn(real, grid, read_image(path)))
    return drawn


def similarity_figures(drawn: list[Drawn], encoder: PatchEncoder, model: Model) -> dict[str, float]:
    """Raw, floor, ceiling, scaled, and the autoencoder's PSNR on the same crops."""
    asked = np.concatenate([d.grid.vectors.reshape(-1, encoder.dim) for d in drawn])
    found = np.concatenate([encoder.encode(cells_of(d.image)) for d in drawn])
    rebuilt = [reconstruct(np.ascontiguousarray(d.real), model) for d in drawn]
    ceiling = float(cosine(asked, np.concatenate([encoder.encode(cells_of(image)) for image in rebuilt])).mean())
    each = cosine(asked, found).astype(np.float64)
    low, high = bootstrap_of_mean(each, np.repeat(np.arange(len(drawn)), [d.grid.valid.size for d in drawn]))
    order = np.random.default_rng(0).permutation(len(asked))
    floor = float(cosine(asked[order], found[np.roll(order, 1)]).mean())
    raw = float(each.mean())
    return {
        "similarity": raw, "similarity_low": low, "similarity_high": high, "similarity_floor": floor,
        "similarity_ceiling": ceiling, "similarity_scaled": (raw - floor) / (ceiling - floor),
        "cells": float(len(each)),
        "psnr": float(np.mean([psnr(np.asarray(d.real), image) for d, image in zip(drawn, rebuilt, strict=True)])),
    }  # fmt: skip


def judged_figures(
    drawn: list[Drawn], judge: FeatureExtractor, train: list[TrainingImage], test: list[TrainingImage], patches: int,
    model: Model,
) -> dict[str, float]:  # fmt: skip
    """Retrieval among 500 cells, its ceiling of autoencoded real patches, and the Fréchet ratio, by the judge."""
    real, made = (judge.extract(np.concatenate([cells_of(part) for part in parts])) for parts in (
        [np.ascontiguousarray(d.real) for d in drawn], [d.image for d in drawn],
    ))  # fmt: skip
    rebuilt = judge.extract(np.concatenate([cells_of(reconstruct(np.ascontiguousarray(d.real), model)) for d in drawn]))
    count = min(500, len(real))
    figures = {
        "retrieval": retrieval(real[:count], made[:count]), "retrieval_among": float(count),
        "retrieval_ceiling": retrieval(real[:count], rebuilt[:count]),
    }  # fmt: skip
    crop = [np.ascontiguousarray(pixels) for pixels, _ in crops(train, max(1, patches // 9), seed=1)]
    other = [np.ascontiguousarray(pixels) for pixels, _ in crops(test, max(1, patches // 9), seed=2)]
    sets = [half_overlapping(parts, judge, patches) for parts in (other, [d.image for d in drawn], crop)]
    turned = principal(sets[0][0], [features for features, _ in sets], DIRECTIONS)
    groups = [group for _, group in sets]
    distances = {name: frechet_distance(turned[0], turned[i]) for i, name in ((1, "generated"), (2, "training"))}
    ratio = {"ratio": distances["generated"] / distances["training"]}
    intervals = half_sample_intervals(
        lambda a, b: {"ratio": frechet_distance(turned[0][a], turned[1][b]) / distances["training"]}, ratio,
        (groups[0], groups[1]), draws=100,
    )  # fmt: skip
    low, high = intervals.get("ratio", (float("nan"), float("nan")))
    return {
        **figures, "frechet": distances["generated"], "frechet_training": distances["training"],
        "frechet_ratio": ratio["ratio"], "frechet_ratio_low": low, "frechet_ratio_high": high,
        "frechet_patches": float(min(len(s[0]) for s in sets)),
    }  # fmt: skip


def half_overlapping(
    images: list[NDArray[np.uint8]], judge: FeatureExtractor, most: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features (n, dim) of half-overlapping patches, and the image each comes from; the same share of each image."""
    parts = [cells_of(image, CELL_PX // 2) for image in images]
    groups = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    chosen = np.sort(np.random.default_rng(3).permutation(len(groups))[:most])
    return judge.extract(np.concatenate(parts)[chosen]), groups[chosen]


def knn_figures(
    domain: str,
    extractors: dict[str, FeatureExtractor],
    train: list[TrainingImage],
    test: list[TrainingImage],
    most: int,
) -> dict[str, float]:
    """k-NN accuracy of each extractor on the labelled set of a domain."""
    sides = []
    for images in (train, test):
        own = [i for i in images if i.path.startswith(LABELLED[domain])]
        finest = max(i.pixel_size_m for i in own)
        patches = [(cells_of(np.ascontiguousarray(i.pixels)), i.label) for i in own if i.pixel_size_m == finest]
        pixels = np.concatenate([p for p, _ in patches])
        labels = [label for p, label in patches for _ in range(len(p))]
        chosen = np.random.default_rng(4).permutation(len(pixels))[:most]
        sides.append((pixels[chosen], [labels[i] for i in chosen]))
    (pixels, labels), (test_pixels, test_labels) = sides
    figures = {
        f"{name}_knn": knn_accuracy(extractor.extract(pixels), labels, extractor.extract(test_pixels), test_labels)
        for name, extractor in extractors.items()
    }
    return {**figures, "knn_patches": float(len(test_pixels))}


def seconds(model: Model, side_px: int, settings: Settings) -> float:
    """Of one image of random embeddings."""
    cells = side_px // CELL_PX
    vectors = np.random.default_rng(0).standard_normal((cells, cells, model.spec.condition_dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    geometry = GridGeometry((cells, cells), model.spec.pixel_sizes_m[-1])
    grid = EmbeddingGrid(vectors, np.ones((cells, cells), bool), geometry, model.spec.encoder_id)
    began = time.perf_counter()
    list(generate(grid, settings, model=model))
    return time.perf_counter() - began


def measure(domain: str, data: Path, work: Path, scale: Scale) -> dict[str, float]:
    """All figures of a domain, under their names without the domain."""
    spec = get_model_spec(domain)
    model, encoder = load_model(domain), load_patch_encoder(spec.folder)
    test, train = load_images(data, domain, "test"), load_images(data, domain, "train")
    chosen = crops(test, scale.cells)
    sizes = np.cumsum([(pixels.shape[0] // CELL_PX) ** 2 for pixels, _ in chosen])
    chosen = chosen[: int(np.searchsorted(sizes, scale.cells)) + 1]
    fast = Settings(steps=8) if model.student is None else Settings(student=True)
    figures: dict[str, float] = {}
    extractors: dict[str, FeatureExtractor] = {"encoder": EncoderFeatures(encoder), "colour": ColourFeatures()}
    judge = find_judge(f"judge-{domain}")
    if judge is not None:
        extractors["judge"] = EncoderFeatures(load_patch_encoder(judge))
    side = scale.timed_px
    for name, settings in (("", Settings()), ("fast_", fast)):
        drawn = draw(model, encoder, chosen, work / domain, settings)
        found = similarity_figures(drawn, encoder, model)
        if judge is not None:
            found |= judged_figures(drawn, extractors["judge"], train, test, scale.patches, model)
        seconds(model, side, settings)  # the first calls of a shape are slower
        found[f"seconds_{side}"] = seconds(model, side, settings)
        figures |= {f"{name}{key}": value for key, value in found.items()}
    figures |= knn_figures(domain, extractors, train, test, scale.labelled)
    files = list(spec.folder.rglob("*.safetensors"))
    return {**figures, "weights_mb": sum(file.stat().st_size for file in files) / 1e6}


def main() -> None:
    """Measure the domains asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one flat JSON object")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with splits.csv")
    parser.add_argument("--domains", default="aerial,tissue")
    parser.add_argument("--work", type=Path, required=True, help="folder for drawn images")
    arguments = parser.parse_args()
    scale = QUICK if arguments.quick else FULL
    figures: dict[str, float | str] = {}
    for domain in arguments.domains.split(","):
        found = measure(domain, arguments.data, arguments.work, scale)
        figures |= {f"{domain}_{name}": value for name, value in found.items()}
    figures["weights_mb"] = sum(float(v) for name, v in figures.items() if name.endswith("_weights_mb"))
    report(figures, arguments.json, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
