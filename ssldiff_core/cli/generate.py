"""``ssldiff generate``: the image that a grid describes."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..geometry import format_length
from .arguments import Commands, add_device_options, add_parser, checked_output
from .console import Console
from .engine_options import add_engine_options, checked_latents, engine_settings
from .grids import read_grid_for
from .streaming import add_streaming_options, asks_to_stream, keeps_variation, stream
from .together import draw_together
from .variation import add_variation_options, move_as_asked, read_appearance, read_reference

if TYPE_CHECKING:
    from ..embeddings.grid import EmbeddingGrid
    from ..generate import Result, Settings, Step
    from ..models.catalogue import ModelSpec

PREVIEW_PX = 16
"""Nobody sees the previews here, so they are as small as they may be."""

_DESCRIPTION = """\
Draw the image that a grid of embeddings describes. The model follows from the grid: the one that was trained with the
grid's encoder.

The suffix of the output decides its format: .png; .ome.tif or .tif for a pyramid with its pixel size (a GeoTIFF where
the grid's scene has a place on the Earth); .cog.tif for a cloud-optimised GeoTIFF; .dzi or .dzi.zip for Deep Zoom. Give
-o more than one file to write several formats of one image. Beside each lies a manifest, <output>.manifest.json, from
which `ssldiff replay` makes the same image again. Images are marked SYNTHETIC."""

_EXAMPLES = """\
  ssldiff generate grid.npz -o out.ome.tif
  ssldiff generate grid.npz -o out.ome.tif out.png --seed 7 --steps 30 --guidance 2
  ssldiff generate grid.npz -o out.png --device cpu --precision float32
  ssldiff generate grid.npz -o windows.png --engine windowed --solver unipc --stride 128
  ssldiff generate grid.npz -o out.ome.tif --keep kept
  ssldiff generate grid.npz -o varied.png --reference out.png --strength 0.5 --seed 8
  ssldiff generate grid.npz -o other.png --seed 7 --appearance-from stained.tif"""


def add_command(commands: Commands) -> None:
    """Add ``generate`` to the parser."""
    parser = add_parser(commands, "generate", "draw the image that a grid describes", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("grid", type=Path, help="grid made by `ssldiff encode` or `ssldiff edit`")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help=".png, .ome.tif, .tif, .cog.tif, .dzi or .dzi.zip; several are fine",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed, another image of the same grid (0)")
    parser.add_argument("--steps", type=int, metavar="N", help="denoising steps; more is slower and finer (20)")
    parser.add_argument(
        "--guidance", type=float, metavar="SCALE",
        help="how closely to follow the grid; 1 is off; the model's own by default",
    )  # fmt: skip
    parser.add_argument("--model", metavar="ID", help="which model draws it, where several take its embeddings")
    parser.add_argument("--yes", action="store_true", help="go on where many cells are unlike the training images")
    add_engine_options(parser)
    add_variation_options(parser)
    add_streaming_options(parser)
    add_device_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``generate``."""
    from ..diffusion.graph.trajectory import Trajectory
    from ..distributed import launched_together
    from ..export import SUFFIXES
    from ..export.latents import write_latents
    from ..generate import generate
    from ..models.catalogue import load_model

    outputs = [checked_output(path, *SUFFIXES) for path in arguments.output]
    latents, settings = checked_latents(arguments.save_latents), settings_from(arguments)
    grid, spec = read_grid_and_model(arguments)
    confirm_range(grid, spec, console, yes=arguments.yes)
    reference, appearance = read_reference(arguments, grid), read_appearance(arguments, grid)
    start = time.monotonic()
    grid, appearance = move_as_asked(grid, appearance, settings, arguments.appearance_in, console)
    if launched_together():
        draw_together(arguments, grid, spec, settings, outputs, console)
        return 0
    model = load_model(spec.id, device=settings.device, precision=settings.precision)
    if asks_to_stream(arguments, grid, model):
        stream(grid, settings, model, arguments.keep, outputs, console)
        return 0
    keep = Trajectory(arguments.keep) if keeps_variation(arguments) else None
    steps = generate(
        grid, settings, model=model, reference=reference, appearance=appearance, keep=keep, preview_px=PREVIEW_PX
    )
    result = follow(steps, console)
    seconds = time.monotonic() - start
    write_outputs(result, outputs)
    if latents is not None:
        write_latents(latents, result.latents, result.manifest)
    report(result, outputs, seconds, console)
    return 0


def read_grid_and_model(arguments: argparse.Namespace) -> tuple[EmbeddingGrid, ModelSpec]:
    """The grid, and the model asked for or the first that takes its embeddings.

    Raises:
        GridError: where the model cannot draw the grid.
    """
    from ..models.catalogue import find_model_for, find_only_model, get_model_spec

    asked = get_model_spec(arguments.model) if arguments.model else None
    grid = read_grid_for(arguments.grid, asked or find_only_model())
    spec = asked or find_model_for(grid.encoder_id)
    spec.check_grid(grid)
    return grid, spec


def settings_from(arguments: argparse.Namespace) -> Settings:
    """The settings of the command's options; what was not given keeps its default."""
    from ..generate import Settings

    given = {
        "seed": arguments.seed, "steps": arguments.steps, "guidance_scale": arguments.guidance,
        "device": arguments.device, "precision": arguments.precision,
    }  # fmt: skip
    given |= {name: value for name, value in engine_settings(arguments).items() if value is not None}
    return Settings(**{name: value for name, value in given.items() if value is not None})


def confirm_range(grid: EmbeddingGrid, spec: ModelSpec, console: Console, *, yes: bool) -> None:
    """Tell the share of cells unlike the training images; where it is large go on only where the user wants to.

    Raises:
        SettingsError: where the user does not.
        GridError: where the grid's pixel size lies outside the trained range.
    """
    from ..embeddings.check import check_grid
    from ..embeddings.spec import CONFIG_NAME

    reference = spec.folder / CONFIG_NAME
    if not reference.is_file():
        console.note(f"{spec.id} stores no reference to check this grid against.")
        return
    check = check_grid(grid, reference)
    if check.needs_confirmation:
        console.confirm("draw this grid", check.message, yes=yes)
    else:
        console.note(check.message)


def follow(steps: Iterator[Step], console: Console) -> Result:
    """Let a generation run to its end, with a progress bar.

    Raises:
        SSLDiffError: as :func:`ssldiff_core.generate.generate`.
    """
    result = None
    with console.progress("generating", "step") as bar:
        for step in steps:
            bar.total = step.total
            bar.update(step.index - bar.n)
            result = step.result or result
    assert result is not None, "the last step carries the result"
    return result


def write_outputs(result: Result, outputs: list[Path]) -> None:
    """Write one image in every format asked for."""
    from ..export import write_image

    for path in outputs:
        write_image(
            path, result.image, result.manifest,
            pixel_size_m=result.geometry.pixel_size_m, geometry=result.geometry,
        )  # fmt: skip


def report(result: Result, outputs: list[Path], seconds: float, console: Console) -> None:
    """Say what was made."""
    height, width = result.image.shape[:2]
    phases = {f"seconds_{phase}": round(value, 3) for phase, value in result.seconds.items()}
    manifest = result.manifest
    facts = {
        "outputs": [str(path) for path in outputs], "width_px": width, "height_px": height,
        "pixel_size_m": result.geometry.pixel_size_m, "seconds": round(seconds, 3), **phases,
        "model": manifest.model_id,
        "seed": manifest.settings.get("seed"), "image_digest": manifest.image_digest, "synthetic": True,
    }  # fmt: skip
    size = format_length(result.geometry.pixel_size_m)
    text = f"{width} × {height} px at {size} a pixel, SYNTHETIC, by {manifest.model_id} in {seconds:.1f} s"
    console.report("\n".join(f"{path}: {text}" for path in outputs), facts)
