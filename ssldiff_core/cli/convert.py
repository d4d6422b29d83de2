"""``ssldiff convert``: weights that others published, made ready to draw with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError
from ..geometry import format_length, parse_pixel_size
from .arguments import Commands, add_parser
from .console import Console

if TYPE_CHECKING:
    from ..models.conversion import Facts
    from ..models.spec import ModelSpec

_DESCRIPTION = """\
Make a model folder of published weights, for --models-dir or SSLDIFF_MODELS_DIR.

The paper's models: give last.ckpt and its project.yaml. The checkpoint is read without running what is in it, every
weight is accounted for, and safetensors are written. PixCell: give its diffusers folder, or its name on the Hugging
Face hub; the weights stay where they are. Nothing is downloaded without --download.

Of a published model (brca-20x, brca-5x, crc-20x, naip, pixcell-256, pixcell-1024) the encoder and the pixel size
follow from --id; of another, give them."""

_EXAMPLES = """\
  ssldiff convert last.ckpt project.yaml -o models/brca-20x
  ssldiff convert last.ckpt project.yaml -o models/mine --encoder hipt-vits16 --pixel-size 0.5um
  ssldiff convert StonyBrook-CVLab/PixCell-1024 -o models/pixcell-1024 --download
  ssldiff convert PixCell-256 -o models/pixcell-256 --autoencoder sd35/vae"""


def add_command(commands: Commands) -> None:
    """Add ``convert`` to the parser."""
    parser = add_parser(commands, "convert", "make published weights ready to draw with", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("source", help="last.ckpt, a diffusers folder, or owner/name on the hub")
    parser.add_argument("project", type=Path, nargs="?", help="the project.yaml that came with last.ckpt")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="model folder to write")
    parser.add_argument("--id", metavar="NAME", help="what to call the model (the folder's name)")
    parser.add_argument("--encoder", metavar="ID", help="patch encoder whose embeddings it takes")
    parser.add_argument("--pixel-size", type=parse_pixel_size, metavar="SIZE", help="of its training: 0.5um, 1m")
    parser.add_argument("--autoencoder", metavar="PLACE", help="PixCell: the SD3 autoencoder's folder or hub name")
    parser.add_argument("--download", action="store_true", help="PixCell: fetch from the hub what is not here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``convert``."""
    from ..models.conversion import Facts

    facts = Facts(arguments.id, arguments.encoder, arguments.pixel_size)
    output = arguments.output.absolute()
    console.note("reading the weights …")
    report(_convert(arguments, output, facts), console)
    return 0


def _convert(arguments: argparse.Namespace, output: Path, facts: Facts) -> ModelSpec:
    from ..models.conversion import SD3_AUTOENCODER, adopt_pixcell, convert_checkpoint

    if arguments.project is not None:
        return convert_checkpoint(Path(arguments.source), arguments.project, output, facts)
    if Path(arguments.source).is_file():
        raise ModelError(
            f"convert {arguments.source}", "no project.yaml was given", "a checkpoint says nothing of its shape",
            "Give the yaml that came with it: ssldiff convert last.ckpt project.yaml -o DIR",
        )  # fmt: skip
    place = arguments.autoencoder or SD3_AUTOENCODER
    return adopt_pixcell(arguments.source, output, facts, autoencoder=place, download=arguments.download)


def report(spec: ModelSpec, console: Console) -> None:
    """Say what was made and how to draw with it."""
    size = format_length(spec.pixel_sizes_m[0])
    facts = {
        "id": spec.id, "family": spec.family, "folder": str(spec.folder), "encoder": spec.encoder_id,
        "condition_dim": spec.condition_dim, "cell_px": spec.cell_px, "pixel_size_m": spec.pixel_sizes_m[0],
        "engine": spec.engine, "cells_per_window": spec.cells_per_window, "licence": spec.licence,
    }  # fmt: skip
    console.report(
        f"{spec.folder}: the model {spec.id!r} of the family {spec.family} takes embeddings of {spec.encoder_id!r} "
        f"({spec.condition_dim} numbers, cells of {spec.cell_px} px at {size} a pixel).\n"
        f"Draw with: ssldiff generate GRID --models-dir {spec.folder.parent} --model {spec.id} -o out.png",
        facts,
    )
