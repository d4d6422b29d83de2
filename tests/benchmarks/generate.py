"""Seconds and memory of one image at the default settings, with the shipped models.

    python -m tests.benchmarks.generate [--quick] [--json FILE]

Each domain's image is drawn from a grid of random unit embeddings, once to warm up (256 px) and then N times; the
median counts. ``--quick`` draws 512 px once; keys name the size that was drawn.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch

from ssldiff_core import EmbeddingGrid, GridGeometry, ModelSpec, Settings, generate, list_models
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
    """Median seconds in total, of the network and of the decoder."""
    list(generate(random_grid(spec, 256), Settings(steps=2)))
    totals, networks, decodes = [], [], []
    for seed in range(repeats):
        start = time.perf_counter()
        *_, last = generate(random_grid(spec, side_px), Settings(seed=seed))
        totals.append(time.perf_counter() - start)
        assert last.result is not None
        networks.append(last.result.seconds["network"])
        decodes.append(last.result.seconds["decode"])
    return {
        f"seconds_{side_px}": statistics.median(totals),
        f"network_seconds_{side_px}": statistics.median(networks),
        f"decode_seconds_{side_px}": statistics.median(decodes),
    }


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
