"""Options that several commands share, and the spelling of boxes, sizes and swatches on the command line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ExportError, SettingsError
from ..geometry import Box, parse_pixel_size

if TYPE_CHECKING:
    from ..scenes import Scene

Commands = Any
"""What ``ArgumentParser.add_subparsers`` gives; argparse does not name its type."""


def add_parser(commands: Commands, name: str, summary: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A command's parser with the options that all have."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description, epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument(
        "--models-dir", type=Path, metavar="DIR",
        help="folder of model folders to look in first (SSLDIFF_MODELS_DIR)",
    )  # fmt: skip
    return parser


def add_scene_options(parser: argparse.ArgumentParser) -> None:
    """How to read a scene whose file leaves something open; :func:`open_scene_as_asked` takes them."""
    group = parser.add_argument_group("reading the scene")
    group.add_argument(
        "--scene-pixel-size", type=parse_pixel_size, metavar="SIZE",
        help="size of the scene's own pixels, where its file does not say or is wrong: 0.5um, 30cm",
    )  # fmt: skip
    group.add_argument(
        "--alias", default="", metavar="NAME", help="what grids and manifests call the scene (by default its digest)"
    )
    group.add_argument(
        "--keep-source-names", action="store_true", help="call it by the name of its file, which may name a patient"
    )
    group.add_argument("--bands", type=parse_bands, metavar="R,G,B", help="bands to read as red, green, blue, from 1")
    group.add_argument(
        "--range", type=parse_range, metavar="LOW,HIGH", dest="value_range",
        help="band values that become black and white; by default chosen once for the scene",
    )  # fmt: skip


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Where and how precisely to compute."""
    group = parser.add_argument_group("computing")
    group.add_argument("--device", default="auto", metavar="NAME", help="auto (CUDA, MPS, CPU), cpu, cuda, cuda:1, mps")
    group.add_argument(
        "--precision",
        default="auto",
        metavar="NAME",
        help="auto (bfloat16 where it is fast), float32, bfloat16, float16",
    )


def open_scene_as_asked(path: Path, arguments: argparse.Namespace) -> Scene:
    """The scene, read with the options of :func:`add_scene_options`.

    Raises:
        SceneError: where the file is no scene or does not fit the options.
    """
    from ..scenes import open_scene

    scene = open_scene(
        path, pixel_size_m=arguments.scene_pixel_size, bands=arguments.bands, value_range=arguments.value_range
    )
    scene.alias = arguments.alias or (scene.name if arguments.keep_source_names else "")
    return scene


def parse_bands(text: str) -> tuple[int, ...]:
    """``"4,1,2"`` -> (4, 1, 2)."""
    try:
        bands = tuple(int(part) for part in text.split(","))
    except ValueError:
        bands = ()
    if len(bands) not in (1, 3) or min(bands) < 1:
        raise SettingsError(
            f"read the bands {text!r}", "they are not one or three whole numbers", "bands are counted from 1",
            "For example 1,2,3, or 4,1,2 for near infrared as red",
        )  # fmt: skip
    return bands


def parse_range(text: str) -> tuple[float, float]:
    """``"0,3000"`` -> (0.0, 3000.0)."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = 0.0
    if not low < high:
        raise SettingsError(
            f"use the range {text!r}", "it is not LOW,HIGH with LOW below HIGH", "", "For example 0,3000"
        )
    return low, high


def parse_cells(text: str) -> tuple[int, int, int, int]:
    """``"row,col,rows,cols"`` or one cell ``"row,col"`` -> (row, col, rows, cols)."""
    try:
        numbers = [int(part) for part in text.split(",")]
        row, col, rows, cols = numbers if len(numbers) == 4 else [*numbers, 1, 1]
    except ValueError:
        row = col = rows = cols = -1
    if min(row, col) < 0 or min(rows, cols) < 1:
        raise SettingsError(
            f"use the cells {text!r}", "they are not row,col or row,col,rows,cols",
            "rows and columns are counted from 0 at the top left", "For example 0,0,4,4",
        )  # fmt: skip
    return row, col, rows, cols


def parse_region(text: str) -> Box:
    """``"x,y,width,height"`` in level-0 pixels."""
    return Box.parse(text)


def parse_count(text: str) -> int:
    """A whole number from 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise SettingsError(f"use the number {text!r}", "it is no whole number above 0", "", "The least is 1")
    return value


def checked_output(path: Path, *suffixes: str) -> Path:
    """The path of an output whose name ends in one of the suffixes and whose folder can be written.

    Raises:
        ExportError: before any work is done for it.
    """
    if not path.name.lower().endswith(suffixes):
        raise ExportError(f"write {path}", "its name ends otherwise", f"an output here ends in {' or '.join(suffixes)}")
    if path.is_dir():
        raise ExportError(
            f"write {path}", "it is a folder", "an output is a file", f"For example {path / 'out'}{suffixes[0]}"
        )
    if not path.parent.is_dir():
        raise ExportError(f"write {path}", f"there is no folder {path.parent}", "", "Make the folder first")
    if not os.access(path.parent, os.W_OK):
        raise ExportError(f"write {path}", f"the folder {path.parent} cannot be written", "", "Choose another folder")
    return path
