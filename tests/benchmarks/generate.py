"""Seconds and memory of one image at the default settings, with the shipped models.

    python -m tests.benchmarks.generate [--quick] [--json FILE]

Each domain's image is drawn from a grid of random unit embeddings, once to warm up (256 px) and then N times, by the
model and by its student (``fast_…``); the median counts. ``--quick`` draws 512 px once; keys name the size that was
drawn. ``direct_…`` is the time with 3×3 convolutions done the direct way, as a multiple of that which they take, by
turns; 1 where the precision is not float32.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import torch

from ssldiff_core import EmbeddingGrid, GridGeometry, ModelSpec, Settings, generate, list_models
from ssldiff_core.generate import Result
from ssldiff_core.models import native_autoencoder
from ssldiff_core.models.placement import choose_device, choose_dtype

from .report import parse_arguments, peak_rss_mib, report


def random_grid(spec: ModelSpec, side_px: int) -> EmbeddingGrid:
    """A square grid of random unit embeddings at the model's middle pixel size."""
    cells = side_px // spec.cell_px
    vectors = np.random.default_rng(0).standard_normal((cells, cells, spec.condition_dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    size = spec.pixel_sizes_m[len(spec.pixel_sizes_m) // 2]
    return EmbeddingGrid(vectors, np.ones((cells, cells), bool), GridGeometry((cells, cells), size), spec.encoder_id)


def measure(spec: ModelSpec, side_px: int, repeats: int) -> dict[str, float]:
    """Median seconds in total, of the network and of the decoder; of the student in total; both the direct way."""
    ways = {"": Settings()} | ({"fast_": Settings(student=True)} if spec.has_student else {})
    figures = {}
    for way, settings in ways.items():
        list(generate(random_grid(spec, 256), settings))
        totals, networks, decodes, direct = [], [], [], []
        for seed in range(repeats):
            seconds, last = _draw(spec, side_px, replace(settings, seed=seed))
            totals.append(seconds)
            networks.append(last.seconds["network"])
            decodes.append(last.seconds["decode"])
            with patch.object(native_autoencoder, "WORTHWHILE", math.inf):
                direct.append(_draw(spec, side_px, replace(settings, seed=seed))[0])
        figures |= {
            f"{way}seconds_{side_px}": statistics.median(totals),
            f"{way}network_seconds_{side_px}": statistics.median(networks),
            f"{way}decode_seconds_{side_px}": statistics.median(decodes),
            f"{way}direct_{side_px}": statistics.median(direct) / statistics.median(totals),
        }
    return figures


def _draw(spec: ModelSpec, side_px: int, settings: Settings) -> tuple[float, Result]:
    start = time.perf_counter()
    *_, last = generate(random_grid(spec, side_px), settings)
    assert last.result is not None
    return time.perf_counter() - start, last.result


def main() -> None:
    """Measure every shipped model; the keys without a prefix are the slower model's."""
    arguments = parse_arguments(__doc__ or "")
    side, repeats = (512, 1) if arguments.quick else (1024, 3)
    figures: dict[str, float | str] = {}
    for spec in list_models():
        found = measure(spec, side, repeats)
        figures |= {f"{spec.id}_{name}": value for name, value in found.items()}
        if found[f"seconds_{side}"] > float(figures.get(f"seconds_{side}", 0.0)):
            figures |= found
    figures |= {f"peak_mib_{side}": peak_rss_mib(), "repeats": float(repeats), "steps": float(Settings().steps)}
    precision = str(choose_dtype(choose_device())).removeprefix("torch.")
    report(figures, arguments.json, threads=torch.get_num_threads(), precision=precision)


if __name__ == "__main__":
    main()
