"""``ssldiff text``: a sentence becomes a grid of embeddings, and the grid an image."""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ExportError, SettingsError
from ..geometry import parse_pixel_size
from .arguments import Commands, add_device_options, add_parser, checked_output, parse_count
from .console import Console
from .engine_options import add_engine_options
from .generate import PREVIEW_PX, follow, report, settings_from, write_outputs

if TYPE_CHECKING:
    from ..text_to_grid import Proposal, TextRequest

GRID_SUFFIX = ".npz"

_DESCRIPTION = """\
Draw a large image of what a text says. The model's prior first makes a grid of embeddings, one for each cell of 128 px;
the image is then drawn from the grid, like any other. Give an output that ends in .npz to keep the grid: it can be
edited (`ssldiff edit`) and drawn (`ssldiff generate`).

A text is English and says what lies where: "houses on the left, a river through the middle from top to bottom, woodland
on the right". It is broken at commas, "and", "with"; "X surrounded by Y" is understood, and "no X" leads away from X.
Words that the model was not taught are named, with the nearest that it knows."""

_EXAMPLES = """\
  ssldiff text "harbour on the left, buildings on the right" --model aerial -o out.ome.tif
  ssldiff text "a river surrounded by green fields" --size 2048x1024 --seed 3 -o river.png river.npz
  ssldiff text "houses" --negative "mobile homes" --candidates 4 -o houses.png      houses-1.png … houses-4.png
  ssldiff text "houses" --like 3 --seed 20 --candidates 4 -o more.png               layouts near to that of seed 3
  ssldiff text --label storagetanks --size 512x512 -o tanks.png
  ssldiff text "beach at the bottom" --sketch painted.npz -o filled.ome.tif         keeps the painted cells"""


def add_command(commands: Commands) -> None:
    """Add ``text`` to the parser."""
    parser = add_parser(commands, "text", "draw what a sentence says", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("text", nargs="?", default="", help="what to show, and where")
    parser.add_argument(
        "-o", "--output", type=Path, nargs="+", required=True, metavar="FILE",
        help=".png, .ome.tif or .tif for the image, .npz for the grid; several are fine",
    )  # fmt: skip
    parser.add_argument("--model", default="aerial", metavar="ID", help="whose prior and pixels (aerial)")
    parser.add_argument("--size", type=parse_size, default=(1024, 1024), metavar="WxH", help="in pixels (1024x1024)")
    parser.add_argument("--label", default="", metavar="CLASS", help="a class, in place of a text or before it")
    parser.add_argument("--negative", default="", metavar="TEXT", help="what not to show")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another layout and image (0)")
    parser.add_argument("--candidates", type=parse_count, default=1, metavar="N", help="so many layouts (1)")
    parser.add_argument("--like", type=int, metavar="SEED", help="stay near to the layout that this seed gave")
    parser.add_argument(
        "--sketch", type=Path, metavar="GRID", help="a grid of this size; its valid cells stay, the others are filled"
    )
    parser.add_argument("--pixel-size", type=parse_pixel_size, metavar="SIZE", help="the prior's own by default")
    parser.add_argument("--text-guidance", type=float, metavar="SCALE", help="how closely to follow the text; 1 is off")
    parser.add_argument("--steps", type=int, metavar="N", help="denoising steps of the image (20)")
    parser.add_argument("--guidance", type=float, metavar="SCALE", help="how closely to follow the grid")
    add_engine_options(parser)
    add_device_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``text``."""
    from ..models.placement import choose_device
    from ..text_to_grid import propose_grids

    outputs = [checked_output(path, GRID_SUFFIX, *_image_suffixes()) for path in arguments.output]
    if arguments.save_latents is not None:
        raise ExportError("save the latents of a text's image", "this command writes images and grids", "",
                          "Keep the grid (-o grid.npz) and give --save-latents to `ssldiff generate`")  # fmt: skip
    settings = settings_from(arguments)
    request = request_from(arguments)
    start = time.monotonic()
    proposal = propose_grids(request, device=str(choose_device(settings.device)))
    for note in proposal.notes:
        console.note(note)
    console.note(f"Read as: {'; '.join(proposal.prompt.phrases)}"
                 + (f" (without {'; '.join(proposal.prompt.absent)})" if proposal.prompt.absent else ""))  # fmt: skip
    _write(proposal, outputs, replace(settings, seed=arguments.seed), arguments, console, start)
    return 0


def request_from(arguments: argparse.Namespace) -> TextRequest:
    """What the command's options ask for."""
    from ..embeddings.grid import EmbeddingGrid
    from ..text_to_grid import TextRequest

    sketch = EmbeddingGrid.load(arguments.sketch) if arguments.sketch else None
    return TextRequest(
        arguments.text, arguments.model, arguments.size, arguments.label, arguments.negative, arguments.pixel_size,
        arguments.seed, arguments.candidates, arguments.text_guidance, sketch=sketch, like_seed=arguments.like,
    )  # fmt: skip


def numbered(path: Path, index: int, count: int) -> Path:
    """``out.ome.tif`` -> ``out-2.ome.tif`` for the second of several candidates."""
    if count == 1:
        return path
    stem, dot, suffix = path.name.partition(".")
    return path.with_name(f"{stem}-{index + 1}{dot}{suffix}")


def parse_size(text: str) -> tuple[int, int]:
    """``"2048x1024"`` -> (2048, 1024): width and height in pixels."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*[x×,]\s*(\d{1,6})\s*", text.lower())
    if found is None:
        raise SettingsError(
            f"draw at the size {text!r}", "it is not WIDTHxHEIGHT", "a size is in pixels", "For example 1024x1024"
        )
    return int(found[1]), int(found[2])


def _write(
    proposal: Proposal, outputs: list[Path], settings: object, arguments: argparse.Namespace, console: Console,
    start: float,
) -> None:  # fmt: skip
    from ..generate import Settings, generate
    from ..models.catalogue import load_model

    assert isinstance(settings, Settings)
    images = [path for path in outputs if not path.name.lower().endswith(GRID_SUFFIX)]
    grids = [path for path in outputs if path not in images]
    count = len(proposal.grids)
    for index, grid in enumerate(proposal.grids):
        for path in grids:
            grid.save(numbered(path, index, count))
        if not images:
            continue
        model = load_model(arguments.model, device=settings.device, precision=settings.precision)
        drawn = replace(settings, seed=settings.seed + index)
        result = follow(generate(grid, drawn, model=model, preview_px=PREVIEW_PX), console)
        paths = [numbered(path, index, count) for path in images]
        write_outputs(result, paths)
        report(result, paths, time.monotonic() - start, console)
        start = time.monotonic()
    if not images:
        written = [str(numbered(path, i, count)) for i in range(count) for path in grids]
        rows, cols = proposal.grids[0].shape_cell
        facts = {"outputs": written, "rows": rows, "cols": cols, "notes": list(proposal.notes)}
        console.report("\n".join(f"{path}: {rows} × {cols} cells" for path in written), facts)


def _image_suffixes() -> tuple[str, ...]:
    from ..export import SUFFIXES

    return tuple(SUFFIXES)
