"""``ssldiff finish``: the picture of a fast result, in full quality."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from .arguments import Commands, add_parser, checked_output, parse_count
from .console import Console
from .generate import follow, report, write_outputs
from .replay import default_output, read_reference_image

_DESCRIPTION = """\
Draw a fast result again in more steps, from the same start: the picture stays, and its details come out. The manifest
inside the image, or beside it, says all that is needed; the new one names it as its parent."""

_EXAMPLES = """\
  ssldiff generate grid.npz -o fast.png --steps 8
  ssldiff finish fast.png                          writes fast.finished.png, in 20 steps
  ssldiff finish fast.png --steps 50 -o fine.ome.tif"""


def add_command(commands: Commands) -> None:
    """Add ``finish`` to the parser."""
    parser = add_parser(commands, "finish", "a fast result in full quality", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("image", type=Path, help="an image drawn here in few steps, or its .manifest.json")
    parser.add_argument("-o", "--output", type=Path, nargs="+", metavar="FILE", help=".png, .ome.tif or .tif")
    parser.add_argument("--steps", type=parse_count, default=20, metavar="N", help="denoising steps (20)")
    parser.add_argument(
        "--reference", type=Path, metavar="IMAGE",
        help="what a variation started from, where it is too large for a manifest",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``finish``."""
    from ..export import SUFFIXES, read_manifest
    from ..generate import finish
    from ..provenance import Manifest

    manifest = Manifest.from_json(read_manifest(arguments.image), name=str(arguments.image))
    wanted = arguments.output or [default_output(arguments.image, SUFFIXES, "finished")]
    outputs = [checked_output(path, *SUFFIXES) for path in wanted]
    start = time.monotonic()
    image = read_reference_image(arguments.reference, manifest)
    result = follow(finish(manifest, arguments.steps, reference_image=image), console)
    seconds = time.monotonic() - start
    write_outputs(result, outputs)
    report(result, outputs, seconds, console)
    return 0
