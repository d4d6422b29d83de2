"""``ssldiff adapt``: from one patch encoder's embeddings to another's, by a linear map fitted on a scene."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..geometry import format_length, parse_pixel_size
from .arguments import (
    Commands,
    add_parser,
    add_scene_options,
    checked_output,
    open_scene_as_asked,
    parse_count,
    parse_region,
)  # fmt: skip
from .console import Console
from .encode import embed_with_bar, nearest_pixel_size
from .grids import checked_grid_output, load_encoder_as_asked, load_encoder_of, read_grid_for

if TYPE_CHECKING:
    from ..embeddings.adapter import Adapter
    from ..embeddings.grid import EmbeddingGrid
    from ..models.spec import ModelSpec

_DESCRIPTION = """\
A model draws from the embeddings of its own encoder only. An adapter predicts these from another encoder's.

To fit one, encode a scene with both: give the scene, --from and --model; or two grids of the same cells, with --pair. A
fifth of the cells, in blocks, is held out; the cosine between predicted and true embeddings there is printed, and that
of the mean embedding beside it. To use one, give the grid and --adapter. What the first encoder does not see, no
adapter can add: below about 0.7 expect images that follow the grid loosely."""

_EXAMPLES = """\
  ssldiff adapt slide.svs --from uni2-h --model tissue --pixel-size 1um -o uni2-to-tissue.npz
  ssldiff adapt --pair mine.npz tissue.npz -o mine-to-tissue.npz
  ssldiff adapt mine.npz --adapter mine-to-tissue.npz -o adapted.npz"""


def add_command(commands: Commands) -> None:
    """Add ``adapt`` to the parser."""
    parser = add_parser(commands, "adapt", "go from one encoder's embeddings to another's", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("source", type=Path, nargs="?", help="scene to fit on, or grid to adapt")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="adapter (.npz), or grid")
    parser.add_argument("--adapter", type=Path, metavar="ADAPTER.npz", help="apply this one to the grid")
    parser.add_argument("--pair", type=Path, nargs=2, metavar=("FROM", "TO"), help="fit on two grids of the same cells")
    parser.add_argument("--from", dest="from_encoder", metavar="ID", help="encoder whose embeddings you have")
    parser.add_argument("--model", metavar="ID", help="model that shall draw from them (tissue)", default="tissue")
    parser.add_argument(
        "--region", type=parse_region, metavar="X,Y,WIDTH,HEIGHT", help="of the scene, in level-0 pixels"
    )
    parser.add_argument("--pixel-size", type=parse_pixel_size, metavar="SIZE", help="of the model's cells: 0.5um")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of held-out cells (0)")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, mps")
    parser.add_argument("--batch-size", type=parse_count, default=64, metavar="N", help="patches at once (64)")
    parser.add_argument("--encoder-weights", type=Path, metavar="FILE", help="weights of the encoder given by --from")
    parser.add_argument("--download", action="store_true", help="fetch weights from the hub where they are not here")
    add_scene_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``adapt``."""
    if arguments.adapter is not None:
        return _apply(arguments, console)
    from ..embeddings.adapter import fit_adapter

    checked_output(arguments.output, ".npz")
    adapter = fit_adapter(*_pair(arguments, console), seed=arguments.seed)
    adapter.save(arguments.output)
    _report(adapter, arguments.output, console)
    return 0


def _apply(arguments: argparse.Namespace, console: Console) -> int:
    from ..embeddings.adapter import Adapter
    from ..embeddings.grid_files import write_grid

    checked_grid_output(arguments.output)
    if arguments.source is None:
        raise SettingsError("adapt a grid", "none was given", "", "Give it: ssldiff adapt GRID --adapter FILE -o OUT")
    adapter = Adapter.load(arguments.adapter)
    grid = adapter.apply(read_grid_for(arguments.source))
    write_grid(grid, arguments.output)
    facts = {
        "grid": str(arguments.output), "encoder": grid.encoder_id, "dim": grid.dim, "digest": grid.digest,
        "pixel_size_m": grid.geometry.pixel_size_m, "held_out_cosine": adapter.held_out_cosine,
    }  # fmt: skip
    console.report(
        f"{arguments.output}: embeddings of {grid.encoder_id}, predicted from {adapter.source_id} (cosine "
        f"{adapter.held_out_cosine:.3f} on held-out cells), at {format_length(grid.geometry.pixel_size_m)} a pixel",
        facts,
    )
    return 0


def _pair(arguments: argparse.Namespace, console: Console) -> tuple[EmbeddingGrid, EmbeddingGrid]:
    """Grids of the same cells by both encoders."""
    if arguments.pair is not None:
        first, second = (read_grid_for(path) for path in arguments.pair)
        return first, second
    if arguments.source is None or arguments.from_encoder is None:
        raise SettingsError(
            "fit an adapter", "it is not said on what", "an adapter is fitted on a scene, or on two grids of its cells",
            "Give a scene and --from ENCODER, or --pair FROM TO",
        )  # fmt: skip
    from ..models.catalogue import get_model_spec

    return _encode_twice(arguments, get_model_spec(arguments.model), console)


def _encode_twice(
    arguments: argparse.Namespace, model: ModelSpec, console: Console
) -> tuple[EmbeddingGrid, EmbeddingGrid]:
    """A scene by both encoders, each at the pixel size at which its patch is a cell of the model."""
    from ..models.placement import choose_device

    device = str(choose_device(arguments.device))
    mine = load_encoder_as_asked(arguments.from_encoder, arguments, device)
    own = argparse.Namespace(encoder_weights=None, download=arguments.download)
    theirs = load_encoder_of(model, own, device)
    with open_scene_as_asked(arguments.source, arguments) as scene:
        size = arguments.pixel_size or nearest_pixel_size(scene, model.pixel_sizes_m)
        sizes = ((mine, size * theirs.patch_px / mine.patch_px, 8), (theirs, size, model.latent_factor))
        first, second = (
            embed_with_bar(scene, encoder, console, arguments.region, pixel_size, arguments.batch_size, factor)
            for encoder, pixel_size, factor in sizes
        )
    return first, second


def _report(adapter: Adapter, output: Path, console: Console) -> None:
    fitted, held_out = adapter.cells
    facts = {
        "adapter": str(output), "from": adapter.source_id, "to": adapter.target_id, "cells_fitted": fitted,
        "cells_held_out": held_out, "held_out_cosine": adapter.held_out_cosine,
        "baseline_cosine": adapter.baseline_cosine, "cell_m": adapter.cell_m,
    }  # fmt: skip
    console.report(
        f"{output}: from {adapter.source_id} to {adapter.target_id}, fitted on {fitted} cells of "
        f"{format_length(adapter.cell_m)}; cosine {adapter.held_out_cosine:.3f} on {held_out} held-out cells "
        f"({adapter.baseline_cosine:.3f} for the mean embedding)",
        facts,
    )
