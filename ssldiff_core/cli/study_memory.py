"""``ssldiff study memory``: what a large image costs a patch model with an engine, and one network on the whole."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .arguments import Commands, add_parser, checked_output
from .console import Console

_DESCRIPTION = """\
Memory and operations of two ways to a large image: tiles or windows of a patch model, and the same network trained and
run on the whole image, at 256 to 2048 px. Counted for a shipped network and for the paper's UNet, which need no weights
for that; measured for the shipped one, each size in a process of its own."""

_EXAMPLES = """\
  ssldiff study memory -o memory.html
  ssldiff study memory --model aerial --sides 256,512 --counted-only -o memory.html"""

WAYS = ("engine", "direct", "training")


def add_command(commands: Commands) -> None:
    """Add ``memory`` to the studies."""
    parser = add_parser(commands, "memory", "cost of the two ways to a large image", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("-o", "--output", type=Path, metavar="REPORT", help=".html or .json; the other lies beside it")
    parser.add_argument("--model", default="tissue", metavar="ID", help="a native model (tissue)")
    parser.add_argument(
        "--sides", type=_sides, default=(256, 512, 1024, 2048), metavar="PX[,PX…]", help="of the images"
    )
    parser.add_argument("--counted-only", action="store_true", help="measure nothing")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``study memory``."""
    from ..errors import ModelError
    from ..evaluation.report import Report
    from ..evaluation.studies.memory import count, measure_peak, memory_parts, native_network, published_network
    from .evaluate import tell

    if arguments.output is not None:
        checked_output(arguments.output, ".html", ".json")
    began, parts, warnings = time.monotonic(), [], []
    figures: dict[str, float] = {}
    peaks: dict[tuple[str, int], float] = {}
    if not arguments.counted_only:
        for side in arguments.sides:
            for way in WAYS:
                console.note(f"measuring {way} at {side} px")
                try:
                    peaks[way, side] = measure_peak(way, arguments.model, side)
                except ModelError as error:
                    warnings.append(str(error))
    for key, network in (("native", native_network(arguments.model)), ("paper", published_network())):
        console.note(f"counting {network.name}")
        counts = list(count(network, arguments.sides))
        parts += memory_parts(network.name, counts, peaks if key == "native" else {})
        figures |= {
            f"{key}_{name}_{c.side_px}": float(getattr(c, name))
            for c in counts
            for name in ("engine_flop", "direct_flop", "engine_training", "direct_training")
        }
    figures |= {f"native_{way}_mib_{side}": peak for (way, side), peak in peaks.items()}
    report = Report(
        "Memory and computation of the two ways to a large image", " ".join(["ssldiff", *sys.argv[1:]]), figures, parts,
        warnings=warnings, seconds=time.monotonic() - began,
    )  # fmt: skip
    tell(report, arguments.output, console)
    return 0


def _sides(text: str) -> tuple[int, ...]:
    from ..errors import SettingsError

    try:
        sides = tuple(sorted(int(part) for part in text.split(",")))
    except ValueError:
        sides = ()
    if len(sides) < 2 or min(sides) < 256 or any(side % 64 for side in sides):
        raise SettingsError(
            f"measure the sides {text!r}",
            "they are not two or more multiples of 64 from 256",
            "",
            "For example 256,512,1024",
        )
    return sides
