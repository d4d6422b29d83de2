"""Options of ``generate`` that start from an image, or take an image's colours."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from ..geometry import Box
from .console import Console

if TYPE_CHECKING:
    from ..diffusion.appearance import Appearance
    from ..diffusion.reference import Reference
    from ..embeddings.grid import EmbeddingGrid
    from ..generate import Settings

STRENGTH = 0.5
_MOVES = ("pixels", "grid", "both")

_MEASURED_PX = 4096
"""An appearance is read from at most so many pixels a side."""

_LOOK_STEPS = 8
"""Steps of the small run that tells how the grid looks before it is moved."""


def add_variation_options(parser: argparse.ArgumentParser) -> None:
    """``--reference``, ``--strength``, ``--appearance-from`` and ``--appearance-in``."""
    group = parser.add_argument_group("variation and appearance")
    group.add_argument(
        "--reference", type=Path, metavar="IMAGE",
        help="start from this image and not from noise: one as large as the result, or the scene that the grid was "
        "read from",
    )  # fmt: skip
    group.add_argument(
        "--strength", type=float, metavar="S",
        help=f"how much of the reference is forgotten: 0 keeps it, 1 is a run without it ({STRENGTH:g})",
    )  # fmt: skip
    group.add_argument(
        "--appearance-from", type=Path, metavar="IMAGE",
        help="give the result the colours of this image: its stains for tissue, its bands for aerial images",
    )  # fmt: skip
    group.add_argument(
        "--appearance-in", choices=_MOVES, default="pixels",
        help="where the colours are changed: in the finished pixels, in the grid, so that the model draws them, or in "
        "both (pixels)",
    )  # fmt: skip


def read_reference(arguments: argparse.Namespace, grid: EmbeddingGrid) -> Reference | None:
    """The reference that was asked for.

    Raises:
        SettingsError: where there is a strength without a reference, or it lies outside [0, 1].
        SceneError, GridError: where the image cannot be read, or does not fit the grid's canvas.
    """
    if arguments.reference is None:
        if arguments.strength is not None:
            raise SettingsError(
                f"vary with the strength {arguments.strength:g}", "there is no reference", "", "Give --reference IMAGE"
            )
        return None
    from ..diffusion.reference import reference_from_scene
    from ..scenes import open_scene

    strength = STRENGTH if arguments.strength is None else arguments.strength
    with open_scene(arguments.reference) as scene:
        return reference_from_scene(scene, grid, strength)


def read_appearance(arguments: argparse.Namespace, grid: EmbeddingGrid) -> Appearance | None:
    """The colours that were asked for.

    Raises:
        SceneError: where the image cannot be read.
        SettingsError: where its appearance cannot be told, or it is to be moved in the grid without an image.
    """
    if arguments.appearance_from is None:
        if arguments.appearance_in != "pixels":
            raise SettingsError(
                "change the appearance", "there is no image to take it from", "", "Give --appearance-from IMAGE"
            )
        return None
    from ..diffusion.appearance import measure_appearance
    from ..scenes import open_scene

    path: Path = arguments.appearance_from
    with open_scene(path) as scene:
        source: dict[str, Any] = {"name": scene.alias}
        whole = Box(0, 0, *scene.size_l0)
        scale = min(1.0, _MEASURED_PX / max(scene.size_l0))
        size = (max(1, round(whole.width * scale)), max(1, round(whole.height * scale)))
        return measure_appearance(scene.read(whole, size_px=size), grid.geometry.pixel_size_m, source)


def move_as_asked(
    grid: EmbeddingGrid, appearance: Appearance | None, settings: Settings, where: str, console: Console
) -> tuple[EmbeddingGrid, Appearance | None]:
    """The grid to draw, and the colours to give the finished pixels, by ``--appearance-in``.

    The grid's own look is that of a quick run; the same picture in the colours asked for gives the direction, so that
    what is shown cancels out.
    """
    if appearance is None or where == "pixels":
        return grid, appearance
    from dataclasses import replace

    from ..diffusion.appearance import move_grid, read_cells
    from ..embeddings.encoder import load_patch_encoder
    from ..generate import generate
    from .generate import PREVIEW_PX, follow

    console.note("drawing the grid once, quickly, to see its own colours")
    quick = replace(settings, steps=min(settings.steps, _LOOK_STEPS))
    image = follow(generate(grid, quick, preview_px=PREVIEW_PX), console).image
    encoder = load_patch_encoder(grid.encoder_id)
    before, after = (
        encoder.encode(read_cells(picture, encoder.patch_px)) for picture in (image, appearance.match(image))
    )
    moved = move_grid(grid, before, after)
    moved = replace(moved, source={**grid.source, "appearance": appearance.to_json()})
    return moved, appearance if where == "both" else None
