"""``ssldiff edit``: paint, fill, blend, copy, erase and vary the cells of a grid."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LayoutError, SettingsError
from .arguments import Commands, add_parser, parse_cells
from .console import Console
from .grids import checked_grid_output, read_grid_for
from .palette import swatch_by_letter

if TYPE_CHECKING:
    from ..embeddings.grid import EmbeddingGrid
    from ..layouts import Edit, Layout, Palette

_DESCRIPTION = """\
Change the cells of a grid. Edits are carried out in the order given; the result is a grid again, and says in itself
which edits made it.

CELLS are ROW,COL,ROWS,COLS (or ROW,COL for one cell), counted from 0 at the top left. A SWATCH is a name in the
palette, or the letter that `ssldiff palette` printed for it. How a swatch is painted may follow it: sample (each cell
an exemplar of its own, the default), mean (one vector everywhere) or texture (a contiguous piece of a real grid); and
a strength above 0 and up to 1."""

_EXAMPLES = """\
  ssldiff edit grid.npz --palette palette.npz --paint 2,3,4,4:fat -o edited.npz
  ssldiff edit grid.npz --palette palette.npz --fill 0,0:stroma:texture --blend 4,4,2,2:gland:0.5 -o edited.npz
  ssldiff edit grid.npz --copy 0,0,3,3:5,5 --erase 7,7 --vary 0,0,8,8:0.3 -o edited.npz     needs no palette
  ssldiff edit --empty 8,8:stroma --palette palette.npz --paint 2,2,4,4:gland -o painted.npz
  ssldiff edit grid.npz --palette palette.npz --edits edits.json -o edited.npz

edits.json is a list of edits as the app and the manifest write them:
  [{"kind": "paint", "version": 1, "cells": [[2, 3], [2, 4]], "swatch": "fat"}]"""


def add_command(commands: Commands) -> None:
    """Add ``edit`` to the parser."""
    parser = add_parser(commands, "edit", "paint, fill, copy, erase and vary cells", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("grid", type=Path, nargs="?", help="grid to change; left out with --empty")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="GRID", help=".npz, .h5 or .safetensors")
    parser.add_argument("--palette", type=Path, metavar="PALETTE.npz", help="swatches to paint with")
    parser.add_argument(
        "--empty", metavar="ROWS,COLS[:SWATCH]", help="begin with an empty canvas, filled with a swatch"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draws of edits given here (0)")
    group = parser.add_argument_group("edits, each as often as you like")
    for option, metavar, reader, text in (
        ("--paint", "CELLS:SWATCH[:HOW]", _read_paint, "give cells a swatch"),
        ("--fill", "ROW,COL:SWATCH[:HOW]", _read_fill, "give a swatch to a cell and all that joins it and is alike"),
        ("--blend", "CELLS:SWATCH[:STRENGTH]", _read_blend, "move cells toward a swatch, halfway by default"),
        ("--copy", "CELLS:ROW,COL", _read_copy, "copy a block of cells so that its top left comes to ROW,COL"),
        ("--erase", "CELLS", _read_erase, "forget cells: the model draws there what it likes"),
        ("--vary", "CELLS[:AMOUNT]", _read_vary, "replace cells by relatives of theirs, 0.3 by default"),
        ("--edits", "FILE.json", _read_file, "a list of edits as JSON"),
    ):
        group.add_argument(option, dest="steps", action="append", type=_step(reader), metavar=metavar, help=text)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``edit``."""
    from ..embeddings.grid_files import write_grid
    from ..layouts import Palette

    checked_grid_output(arguments.output)
    palette = None if arguments.palette is None else Palette.load(arguments.palette)
    layout = _begin(arguments, palette)
    begun = len(layout.edits)
    for reader, text in arguments.steps or ():
        for edit in reader(text):
            layout = layout.apply(edit if reader is _read_file else _completed(edit, palette, arguments.seed))
    if len(layout.edits) == begun and not arguments.empty:
        raise SettingsError("edit the grid", "no edit was given", "", "Give at least one, for example --erase 0,0")
    grid = _with_history(layout)
    write_grid(grid, arguments.output)
    changed = int((layout.base.vectors != grid.vectors).any(axis=2).sum())
    facts = {
        "grid": str(arguments.output), "digest": grid.digest, "edits": len(layout.edits), "changed_cells": changed,
        "valid_cells": int(grid.valid.sum()),
    }  # fmt: skip
    console.report(f"{arguments.output}: {len(layout.edits)} edits changed {changed} cells", facts)
    return 0


def _begin(arguments: argparse.Namespace, palette: Palette | None) -> Layout:
    from ..layouts import Layout, empty_layout

    if (arguments.grid is None) == (arguments.empty is None):
        raise SettingsError("edit a grid", "it is given neither or both as GRID and --empty", "one of them is given")
    if arguments.empty is None:
        return Layout(read_grid_for(arguments.grid), palette)
    if palette is None:
        raise LayoutError(
            "begin with an empty canvas", "there is no palette", "a palette tells the encoder", "Give --palette"
        )
    size, _, swatch = arguments.empty.partition(":")
    try:
        rows, cols = (int(part) for part in size.split(","))
    except ValueError:
        raise SettingsError(f"use the canvas {size!r}", "it is not ROWS,COLS", "", "For example 8,8") from None
    return empty_layout(rows, cols, palette, swatch=swatch or None, seed=arguments.seed)


def _completed(edit: Edit, palette: Palette | None, seed: int) -> Edit:
    """An edit as spelt in an option, with the command's seed and a swatch's name in place of its letter."""
    from ..layouts import Blend, Copy, Erase, EraseRegion, Fill, Paint, Paste

    if isinstance(edit, Paint | Fill | Blend) and palette is not None:
        edit = replace(edit, swatch=swatch_by_letter(palette, edit.swatch))
    return edit if isinstance(edit, Copy | Erase | Paste | EraseRegion) else replace(edit, seed=seed)


def _with_history(layout: Layout) -> EmbeddingGrid:
    """The grid, whose source tells the edits that made it, also those of earlier commands."""
    from ..layouts import edit_to_json

    grid, source = layout.grid(), dict(layout.base.source)
    source.setdefault("edited_from", layout.base.digest)
    source["edits"] = [*source.get("edits", ()), *(edit_to_json(edit) for edit in layout.edits)]
    return replace(grid, source=source)


Reader = Callable[[str], "list[Edit]"]


def _step(reader: Reader) -> Callable[[str], tuple[Reader, str]]:
    """An option's value with what reads it: read in run(), where an error is told like all others."""
    return lambda text: (reader, text)


def _read_paint(text: str) -> list[Edit]:
    from ..layouts import Paint

    cells, rest = _split(text, "CELLS:SWATCH, for example 2,3,4,4:fat")
    swatch, how = _read_how(rest)
    return [Paint(_block(cells), swatch, **how)]


def _read_fill(text: str) -> list[Edit]:
    from ..layouts import Fill

    start, rest = _split(text, "ROW,COL:SWATCH, for example 2,3:fat")
    swatch, how = _read_how(rest)
    return [Fill(parse_cells(start)[:2], swatch, **how)]


def _read_blend(text: str) -> list[Edit]:
    from ..layouts import Blend

    cells, rest = _split(text, "CELLS:SWATCH:STRENGTH, for example 2,3,4,4:fat:0.5")
    swatch, how = _read_how(rest)
    return [Blend(_block(cells), swatch, **how)]


def _read_copy(text: str) -> list[Edit]:
    from ..layouts import Copy

    source, target = _split(text, "CELLS:ROW,COL, for example 0,0,3,3:5,5")
    return [Copy(parse_cells(source), parse_cells(target)[:2])]


def _read_erase(text: str) -> list[Edit]:
    from ..layouts import Erase

    return [Erase(_block(text))]


def _read_vary(text: str) -> list[Edit]:
    from ..layouts import Vary

    cells, _, amount = text.partition(":")
    return [Vary(_block(cells), _number(amount, "amount") if amount else 0.3)]


def _read_file(text: str) -> list[Edit]:
    from ..layouts import edit_from_json

    path = Path(text)
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LayoutError(f"read edits from {path}", f"it cannot be opened: {error.strerror}") from None
    except ValueError as error:
        raise LayoutError(f"read edits from {path}", f"it is no JSON: {error}") from None
    if not isinstance(records, list):
        raise LayoutError(f"read edits from {path}", "it is no list", "edits are a JSON list", "Put the edit in [ ]")
    return [edit_from_json(record) for record in records]


def _split(text: str, spelling: str) -> tuple[str, str]:
    first, colon, rest = text.partition(":")
    if not (colon and rest):
        raise SettingsError(f"make an edit of {text!r}", "it has no second part", f"it is spelt {spelling}")
    return first, rest


def _read_how(text: str) -> tuple[str, dict[str, Any]]:
    """``"fat:mean:0.5"`` -> ("fat", {"mode": "mean", "strength": 0.5}); mode and strength may be left out."""
    how: dict[str, Any] = {}
    parts = text.split(":")
    while len(parts) > 1 and len(how) < 2:
        last = parts[-1]
        if last in ("sample", "mean", "texture") and "mode" not in how:
            how["mode"] = last
        elif last.replace(".", "", 1).isdigit() and "strength" not in how:
            how["strength"] = float(last)
        else:
            break
        parts.pop()
    return ":".join(parts), how


def _block(text: str) -> tuple[tuple[int, int], ...]:
    row, col, rows, cols = parse_cells(text)
    return tuple((r, c) for r in range(row, row + rows) for c in range(col, col + cols))


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"use the {what} {text!r}", "it is no number", "", "For example 0.3") from None
