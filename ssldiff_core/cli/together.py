"""``ssldiff generate`` under ``torchrun``: one image by several processes."""

from __future__ import annotations

import argparse
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..geometry import format_length
from .console import Console

if TYPE_CHECKING:
    from ..embeddings.grid import EmbeddingGrid
    from ..models.catalogue import ModelSpec
    from ..settings import Settings

_ALONE = {
    "reference": "--reference", "appearance_from": "--appearance-from", "save_latents": "--save-latents",
    "keep": "--keep",
}  # fmt: skip


def draw_together(
    arguments: argparse.Namespace, grid: EmbeddingGrid, spec: ModelSpec, settings: Settings, outputs: list[Path],
    console: Console,
) -> None:  # fmt: skip
    """Draw this process's part; the first process writes the outputs and says what was made.

    Raises:
        SettingsError: where something is asked for that only one process can do, or one of them is lost.
    """
    from ..distributed import generate_together, joined, own_device
    from ..export import write_image
    from ..models.catalogue import load_model
    from ..models.placement import choose_device

    given = [option for name, option in _ALONE.items() if getattr(arguments, name, None) is not None]
    if given:
        raise SettingsError(
            f"draw with {given[0]} in several processes", "one process alone can do that", "", f"Leave out {given[0]}"
        )
    start, device = time.monotonic(), own_device(choose_device(settings.device).type)
    model = load_model(spec.id, device=device, precision=settings.precision)
    folder = outputs[0].with_name(f".{outputs[0].name}.together")
    with joined(device) as peers, console.progress("generating", "step") as bar:
        for step in generate_together(grid, replace(settings, device=device), model, peers, folder):
            bar.total = step.total
            bar.update(step.index - bar.n)
        if step.image is None or step.manifest is None:
            return
        size = grid.geometry.pixel_size_m
        for path in outputs:
            write_image(path, step.image, step.manifest, pixel_size_m=size, geometry=grid.geometry)
        height, width = step.image.shape[:2]
        shutil.rmtree(folder, ignore_errors=True)
        facts = {
            "outputs": [str(path) for path in outputs], "width_px": width, "height_px": height, "pixel_size_m": size,
            "seconds": round(time.monotonic() - start, 3), "model": spec.id, "processes": peers.size,
            "image_digest": step.manifest.image_digest, "bytes_sent": peers.bytes_sent,
            "resumed_after_step": step.resumed_after, "synthetic": True,
        }  # fmt: skip
        text = f"{width} × {height} px at {format_length(size)} a pixel, SYNTHETIC, by {peers.size} processes"
        console.report("\n".join(f"{path}: {text} in {facts['seconds']} s" for path in outputs), facts)
