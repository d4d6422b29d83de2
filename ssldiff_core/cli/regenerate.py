"""``ssldiff regenerate``: draw what an edit changed, or what a canvas grew by, on the trajectory of a kept run."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from .arguments import Commands, add_parser, checked_output
from .console import Console
from .generate import PREVIEW_PX, follow, report, write_outputs

if TYPE_CHECKING:
    from ..embeddings.grid import EmbeddingGrid

_DESCRIPTION = """\
Go on with an image that was drawn with `ssldiff generate --keep DIR`. Only what the new grid changed is drawn, with a
margin; everything else stays as it was in every bit. Edits follow each other; the grid of an earlier version brings
that version back without computing.

--grow adds rows and columns on any side, their cells mirrored from those inside. Of what was there a strip of one cell
along the growth is drawn again, so that no seam shows; --redraw 0 leaves all of it as it is."""

_EXAMPLES = """\
  ssldiff regenerate kept edited.npz -o edited.ome.tif
  ssldiff regenerate kept grid.npz -o undone.ome.tif                    the grid before the edit: undo
  ssldiff regenerate kept --grow 0,4,0,0 --save-grid grown.npz -o grown.ome.tif    four columns on the right"""


def add_command(commands: Commands) -> None:
    """Add ``regenerate`` to the parser."""
    parser = add_parser(commands, "regenerate", "draw only what an edit changed", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where `ssldiff generate --keep` kept the run")
    parser.add_argument("grid", type=Path, nargs="?", help="the edited grid; left out with --grow")
    parser.add_argument(
        "-o", "--output", type=Path, nargs="+", required=True, metavar="FILE", help=".png, .ome.tif or .tif"
    )
    parser.add_argument("--grow", metavar="TOP,RIGHT,BOTTOM,LEFT", help="rows and columns to add to the last grid")
    parser.add_argument(
        "--redraw", type=int, default=1, metavar="CELLS", help="how wide a strip along a growth is drawn again (1)"
    )
    parser.add_argument("--save-grid", type=Path, metavar="GRID.npz", help="write the grid that was drawn, to edit on")
    parser.add_argument("--margin", type=int, metavar="PX", help="canvas pixels drawn around what changed (48)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``regenerate``."""
    from ..diffusion.graph.trajectory import Trajectory
    from ..export import SUFFIXES
    from ..regenerate import regenerate

    outputs = [checked_output(path, *SUFFIXES) for path in arguments.output]
    if arguments.save_grid is not None:
        checked_output(arguments.save_grid, ".npz")
    trajectory = Trajectory(arguments.folder)
    grid = _grid_of(arguments, trajectory.record)
    start = time.monotonic()
    margin = None if arguments.margin is None else max(0, arguments.margin) // grid.geometry.latent_factor
    steps = regenerate(trajectory, grid, margin_lat=margin, redraw_cells=arguments.redraw, preview_px=PREVIEW_PX)
    result = follow(steps, console)
    seconds = time.monotonic() - start
    write_outputs(result, outputs)
    if arguments.save_grid is not None:
        grid.save(arguments.save_grid)
    report(result, outputs, seconds, console)
    return 0


def _grid_of(arguments: argparse.Namespace, record: str) -> EmbeddingGrid:
    from ..embeddings.grid import EmbeddingGrid
    from ..embeddings.grid_change import grow_grid
    from ..provenance import Manifest

    if (arguments.grid is None) == (arguments.grow is None):
        raise SettingsError("regenerate", "both or neither of GRID and --grow are given", "one of them is given")
    if arguments.grid is not None:
        return EmbeddingGrid.load(arguments.grid)
    try:
        top, right, bottom, left = (int(part) for part in arguments.grow.split(","))
    except ValueError:
        raise SettingsError(
            f"grow by {arguments.grow!r}",
            "it is not TOP,RIGHT,BOTTOM,LEFT",
            "four whole numbers",
            "For example 0,4,0,0",
        ) from None
    return grow_grid(Manifest.from_json(record).grid, top, right, bottom, left)
