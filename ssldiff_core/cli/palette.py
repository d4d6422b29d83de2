"""``ssldiff palette``: the cells of a grid sorted into named, coloured swatches to paint with."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Commands, add_parser, add_scene_options, checked_output, open_scene_as_asked, parse_count
from .console import Console
from .grids import read_grid_for

if TYPE_CHECKING:
    import numpy as np

    from ..embeddings.grid import EmbeddingGrid
    from ..layouts import Palette
    from ..scenes import Scene

_DESCRIPTION = """\
Sort the cells of a grid into swatches by k-means, each with a name, a colour and real vectors to paint with.

Printed with it: the swatches, and a map of the grid with a letter for each cell, so that you know which cells to
paint. With --scene each swatch also keeps pictures of its cells, for the app."""

_EXAMPLES = """\
  ssldiff palette grid.npz --scene slide.svs -o palette.npz
  ssldiff palette grid.npz -n 5 --names gland,stroma,fat,lymphocytes,glass -o palette.npz"""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WIDEST_MAP = 160


def add_command(commands: Commands) -> None:
    """Add ``palette`` to the parser."""
    parser = add_parser(commands, "palette", "sort a grid's cells into swatches to paint with", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("grid", type=Path, help="grid made by `ssldiff encode`")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PALETTE.npz", help="where to write it")
    parser.add_argument("--scene", type=Path, help="the scene that the grid was read from, for pictures of its cells")
    parser.add_argument("-n", "--swatches", type=parse_count, default=8, metavar="N", help="how many (8)")
    parser.add_argument("--names", metavar="A,B,…", help="names for the swatches, in the order printed")
    parser.add_argument("--seed", type=int, default=0, help="of the clustering (0)")
    add_scene_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``palette``."""
    from ..layouts import palette_from_grid

    checked_output(arguments.output, ".npz")
    grid = read_grid_for(arguments.grid)
    names = tuple(name.strip() for name in arguments.names.split(",")) if arguments.names else ()
    options: dict[str, Any] = {"n_swatches": arguments.swatches, "names": names, "seed": arguments.seed}
    if arguments.scene is None:
        palette, labels = palette_from_grid(grid, **options)
    else:
        with open_scene_as_asked(arguments.scene, arguments) as scene:
            palette, labels = palette_from_grid(grid, read_patch=_patch_reader(scene, grid), **options)
    palette.save(arguments.output)
    counts = [int((labels == index).sum()) for index in range(len(palette.swatches))]
    facts = {
        "palette": str(arguments.output),
        "swatches": [
            {"name": swatch.name, "colour": swatch.colour, "cells": count}
            for swatch, count in zip(palette.swatches, counts, strict=True)
        ],
        "labels": labels.tolist(),
    }
    console.report(_describe(palette, labels, counts), facts)
    return 0


def _patch_reader(scene: Scene, grid: EmbeddingGrid) -> Callable[[int, int], np.ndarray]:
    side = grid.geometry.cell_px
    return lambda row, col: scene.read(grid.geometry.cells_to_l0(row, col), size_px=(side, side))


def swatch_by_letter(palette: Palette, key: str) -> str:
    """The name of the swatch that ``ssldiff palette`` printed with this letter; any other key as it is."""
    index = _LETTERS.find(key) if len(key) == 1 and key not in palette.names else -1
    return palette.names[index] if 0 <= index < len(palette.names) else key


def _describe(palette: Palette, labels: np.ndarray, counts: list[int]) -> str:
    """The swatches, one a line, and the grid as letters where they suffice; a dot is a cell that is not valid."""
    letters = _LETTERS if len(palette.swatches) <= len(_LETTERS) else " " * len(palette.swatches)
    lines = [
        f"{letters[index]}  {swatch.colour}  {count:6d} cells  {swatch.name}"
        for index, (swatch, count) in enumerate(zip(palette.swatches, counts, strict=True))
    ]
    if labels.shape[1] <= _WIDEST_MAP and letters is _LETTERS:
        lines.append("")
        lines += ["".join("." if i < 0 else letters[i] for i in row) for row in labels.tolist()]
    return "\n".join(lines)
