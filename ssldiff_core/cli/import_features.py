"""``ssldiff import-features``: features that TRIDENT, CLAM or another program extracted, as grids."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from ..geometry import format_length, parse_pixel_size
from .arguments import Commands, add_parser, parse_count
from .console import Console
from .grids import checked_grid_output, wanted_by

if TYPE_CHECKING:
    from ..embeddings.features import ImportedGrids, Wanted

_DESCRIPTION = """\
Make grids of features that were extracted before: .h5 with `features` and `coords` as TRIDENT and CLAM write them, or
.pt or .npy with the coordinates in a second file. Cells without a patch are holes. Patches that overlap are thinned.
Where patches lie on several lattices, as CLAM's do, each becomes a grid of its own (out-1.npz, out-2.npz …), or with
--one-lattice all are moved to the nearest cell of one.

Feature files do not say how large the slide's pixels are: give --scene-pixel-size, or the slide with --scene. The pixel
size of the grid is then what it truly is, and is held against the model's."""

_EXAMPLES = """\
  ssldiff import-features features_uni_v2/slide.h5 --model pixcell-256 --scene slide.svs -o grid.npz
  ssldiff import-features h5_files/a.h5 --coords patches/a.h5 --encoder uni --scene-pixel-size 0.25um -o grid.h5
  ssldiff import-features a.pt --coords patches/a.h5 --encoder uni --scene-pixel-size 0.25um --one-lattice -o grid.npz
  ssldiff import-features f.npy --coords xy.npy --patch-l0 512 --encoder uni --scene-pixel-size 0.25um -o grid.npz"""


def add_command(commands: Commands) -> None:
    """Add ``import-features`` to the parser."""
    parser = add_parser(commands, "import-features", "make grids of features you have already", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("features", type=Path, help=".h5, .pt or .npy")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="GRID", help=".npz, .h5 or .safetensors")
    parser.add_argument("--coords", type=Path, metavar="FILE", help="where the coordinates are, if in another file")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", metavar="ID", help="the model that will draw from the grid, see `ssldiff models`")
    which.add_argument("--encoder", metavar="ID", help="the patch encoder that made the features")
    scale = parser.add_mutually_exclusive_group(required=True)
    scale.add_argument("--scene-pixel-size", type=parse_pixel_size, metavar="SIZE", help="of level 0: 0.265um")
    scale.add_argument("--scene", type=Path, metavar="FILE", help="the slide, which says its pixel size")
    parser.add_argument("--patch-l0", type=float, metavar="N", help="side of a patch in level-0 pixels")
    parser.add_argument("--patch-px", type=parse_count, metavar="N", help="side of a patch in pixels")
    parser.add_argument("--one-lattice", action="store_true", help="move patches to the cells of one lattice")
    parser.add_argument(
        "--tolerance", type=float, default=0.5, metavar="CELLS",
        help="with --one-lattice: leave out patches that would move farther along an axis (0.5)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``import-features``."""
    from ..embeddings.feature_files import read_features
    from ..embeddings.features import grids_from_features
    from ..embeddings.grid_files import write_grid

    checked_grid_output(arguments.output)
    for name, value in (("--patch-l0", arguments.patch_l0), ("--tolerance", arguments.tolerance)):
        if value is not None and not 0 < value < 1e6:
            raise SettingsError(f"use {name} {value:g}", "it is not above 0", "", "For example 512, or 0.25 cells")
    wanted = _wanted(arguments)
    found = grids_from_features(
        read_features(arguments.features, arguments.coords), wanted, scene_pixel_size_m=_scene_pixel_size(arguments),
        patch_l0=arguments.patch_l0, patch_px=arguments.patch_px, one_lattice=arguments.one_lattice,
        tolerance_cells=arguments.tolerance,
    )  # fmt: skip
    for warning in found.warnings:
        console.note(warning)
    outputs = _outputs(arguments.output, len(found.grids))
    for grid, output in zip(found.grids, outputs, strict=True):
        write_grid(grid, output)
    _report(found, outputs, console)
    return 0


def _wanted(arguments: argparse.Namespace) -> Wanted:
    from ..embeddings.catalogue import get_encoder_spec
    from ..embeddings.features import Wanted
    from ..models.catalogue import get_model_spec

    if arguments.model:
        return wanted_by(get_model_spec(arguments.model))
    spec = get_encoder_spec(arguments.encoder)
    return Wanted(spec.id, spec.dim, arguments.patch_px or spec.patch_px, spec.pixel_sizes_m)


def _scene_pixel_size(arguments: argparse.Namespace) -> float:
    if arguments.scene is None:
        return float(arguments.scene_pixel_size)
    from ..scenes import open_scene

    with open_scene(arguments.scene) as scene:
        if scene.pixel_size_m is None:
            raise SettingsError(
                f"take the pixel size from {scene.name}", "the file does not say it", "", "Give --scene-pixel-size"
            )
        return scene.pixel_size_m


def _outputs(path: Path, count: int) -> list[Path]:
    """The path itself for one grid, else NAME-1, NAME-2 …"""
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(1, count + 1)]


def _report(found: ImportedGrids, outputs: list[Path], console: Console) -> None:
    lines, grids = [], []
    for grid, output in zip(found.grids, outputs, strict=True):
        (rows, cols), size, valid = grid.shape_cell, grid.geometry.pixel_size_m, int(grid.valid.sum())
        lines.append(
            f"{output}: {rows} × {cols} cells ({valid} with an embedding) at {format_length(size)} a pixel; "
            f"encoder {grid.encoder_id}"
        )
        grids.append(
            {"grid": str(output), "rows": rows, "cols": cols, "valid_cells": valid, "pixel_size_m": size,
             "digest": grid.digest, "region_l0": list(grid.geometry.box_l0.as_tuple())}
        )  # fmt: skip
    if found.dropped:
        lines.append(f"{found.dropped} patches were left out: they overlap others, or lay too far from a cell.")
    if found.shift_cells > 1e-3:
        lines.append(f"Patches were moved by up to {found.shift_cells:.2f} cells.")
    facts: dict[str, Any] = {
        "grids": grids, "dropped_patches": found.dropped, "shift_cells": round(found.shift_cells, 4),
        "warnings": list(found.warnings),
    }  # fmt: skip
    console.report("\n".join(lines), facts)
