"""``ssldiff encode``: a region of a scene as a grid of embeddings."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..embeddings.spec import ANY_PIXEL_SIZE
from ..errors import GridError, ModelError, SceneError, SettingsError
from ..geometry import LATENT_FACTOR, format_length, parse_pixel_size
from .arguments import (
    Commands,
    add_device_options,
    add_parser,
    add_scene_options,
    open_scene_as_asked,
    parse_count,
    parse_region,
)  # fmt: skip
from .console import Console
from .grids import add_encoder_options, checked_grid_output, load_encoder_as_asked, load_encoder_of

if TYPE_CHECKING:
    import torch

    from ..embeddings.encoder import PatchEncoder
    from ..embeddings.grid import EmbeddingGrid
    from ..geometry import Box
    from ..models.catalogue import ModelSpec
    from ..scenes import Scene

_MANY_CELLS, _MOST_WORKERS = 4000, 16
"""From how many cells on workers are worth their start, which is a few seconds, and how many fit into memory."""

_DESCRIPTION = """\
Read a region of a scene as a grid of embeddings: one vector for each cell of 128 × 128 pixels, at the pixel size of
the grid (which need not be the scene's).

The model that will draw the image decides the encoder. Without --model the one is taken that was trained nearest to
the scene's pixel size: tissue for micrometres, aerial for decimetres.

What is done lies in a hidden folder beside the output: after a kill, give the same command once more."""

_EXAMPLES = """\
  ssldiff encode slide.svs -o grid.npz
  ssldiff encode slide.svs --region 2000,4000,4096,4096 --pixel-size 0.5um -o grid.npz
  ssldiff encode unscaled.svs --scene-pixel-size 0.25um -o grid.npz       a slide that does not say its scale
  ssldiff encode slide.svs --encoder uni2-h --encoder-weights pytorch_model.bin --pixel-size 0.5um -o grid.h5
  ssldiff encode city.tif --bands 1,2,3 --range 0,3000 --pixel-size 30cm -o grid.npz"""


def add_command(commands: Commands) -> None:
    """Add ``encode`` to the parser."""
    parser = add_parser(commands, "encode", "read a scene as a grid of embeddings", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("scene", type=Path, help="whole slide, GeoTIFF, OME-TIFF or plain image")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="GRID", help=".npz, .h5 or .safetensors")
    parser.add_argument(
        "--region", type=parse_region, metavar="X,Y,WIDTH,HEIGHT",
        help="in level-0 pixels of the scene; by default all of it that holds an image",
    )  # fmt: skip
    parser.add_argument(
        "--pixel-size", type=parse_pixel_size, metavar="SIZE",
        help="of the grid and of its images: 0.5um, 0.3m, 30cm; the trained one nearest the scene's by default",
    )  # fmt: skip
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", metavar="ID", help="the model that will draw from this grid, see `ssldiff models`")
    which.add_argument("--encoder", metavar="ID", help="a patch encoder by id, or the folder of one")
    parser.add_argument("--batch-size", type=parse_count, default=64, metavar="N", help="patches at once (64)")
    parser.add_argument(
        "--workers", type=int, metavar="N",
        help="processes beside this one, which read ahead and run a small encoder on a core each; 0 for none; by "
        "default one for each further core where the grid is large",
    )  # fmt: skip
    parser.add_argument(
        "--foreground",
        action="store_true",
        help="leave out cells without tissue; for slides, not for aerial images",
    )
    add_device_options(parser)
    add_encoder_options(parser)
    add_scene_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``encode``."""
    from ..embeddings.grid_files import write_grid

    checked_grid_output(arguments.output)
    with open_scene_as_asked(arguments.scene, arguments) as scene:
        for warning in scene.warnings:
            console.note(f"{scene.name}: {warning}")
        encoder, model = _choose_encoder(scene, arguments)
        sizes = encoder.pixel_sizes_m if model is None else model.pixel_sizes_m
        pixel_size_m = arguments.pixel_size or nearest_pixel_size(scene, sizes)
        factor = LATENT_FACTOR if model is None else model.latent_factor
        grid = embed_with_bar(
            scene, encoder, console, arguments.region, pixel_size_m, arguments.batch_size, factor,
            workers=_readers(arguments.workers, scene, encoder, pixel_size_m), foreground_only=arguments.foreground,
            keep=arguments.output.with_name(f".{arguments.output.name}.encoding"),
        )  # fmt: skip
    write_grid(grid, arguments.output)
    rows, cols = grid.shape_cell
    facts = {
        "grid": str(arguments.output), "digest": grid.digest, "rows": rows, "cols": cols, "dim": grid.dim,
        "valid_cells": int(grid.valid.sum()), "pixel_size_m": grid.geometry.pixel_size_m, "encoder": grid.encoder_id,
    }  # fmt: skip
    height, width = grid.geometry.shape_px
    text = (
        f"{arguments.output}: {rows} × {cols} cells ({facts['valid_cells']} valid) at {format_length(pixel_size_m)} "
        f"a pixel, an image of {width} × {height} px; encoder {grid.encoder_id}"
    )
    console.report(text, facts)
    return 0


def embed_with_bar(
    scene: Scene, encoder: PatchEncoder, console: Console, region: Box | None, pixel_size_m: float, batch_size: int,
    latent_factor: int = LATENT_FACTOR, *, workers: int = 0, foreground_only: bool = False, keep: Path | None = None,
) -> EmbeddingGrid:  # fmt: skip
    """Embed a region, with a progress bar; ``keep`` is a folder for what is done, from which a killed run goes on."""
    from ..embeddings.embed import embed_scene

    grid = None
    steps = embed_scene(
        scene, encoder, region_l0=region, pixel_size_m=pixel_size_m, batch_size=batch_size, latent_factor=latent_factor,
        workers=workers, foreground_only=foreground_only, keep=keep,
    )  # fmt: skip
    with console.progress("encoding", "cell") as bar:
        for progress in steps:
            bar.total = progress.total
            bar.update(progress.done - bar.n)
            grid = progress.grid or grid
    if grid is None:
        raise GridError("encode the scene", "no grid came of it", "this is a fault of ssldiff", "Report it")
    return grid


def _readers(asked: int | None, scene: Scene, encoder: PatchEncoder, pixel_size_m: float) -> int:
    """How many processes read: as many as asked for; else one for each spare core, where there is enough to read.

    Raises:
        SettingsError: where less than none is asked for.
    """
    if asked is not None:
        if asked < 0:
            raise SettingsError(f"read with {asked} workers", "that is less than none", "", "0 reads without workers")
        return asked
    cell_l0 = encoder.patch_px * pixel_size_m / (scene.pixel_size_m or pixel_size_m)
    cells = scene.bounds_l0.width * scene.bounds_l0.height / cell_l0**2
    return max(1, min(_MOST_WORKERS, (os.cpu_count() or 1) - 1)) if cells >= _MANY_CELLS else 0


def _choose_encoder(scene: Scene, arguments: argparse.Namespace) -> tuple[PatchEncoder, ModelSpec | None]:
    """The encoder asked for; else the model asked for, or the one nearest to the scene, and its encoder."""
    from ..models.catalogue import get_model_spec, list_models
    from ..models.placement import choose_device

    place = choose_device(arguments.device)
    device, asked = str(place), arguments.precision
    if arguments.encoder:
        of_model = next((spec for spec in list_models() if spec.encoder_id == arguments.encoder), None)
        dtype = _precision(asked, place, of_model)
        return load_encoder_as_asked(arguments.encoder, arguments, device, precision=dtype), None
    if arguments.model:
        model = get_model_spec(arguments.model)
    else:
        model = _nearest_model(_known_pixel_size(scene), list_models())
    return load_encoder_of(model, arguments, device, _precision(asked, place, model)), model


def _precision(asked: str, device: torch.device, model: ModelSpec | None) -> str:
    """Of an encoder's network: by default what its model computes in; of an encoder without a model here, float32."""
    from ..models.families import get_family
    from ..models.placement import choose_dtype

    if asked == "auto":
        asked = "float32" if model is None else get_family(model.family).auto_precision
    return str(choose_dtype(device, asked)).removeprefix("torch.")


def _nearest_model(pixel_size_m: float, specs: list[ModelSpec]) -> ModelSpec:
    if not specs:
        raise ModelError("choose a model for the scene", "there is none here", "", "Install ssldiff again")
    return min(specs, key=lambda spec: abs(math.log(_nearest(pixel_size_m, spec.pixel_sizes_m) / pixel_size_m)))


def nearest_pixel_size(scene: Scene, trained_m: tuple[float, ...]) -> float:
    """The trained pixel size nearest to the scene's.

    Raises:
        SceneError: where the scene does not say its own.
    """
    return _nearest(_known_pixel_size(scene), trained_m)


def _nearest(size_m: float, trained_m: tuple[float, ...]) -> float:
    """The trained pixel size nearest to the scene's, by ratio; the scene's own where all are one to the encoder."""
    if trained_m == ANY_PIXEL_SIZE:
        return size_m
    return min(trained_m, key=lambda size: abs(math.log(size / size_m)))


def _known_pixel_size(scene: Scene) -> float:
    if scene.pixel_size_m is None:
        raise SceneError(
            f"encode {scene.name}", "its file does not say how large its pixels are",
            "cells have a size on the ground", "Give it with --scene-pixel-size, for example 0.5um for a slide at 20×",
        )  # fmt: skip
    return scene.pixel_size_m
