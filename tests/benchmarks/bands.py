"""One image by 1, 2 and 4 processes over gloo: time, efficiency, what they tell each other, and what they hold.

    python -m tests.benchmarks.bands [--quick] [--json FILE]

Each process has one thread and a band of the same canvas, cut into the same tiles, so that all compute the same in sum.
``bands_efficiency_N`` is the time of one process over N times that of N; on fewer than N cores the best is cores / N,
which ``bands_best_N`` says. ``bands_sent_mib_N`` is what all processes sent, ``bands_sent_mib_reckoned_N`` what the
README's arithmetic says; ``bands_disk_mib_N`` what they wrote to the shared disk in all steps. Networks are loaded
before the clock starts; a step's writing counts, decoding has its own figure. ``bands_rss_mib_N`` is the most of a
process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch.distributed as dist

from ssldiff_core.distributed import generate_together, joined
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.models.catalogue import get_model_spec, load_model
from ssldiff_core.models.placement import choose_device, choose_dtype
from ssldiff_core.settings import Settings

from .report import parse_arguments, peak_rss_mib, report

MODEL, TILE_LAT = "tissue", 128
COUNTS = (1, 2, 4)
RANK = "from tests.benchmarks.bands import rank; rank()"


def tall_grid(rows: int, cols: int) -> EmbeddingGrid:
    """A grid of random unit embeddings."""
    spec = get_model_spec(MODEL)
    vectors = np.random.default_rng(0).standard_normal((rows, cols, spec.condition_dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    geometry = GridGeometry((rows, cols), spec.pixel_sizes_m[len(spec.pixel_sizes_m) // 2])
    return EmbeddingGrid(vectors, np.ones((rows, cols), bool), geometry, spec.encoder_id)


def rank() -> None:
    """One of the processes: draw, and print a line of JSON."""
    rows, cols, steps, folder = (*map(int, sys.argv[1:4]), Path(sys.argv[4]))
    grid, model = tall_grid(rows, cols), load_model(MODEL, device="cpu")
    settings = Settings(steps=steps, tile_lat=TILE_LAT, device="cpu")
    list(generate_one_tile(model, settings))
    with joined("cpu") as peers:
        peers.wait()
        began, ended = time.perf_counter(), 0.0
        for step in generate_together(grid, settings, model, peers, folder):
            if step.index == steps:
                ended = time.perf_counter() - began
        peers.wait()
        facts: dict[str, Any] = {
            "denoise": ended, "decode": time.perf_counter() - began - ended, "sent": peers.bytes_sent,
            "rss": peak_rss_mib(), "radius": model.denoiser.radius_lat if model.denoiser else 0,
            "channels": model.denoiser.latent_channels if model.denoiser else 0,
            "decoder": model.autoencoder.decoder_radius_lat,
            "kept": sum(path.stat().st_size for path in folder.rglob("*.safetensors")),
        }  # fmt: skip
        found: list[Any] = [None] * peers.size
        dist.all_gather_object(found, facts)
        if peers.rank == 0:
            print(json.dumps(found), flush=True)


def generate_one_tile(model: Any, settings: Settings) -> Any:
    """A first small image, so that libraries have prepared what they prepare once."""
    from ssldiff_core.generate import generate

    return generate(tall_grid(2, 2), Settings(steps=1, device=settings.device), model=model)


def draw(count: int, rows: int, cols: int, steps: int) -> list[dict[str, Any]]:
    """The facts of each of ``count`` processes that draw a canvas together."""
    with tempfile.TemporaryDirectory() as name:
        words = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        words += ["--no-python", sys.executable, "-c", RANK, str(rows), str(cols), str(steps), f"{name}/bands"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
        line = next(line for line in done.stdout.splitlines() if line.startswith("[{"))
        found: list[dict[str, Any]] = json.loads(line)
        return found


def main() -> None:
    """Draw by each number of processes, report."""
    arguments = parse_arguments(__doc__ or "")
    rows, cols, steps, rounds = (32, 8, 2, 1) if arguments.quick else (64, 16, 2, 2)
    cores = os.cpu_count() or 1
    mpx = rows * cols * 128**2 / 1e6
    seconds: dict[int, list[float]] = {count: [] for count in COUNTS}
    figures: dict[str, float | str] = {
        "bands_width_px": cols * 128.0, "bands_height_px": rows * 128.0, "bands_steps": float(steps),
        "bands_rounds": float(rounds), "bands_cores": float(cores), "machine_load": os.getloadavg()[0],
    }  # fmt: skip
    for _ in range(rounds):
        for count in COUNTS:
            found = draw(count, rows, cols, steps)
            seconds[count].append(max(facts["denoise"] for facts in found))
            halo, channels = found[0]["radius"], found[0]["channels"]
            figures |= {
                f"bands_decode_seconds_{count}": max(facts["decode"] for facts in found),
                f"bands_sent_mib_{count}": sum(facts["sent"] for facts in found) / 2**20,
                f"bands_disk_mib_{count}": found[0]["kept"] * steps / 2**20,
                f"bands_rss_mib_{count}": max(facts["rss"] for facts in found),
            }
            lines = -(-halo // 2) * 2 * steps + found[0]["decoder"]  # the network's phase is 2
            line_mib = cols * 16 * channels * 4 / 2**20
            figures[f"bands_sent_mib_reckoned_{count}"] = 2 * (count - 1) * lines * line_mib
    one = float(np.median(seconds[1]))
    for count in COUNTS:
        middle = float(np.median(seconds[count]))
        figures[f"bands_seconds_{count}"] = middle
        figures[f"bands_efficiency_{count}"] = one / (count * middle)
        figures[f"bands_best_{count}"] = min(1.0, cores / count)
    figures["bands_core_seconds_per_mpx_step"] = one / mpx / steps
    report(figures, arguments.json, threads=1, precision=str(choose_dtype(choose_device("cpu"))).removeprefix("torch."))


if __name__ == "__main__":
    main()
