"""``ssldiff evaluate``: how good a set of generated images is, as figures with intervals and one page to look at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..geometry import parse_pixel_size
from .arguments import Commands, add_parser, checked_output, parse_count
from .console import Console

if TYPE_CHECKING:
    from ..evaluation.report import Report

_DESCRIPTION = """\
Measure generated images: distances to real ones (Fréchet, kernel), precision, recall, density, coverage and diversity;
whether they say what their grids asked for, and whether seams show (where manifests lie beside them); what the
autoencoder alone loses; and whether training images were memorised.

GENERATED and REAL are folders of patches or of large images (which are cut into patches), folders with a folder for
each class, single images, manifests, or two grids. Features come from any patch encoder (`ssldiff models`), from a
judge that never conditioned a model (judge-tissue, judge-aerial), from weights you have (inception:FILE, clip:FILE), or
from colours alone (colour). Every figure is written with its N, features and interval, as JSON and as one HTML page
that needs no other file."""

_EXAMPLES = """\
  ssldiff evaluate generated --real test-patches --features judge-tissue -o report.html
  ssldiff evaluate generated --real slides --features inception:pt_inception-2015-12-05.pth --patch-px 256
  ssldiff evaluate out.ome.tif --json                                    similarity and seams of one result
  ssldiff evaluate generated --real test --training train --memorisation -o report.html
  ssldiff evaluate edited.npz --real grid.npz                            two grids
  ssldiff evaluate aerial --painting 100 --fast --real held-out -o p.html   borders, variance of painted areas"""


def add_command(commands: Commands) -> None:
    """Add ``evaluate`` to the parser."""
    parser = add_parser(commands, "evaluate", "measure how good generated images are", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("generated", type=Path, help="folder, image, manifest or grid; with --painting a model's id")
    parser.add_argument("--real", type=Path, metavar="PATH", help="real images that were not trained on, or a grid")
    parser.add_argument("-o", "--output", type=Path, metavar="REPORT", help=".html or .json; the other lies beside it")
    parser.add_argument("--features", action="append", default=[], metavar="NAME", help="may be given more than once")
    parser.add_argument(
        "--reconstruction", type=int, default=0, metavar="N", help="measure the autoencoder's limits on N real patches"
    )
    parser.add_argument("--model", metavar="ID", help="whose autoencoder; by default that of the manifests")
    parser.add_argument("--bootstrap", type=int, default=100, metavar="N", help="half-samples for intervals (100)")
    parser.add_argument("--keep", type=parse_count, default=10_000, metavar="N", help="features in memory (10000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, mps")
    cutting = parser.add_argument_group("patches")
    cutting.add_argument("--patch-px", type=parse_count, metavar="PX", help="side; the encoder's own, else 256")
    cutting.add_argument("--stride", type=parse_count, default=0, metavar="PX", help="between patches (their side)")
    cutting.add_argument("--pixel-size", type=parse_pixel_size, metavar="SIZE", help="resample all to it: 0.5um, 30cm")
    cutting.add_argument("--scene-pixel-size", type=parse_pixel_size, metavar="SIZE", help="where files do not say it")
    cutting.add_argument("--whole-images", action="store_true", help="compare whole images, too, each as one patch")
    memory = parser.add_argument_group("memorisation")
    memory.add_argument("--memorisation", action="store_true", help="look for training patches among the generated")
    memory.add_argument("--training", type=Path, metavar="PATH", help="what the model was trained on")
    painting = parser.add_argument_group("painting")
    painting.add_argument(
        "--painting", type=int, metavar="N", help="paint with a model: N layouts of two classes for its border error "
        "(0: none), and the variance of painted areas beside that of --real images",
    )  # fmt: skip
    painting.add_argument("--steps", type=parse_count, metavar="N", help="of a painted image (20; --fast: 4)")
    painting.add_argument("--fast", action="store_true", help="paint with the model's student")
    painting.add_argument(
        "--mode", choices=("sample", "mean", "texture"), default="sample", help="of painting (sample)"
    )
    painting.add_argument("--precision", default="auto", metavar="NAME", help="of painting: auto, float32, bfloat16")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``evaluate``."""
    from ..evaluation.evaluate import Request, evaluate
    from ..models.placement import choose_device

    if arguments.output is not None:
        checked_output(arguments.output, ".html", ".json")
    if arguments.painting is not None:
        return _run_painting(arguments, console)
    request = Request(
        arguments.generated, arguments.real, tuple(arguments.features), arguments.patch_px, arguments.stride,
        arguments.pixel_size, arguments.scene_pixel_size, arguments.whole_images, arguments.bootstrap, arguments.keep,
        arguments.seed, str(choose_device(arguments.device)), arguments.reconstruction, arguments.model,
        training=arguments.training if arguments.memorisation else None, memorisation=arguments.memorisation,
        command=_command(),
    )  # fmt: skip
    with _progress(console, "evaluating", "patch") as progress:
        report = evaluate(request, progress)
    tell(report, arguments.output, console)
    return 0


@contextmanager
def _progress(console: Console, what: str, unit: str) -> Iterator[Callable[[str, int], None]]:
    """A bar that is told what is being done, and how many more of it are."""
    with console.progress(what, unit) as bar:

        def progress(doing: str, count: int) -> None:
            bar.set_description(doing)
            bar.update(count)

        yield progress


def _run_painting(arguments: argparse.Namespace, console: Console) -> int:
    from ..evaluation.painting_report import PaintingRequest, evaluate_painting

    request = PaintingRequest(
        str(arguments.generated), arguments.real, arguments.scene_pixel_size, arguments.painting, seed=arguments.seed,
        device=arguments.device, steps=arguments.steps, fast=arguments.fast, precision=arguments.precision,
        mode=arguments.mode, command=_command(),
    )  # fmt: skip
    with _progress(console, "painting", "image") as progress:
        report = evaluate_painting(request, progress)
    tell(report, arguments.output, console)
    return 0


def tell(report: Report, output: Path | None, console: Console) -> None:
    """Write a report where asked, and say its figures and warnings."""
    for warning in report.warnings:
        console.note(warning)
    lines = [f"{name:32} {figure!s:34} {_about(figure)}" for name, figure in report.figures.items()]
    if output is not None:
        page, record = report.write(output)
        lines.append(f"{page} and {record.name}")
    console.report("\n".join(lines), report.to_json() if console.as_json else {})


def _about(figure: object) -> str:
    count = getattr(figure, "n", 0)
    text = " and ".join(f"{n}" for n in count) if isinstance(count, tuple) else f"{count}"
    parts = [f"N = {text}" if count else "", getattr(figure, "features", ""), getattr(figure, "preprocessing", "")]
    return ", ".join(part for part in parts if part)


def _command() -> str:
    return " ".join(["ssldiff", *sys.argv[1:]])
