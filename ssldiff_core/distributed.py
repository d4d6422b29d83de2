"""One large image over several processes or GPUs, launched by ``torchrun`` or ``accelerate launch``.

Each process draws and decodes a band of the canvas and writes its rows into one file on a disk that all share; the
first then writes the image. No process holds more than its band. After every step the bands lie on that disk too: a run
that lost a process goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .embeddings.grid import EmbeddingGrid
from .errors import SettingsError
from .settings import Settings

if TYPE_CHECKING:
    from .diffusion.graph.bands import BandStep, Peers
    from .diffusion.graph.peers import TorchPeers
    from .models.catalogue import Model
    from .provenance import Manifest

IMAGE_NAME = "image.npy"


def launched_together() -> bool:
    """Whether this process is one of several that were launched to draw together."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def own_device(device: str) -> str:
    """The device of this process: of several GPUs in a machine each takes its own."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device


@contextmanager
def joined(device: str, patience: timedelta | None = None) -> Iterator[TorchPeers]:
    """The processes that were launched together, while they draw or train: NCCL between GPUs, else gloo.

    Args:
        device: of this process.
        patience: how long one waits for another; torch's own default where None.

    Raises:
        SettingsError: where they do not find each other.
    """
    import torch.distributed as dist

    from .diffusion.graph.peers import TorchPeers, lost

    on_gpu = device.startswith("cuda")
    try:
        dist.init_process_group("nccl" if on_gpu else "gloo", timeout=patience)
    except (RuntimeError, ValueError) as error:
        raise lost(int(os.environ.get("RANK", "0")), error) from error
    try:
        yield TorchPeers(device if on_gpu else "cpu")
    finally:
        dist.destroy_process_group()


@dataclass(frozen=True)
class TogetherStep:
    """How far this process has come.

    Args:
        index, total: denoising steps, and one for decoding.
        image: (height, width, 3) uint8, mapped from the shared file: in the last step of the first process alone.
        manifest: of the image, where there is one.
        resumed_after: the step of an earlier run that this one went on from; 0 for a run from the start.
    """

    index: int
    total: int
    image: NDArray[np.uint8] | None = None
    manifest: Manifest | None = None
    resumed_after: int = 0


def generate_together(
    grid: EmbeddingGrid, settings: Settings, model: Model, peers: Peers, folder: Path
) -> Iterator[TogetherStep]:
    """Draw a grid's image together with ``peers``; every process runs the same.

    The result is that of one process, to rounding: bands are rows of whole tiles, and see what tiles see.

    Args:
        grid: what to draw; each process has the whole of it, for it is small.
        settings: the same for all.
        model: loaded by this process, on its device.
        peers: the others.
        folder: on a disk that all share; bands go there after every step, and in the end the image's pixels. A run
            of the same grid, settings, model and number of processes goes on from what it finds there.

    Raises:
        SettingsError: where the engine is not ``dense``, the grid has fewer rows than there are processes, or one of
            these is lost on the way.
    """
    from .diffusion.graph.band_files import BandFiles
    from .diffusion.graph.bands import cut_bands, draw_band
    from .drawing import part_by_part, resolve
    from .generate import make_manifest

    settings = resolve(settings, model)
    if settings.engine != "dense":
        raise SettingsError(
            "draw one image with several processes", f"the engine is {settings.engine}", "only dense draws in bands",
            "Use `ssldiff batch` to draw several images at once",
        )  # fmt: skip
    drawing = part_by_part(model, grid, settings)
    settings = replace(settings, tile_lat=_tile_for(settings.tile_lat, grid, peers.size))
    if peers.rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(folder / IMAGE_NAME, "w+", np.uint8, (*grid.geometry.shape_px, 3)).flush()
    band = cut_bands(drawing.canvas, peers.size, settings.tile_lat)[peers.rank]
    files = BandFiles(folder / f"steps-{_run_digest(grid, settings, model)}", peers, band)
    before = step = files.last_common(drawing.steps)
    peers.wait()  # the file is there, and all have looked at what they go on from
    resumed = before.index if before else 0
    for step in draw_band(drawing, peers, settings.tile_lat, after=before):
        files.keep(step)
        yield TogetherStep(step.index, step.total + 1, resumed_after=resumed)
    assert step is not None, "a run has at least one step"
    _decode_band(step, model, peers, folder / IMAGE_NAME)
    peers.wait()  # every band is in it
    if peers.rank:
        yield TogetherStep(step.total + 1, step.total + 1, resumed_after=resumed)
        return
    image = np.load(folder / IMAGE_NAME, mmap_mode="r")
    manifest = make_manifest(grid, grid, settings, settings.guidance_scale or 0.0, model)
    machine = {**manifest.machine, "processes": peers.size}
    manifest = replace(manifest, machine=machine, bit_exact=False).with_image(image)
    yield TogetherStep(step.total + 1, step.total + 1, image, manifest, resumed)


def _run_digest(grid: EmbeddingGrid, settings: Settings, model: Model) -> str:
    """What must be the same for bands of one run to be those of another; each process has its own device."""
    used = {**asdict(settings), "device": ""}
    facts = json.dumps([grid.digest, model.spec.digest, used], sort_keys=True, default=str)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _tile_for(tile_lat: int, grid: EmbeddingGrid, processes: int) -> int:
    """The tile asked for, or the largest of whole cells that gives every process a row of them."""
    geometry = grid.geometry
    rows = geometry.rows // processes
    if rows == 0:
        raise SettingsError(
            f"draw a canvas with {processes} processes", f"the grid has {geometry.rows} rows of cells",
            "each process draws at least one", f"Use {geometry.rows} processes at most",
        )  # fmt: skip
    return min(tile_lat, rows * geometry.cell_lat)


def _decode_band(step: BandStep, model: Model, peers: Peers, path: Path) -> None:
    """Decode a band with the rows around it, and write its own rows into the shared file."""
    from .diffusion.autoencoder import decode_canvas
    from .diffusion.graph.bands import widen

    halo, factor = model.autoencoder.decoder_radius_lat, model.autoencoder.factor
    wide = widen(step.latents, halo, peers)
    above = 0 if peers.rank == 0 else halo
    pixels = decode_canvas(model.autoencoder, wide, device=model.device)
    image = np.lib.format.open_memmap(path, "r+")
    top, height = step.band.row * factor, step.band.height * factor
    image[top : top + height] = pixels[above * factor : above * factor + height]
    image.flush()
