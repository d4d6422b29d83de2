"""How fast a slide becomes a grid: against a plain timm loop over ``read_region``, on the same cells in the same run.

    python -m tests.benchmarks.encoding [--quick] [--json FILE]

A slide is made of the tissue demo scene, mirrored and laid out in islands on glass, as a pyramid of JPEG tiles at
0.25 µm; it is encoded at 0.5 µm by the shipped tissue encoder. The plain loop is a script of twenty lines: it opens the
slide with OpenSlide, reads each patch of tissue at the level of the grid, and gives batches of 64 to the timm network
in float32. ssldiff does the same as ``ssldiff encode --foreground`` does, in the precision that is fast here, from
finding the tissue to the grid, the start of its workers counted. Rounds of all alternate; medians count.

``encoding_speedup_whole_slide`` is beside a plain loop over all cells, reckoned from its time a patch.
``encoding_rss_mib_N``: the most memory of a process that encodes all N cells of a slide, workers apart; its workers'
most beside it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from ssldiff_core.assets import assets_path
from ssldiff_core.embeddings.embed import embed_scene
from ssldiff_core.embeddings.encoder import PatchEncoder, TimmPatchEncoder, load_patch_encoder
from ssldiff_core.embeddings.foreground import foreground_cells
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.export.pixels import ArraySource
from ssldiff_core.export.tiff import write_tiff
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.models.catalogue import get_model_spec
from ssldiff_core.models.placement import choose_device, choose_dtype
from ssldiff_core.scenes import Scene, open_scene

from .report import parse_arguments, report

Result = TypeVar("Result")

SLIDE_M, GRID_M, BATCH = 2.5e-7, 5e-7, 64
BLOCK_PX, LEVELS = 2048, 4
"""Side of a block of the slide at its finest level, and levels; at the coarsest a block is one tile."""

MEMORY = """
import json, resource, sys
from pathlib import Path
from ssldiff_core.embeddings.encoder import load_patch_encoder
from tests.benchmarks.encoding import encode
if __name__ == "__main__":
    encoder = load_patch_encoder(sys.argv[1], precision=sys.argv[2])
    grid = encode(Path(sys.argv[3]), encoder, int(sys.argv[4]), foreground_only=False)
    most = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps([int(grid.valid.sum()), *most]))
"""


def write_slide(path: Path, side: int) -> None:
    """A slide of islands of tissue on glass, about half of it tissue.

    Args:
        path: to write.
        side: pixels, a multiple of :data:`BLOCK_PX`. Blocks repeat, so their tiles are compressed once.
    """
    import tifffile

    kinds = _block_kinds(path)
    count = side // BLOCK_PX
    y, x = np.mgrid[0:count, 0:count] / max(count, 1) * 2 * np.pi
    chosen = np.digitize(np.sin(2 * x) * np.sin(3 * y) + 0.4 * np.cos(5 * x + 2 * y), [-0.45, -0.2, 0.0, 0.2])
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for level in range(LEVELS):
            tiles = BLOCK_PX // 256 >> level

            def rows(level: int = level, tiles: int = tiles) -> Iterator[bytes]:
                for row in range(count * tiles):
                    for col in range(count * tiles):
                        kind = kinds[chosen[row // tiles, col // tiles]]
                        yield kind[level][row % tiles * tiles + col % tiles]

            per_cm = 0.01 / SLIDE_M / 2**level
            tiff.write(
                rows(), shape=(side >> level, side >> level, 3), dtype="uint8", tile=(256, 256), photometric="rgb",
                compression="jpeg", resolution=(per_cm, per_cm), resolutionunit="CENTIMETER", metadata=None,
                subfiletype=int(level > 0),
            )  # fmt: skip


def _block_kinds(path: Path) -> list[list[list[bytes]]]:
    """Glass, two blocks that are part glass, and two of tissue: the compressed tiles of each of their levels."""
    import tifffile
    from PIL import Image

    with Image.open(assets_path("scenes") / "tissue-demo.tif") as image:
        tissue = np.asarray(image.convert("RGB"))
    tissue = np.concatenate([tissue, tissue[:, ::-1]], axis=1)
    tissue = np.concatenate([tissue, tissue[::-1]])
    times = -(-BLOCK_PX // min(tissue.shape[:2]))
    block = np.tile(tissue, (times, times, 1))[:BLOCK_PX, :BLOCK_PX]
    y, x = np.mgrid[0:BLOCK_PX, 0:BLOCK_PX] / BLOCK_PX - 0.5
    masks = [x > 1, x + 0.3 * np.sin(6 * y) > 0, x**2 + y**2 < 0.2, x < 1, x < 1]
    found = []
    for number, mask in enumerate(masks):
        pixels = np.where(mask[..., None], block[:: -1 if number == 4 else 1], 242).astype(np.uint8)
        own = path.with_name(f"block-{number}.tif")
        write_tiff(own, ArraySource(np.ascontiguousarray(pixels)), "", SLIDE_M, quality=85)
        with tifffile.TiffFile(own) as tiff:
            levels = []
            for page in tiff.pages[:LEVELS]:
                places = zip(page.dataoffsets, page.databytecounts, strict=True)
                levels.append([_read(tiff, offset, size) for offset, size in places])
        own.unlink()
        found.append(levels)
    return found


def _read(tiff: object, offset: int, size: int) -> bytes:
    handle = tiff.filehandle  # type: ignore[attr-defined]
    handle.seek(offset)
    return bytes(handle.read(size))


def plain_loop(path: Path, encoder: TimmPatchEncoder, cells: np.ndarray) -> np.ndarray:
    """Embeddings (n, dim) of cells (n, 2), as a script of twenty lines computes them."""
    import openslide
    import timm
    import torch
    from safetensors.torch import load_file

    network = timm.create_model(encoder.spec.timm_name, pretrained=False, **encoder.spec.timm_args)
    network.load_state_dict(load_file(encoder.spec.weights))
    network.float().eval()
    mean, std = (torch.tensor(value)[None, :, None, None] for value in (encoder.spec.mean, encoder.spec.std))
    found, batch = [], []
    with openslide.OpenSlide(str(path)) as slide, torch.inference_mode():
        level = slide.get_best_level_for_downsample(GRID_M / SLIDE_M * 1.01)
        step = round(encoder.patch_px * GRID_M / SLIDE_M)
        for number, (row, col) in enumerate(cells):
            place = (int(col) * step, int(row) * step)
            patch = slide.read_region(place, level, (encoder.patch_px, encoder.patch_px)).convert("RGB")
            batch.append(torch.from_numpy(np.array(patch)).permute(2, 0, 1).float() / 255)
            if len(batch) == BATCH or number + 1 == len(cells):
                found.append(encoder._finished(network((torch.stack(batch) - mean) / std).numpy()))
                batch = []
    return np.concatenate(found)


def encode(path: Path, encoder: PatchEncoder, workers: int, *, foreground_only: bool) -> EmbeddingGrid:
    """The same by ssldiff."""
    with open_scene(path) as scene:
        *_, last = embed_scene(
            scene, encoder, pixel_size_m=GRID_M, workers=workers, foreground_only=foreground_only, batch_size=BATCH
        )
    assert last.grid is not None
    return last.grid


def grid_of(scene: Scene, encoder: PatchEncoder) -> GridGeometry:
    """The cells that cover a scene."""
    return GridGeometry.covering(
        scene.bounds_l0, pixel_size_m=GRID_M, scene_pixel_size_m=SLIDE_M, cell_px=encoder.patch_px, latent_factor=8
    )


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What a call gives, and its seconds."""
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


def measure_memory(folder: Path, encoder: TimmPatchEncoder, workers: int, sides: tuple[int, ...]) -> dict[str, float]:
    """The most memory of a process that encodes every cell of a slide, and of its workers, for slides of some sides."""
    figures: dict[str, float] = {}
    script = folder / "memory.py"
    script.write_text(MEMORY, encoding="utf-8")
    for side in sides:
        path = folder / f"slide-{side}.tif"
        write_slide(path, side)
        words = [sys.executable, str(script), encoder.id, encoder.precision, str(path), str(workers)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        began = time.perf_counter()
        done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
        cells, own, child = json.loads(done.stdout)
        figures |= {f"encoding_rss_mib_{cells}": own, f"encoding_worker_rss_mib_{cells}": child}
        figures[f"encoding_seconds_{cells}"] = time.perf_counter() - began
        path.unlink()
    return figures


def measure_speed(path: Path, encoder: TimmPatchEncoder, workers: int, rounds: int) -> dict[str, float]:
    """Time of the plain loop, of ssldiff in one process and in several, on the cells that hold tissue."""
    with open_scene(path) as scene:
        *_, first = embed_scene(scene, encoder, pixel_size_m=GRID_M, region_l0=scene.bounds_l0.scaled(0.1))
        assert first.grid is not None
    with open_scene(path) as scene:
        cells = np.argwhere(foreground_cells(scene, grid_of(scene, encoder)))
    seconds: dict[str, list[float]] = {"plain": [], "here": [], "ahead": []}
    for _ in range(rounds):
        grid, spent = timed(lambda: encode(path, encoder, workers, foreground_only=True))
        seconds["ahead"].append(spent)
        assert (np.argwhere(grid.valid) == cells).all()
        known, spent = timed(lambda: plain_loop(path, encoder, cells))
        seconds["plain"].append(spent)
        _, spent = timed(lambda: encode(path, encoder, 0, foreground_only=True))
        seconds["here"].append(spent)
    cosines = (known * grid.vectors[tuple(cells.T)]).sum(axis=1)
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "encoding_speedup": middle["plain"] / middle["ahead"],
        "encoding_speedup_without_workers": middle["plain"] / middle["here"],
        "encoding_speedup_whole_slide": middle["plain"] / len(cells) * grid.valid.size / middle["ahead"],
        "encoding_patches_per_s": len(cells) / middle["ahead"],
        "encoding_plain_patches_per_s": len(cells) / middle["plain"],
        "encoding_cells": float(grid.valid.size), "encoding_foreground_cells": float(len(cells)),
        "encoding_cosine_to_plain_least": float(cosines.min()), "encoding_cosine_to_plain_mean": float(cosines.mean()),
    }  # fmt: skip


def main() -> None:
    """Make the slides, measure, report."""
    arguments = parse_arguments(__doc__ or "")
    side, rounds, sides = (32_768, 1, ()) if arguments.quick else (65_536, 1, (16_384, 81_920))
    precision = str(choose_dtype(choose_device("cpu"))).removeprefix("torch.")
    encoder = load_patch_encoder(get_model_spec("tissue").encoder_id, precision=precision)
    assert isinstance(encoder, TimmPatchEncoder)
    workers = max(1, (os.cpu_count() or 1) - 1)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "slide.tif"
        write_slide(path, side)
        figures: dict[str, float | str] = {**measure_speed(path, encoder, workers, rounds)}
        path.unlink()
        figures |= measure_memory(Path(name), encoder, workers, sides)
    figures |= {"encoding_workers": float(workers), "encoding_rounds": float(rounds), "encoding_precision": precision}
    report(figures, arguments.json, threads=int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))


if __name__ == "__main__":
    main()
