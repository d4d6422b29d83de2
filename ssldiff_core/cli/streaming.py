"""``ssldiff generate`` for canvases that stay on disk: large ones, and those whose trajectory is kept."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..geometry import format_length
from .console import Console

if TYPE_CHECKING:
    from ..embeddings.grid import EmbeddingGrid
    from ..models.catalogue import Model
    from ..settings import Settings
    from ..streaming import StreamedRun


def add_streaming_options(parser: argparse.ArgumentParser) -> None:
    """``--keep`` and ``--stream``."""
    group = parser.add_argument_group("on disk")
    group.add_argument(
        "--keep", type=Path, metavar="DIR",
        help="keep the canvas after each step there, for `ssldiff regenerate`",
    )  # fmt: skip
    group.add_argument(
        "--stream", action="store_true",
        help="work on disk, beside the output; by itself above 4096 × 4096 px. A killed run goes on when started again",
    )  # fmt: skip


def asks_to_stream(arguments: argparse.Namespace, grid: EmbeddingGrid, model: Model) -> bool:
    """Whether the run works on disk.

    Raises:
        SettingsError: where it is asked for together with what needs the whole canvas in memory.
    """
    from ..streaming import STREAM_ABOVE_PX

    height, width = grid.geometry.shape_px
    if keeps_variation(arguments):
        return False
    wanted = arguments.keep is not None or arguments.stream
    names = {"reference": "--reference", "appearance_from": "--appearance-from", "save_latents": "--save-latents"}
    whole = [option for name, option in names.items() if getattr(arguments, name, None) is not None]
    if wanted and whole:
        raise SettingsError(
            f"draw on disk with {whole[0]}", "that needs the whole canvas in memory", "",
            f"Leave out {whole[0]}, or --keep and --stream",
        )  # fmt: skip
    dense = (arguments.engine or model.spec.engine) == "dense"
    return wanted or (height * width > STREAM_ABOVE_PX and dense and not whole)


def keeps_variation(arguments: argparse.Namespace) -> bool:
    """Whether the trajectory of a variation is kept: that run is drawn in memory, and only its steps lie on disk."""
    colours = arguments.appearance_from is not None or arguments.save_latents is not None
    return arguments.keep is not None and arguments.reference is not None and not (arguments.stream or colours)


def stream(
    grid: EmbeddingGrid, settings: Settings, model: Model, keep: Path | None, outputs: list[Path], console: Console
) -> None:
    """Draw on disk, write the outputs, say what was made.

    Raises:
        SSLDiffError: as :class:`ssldiff_core.streaming.StreamedRun`.
    """
    from ..export import write_image
    from ..streaming import StreamedRun

    start = time.monotonic()
    folder = keep or outputs[0].with_name(outputs[0].name + ".work")
    run = StreamedRun(grid, settings, folder, model=model, keep=keep is not None)
    _follow(run, console)
    with run.scene() as scene:
        width, height = scene.size_l0
        for path in outputs:
            write_image(path, scene, run.manifest, pixel_size_m=grid.geometry.pixel_size_m, geometry=grid.geometry)
    run.close()
    seconds = time.monotonic() - start
    facts = {
        "outputs": [str(path) for path in outputs], "width_px": width, "height_px": height,
        "pixel_size_m": grid.geometry.pixel_size_m, "seconds": round(seconds, 3), "model": run.manifest.model_id,
        "seed": run.manifest.settings.get("seed"), "image_digest": run.manifest.image_digest, "synthetic": True,
        "latents_denoised": run.latents_denoised, "trajectory": None if keep is None else str(keep),
    }  # fmt: skip
    size = format_length(grid.geometry.pixel_size_m)
    text = f"{width} × {height} px at {size} a pixel, SYNTHETIC, by {run.manifest.model_id} in {seconds:.1f} s"
    console.report("\n".join(f"{path}: {text}" for path in outputs), facts)


def _follow(run: StreamedRun, console: Console) -> None:
    with console.progress("generating", "tile") as bar:
        for step in run.steps(preview_px=16):
            bar.total = step.total
            bar.update(step.index - bar.n)
            bar.set_postfix_str(f"{step.eta_s / 60:.0f} min to go", refresh=False)
