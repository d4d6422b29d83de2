"""``ssldiff study slides``: classifiers of bags, with few real large images, with synthetic ones, with many."""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..geometry import parse_pixel_size
from .arguments import Commands, add_parser, parse_count
from .console import Console
from .speed_options import add_speed_options, drawing_settings, speed_words, steps_in_words

if TYPE_CHECKING:
    from ..evaluation.studies.patches import Told
    from ..evaluation.studies.slide_sets import SlideSet
    from ..evaluation.studies.slides import SyntheticBag
    from ..models.catalogue import ModelSpec

STEPS = 6

_DESCRIPTION = """\
Do synthetic large images help where few real ones have labels? CLAM-SB and DSMIL over bags of embeddings: few real
images, these and synthetic ones drawn from their varied grids, and many real ones. AUC with intervals.

SLIDES is composed (large images pieced together from uc_merced, of known classes), osteosarcoma (its tiles, a smoke
run), or a table of your slides with the columns path, label, group, split (train and test), and region and pixel_size
where there are."""

_EXAMPLES = """\
  ssldiff study slides composed --data data -o slides-composed
  ssldiff study slides slides.csv --model tissue --pixel-size 1um --few 8 -o slides-study"""


def add_command(commands: Commands) -> None:
    """Add ``slides`` to the studies."""
    parser = add_parser(commands, "slides", "classifiers of whole slides", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("slides", help="composed, osteosarcoma, or a .csv table")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for all that is made")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the sets and splits.csv")
    parser.add_argument("--model", metavar="ID", help="which model draws and encodes a table's slides (tissue)")
    parser.add_argument(
        "--pixel-size", type=parse_pixel_size, metavar="SIZE", help="at which a table's slides are read"
    )
    parser.add_argument("--few", type=parse_count, default=4, metavar="N", help="real large images a class (4)")
    parser.add_argument("--per-slide", type=parse_count, default=2, metavar="K", help="synthetic ones of each (2)")
    parser.add_argument("--seeds", type=parse_count, default=5, help="draws of the few (5)")
    add_speed_options(parser, STEPS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``study slides``."""
    from ..evaluation.studies.slide_report import make_report
    from ..evaluation.studies.slide_sets import MODEL_OF
    from ..evaluation.studies.slides import slide_scores
    from ..models.catalogue import get_model_spec
    from .study_patches import follow, tables_in_words

    start, out, told = time.monotonic(), arguments.output, follow(console)
    spec = get_model_spec(arguments.model or MODEL_OF.get(arguments.slides, "tissue"))
    out.mkdir(parents=True, exist_ok=True)
    slides, synthetic = _bags(arguments, spec, told)
    scores = list(
        slide_scores(
            slides.train, slides.test, synthetic, few=arguments.few, seeds=arguments.seeds, told=told
        )
    )  # fmt: skip
    facts = {
        "set": slides.name, "about": slides.note, "classes": ", ".join(slides.classes), "train bags": len(slides.train),
        "test bags": len(slides.test), "synthetic bags": len(synthetic), "few a class": arguments.few,
        "mean fidelity": round(sum(one.fidelity for one in synthetic) / max(1, len(synthetic)), 3),
        "model": f"{spec.id} {spec.version}, encoder {spec.encoder_id}, weights {spec.digest[:12]}",
        "seeds": arguments.seeds, "drawn in": steps_in_words(arguments, STEPS),
    }  # fmt: skip
    warnings = [] if arguments.seeds >= 5 else [f"{arguments.seeds} seeds are too few for an interval to be trusted"]
    report = make_report(scores, _command(arguments), facts, warnings, time.monotonic() - start)
    page, record = report.write(out / "study.html")
    figures = report.to_json()["figures"]
    console.report(tables_in_words(report.parts, page), {"page": str(page), "record": str(record), **figures})
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """The words that make the study again."""
    words = ["ssldiff study slides", shlex.quote(arguments.slides), "-o", shlex.quote(str(arguments.output))]
    words += ["--data", shlex.quote(str(arguments.data))] if arguments.data else []
    words += ["--model", arguments.model] if arguments.model else []
    words += ["--pixel-size", f"{arguments.pixel_size:g}m"] if arguments.pixel_size else []
    for name in ("few", "per_slide", "seeds"):
        words += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    return " ".join([*words, *speed_words(arguments, STEPS)])


def _bags(arguments: argparse.Namespace, spec: ModelSpec, told: Told) -> tuple[SlideSet, list[SyntheticBag]]:
    """Real bags, and the synthetic ones of those that are among the few of a seed."""
    from ..embeddings.encoder import load_patch_encoder
    from ..evaluation.studies.slide_sets import load_slides
    from ..evaluation.studies.slides import choose_few, draw_bags
    from ..models.catalogue import load_model

    encoder = load_patch_encoder(spec.encoder_id, patch_px=spec.cell_px)
    slides = load_slides(
        arguments.slides, arguments.data, spec, encoder, arguments.output, pixel_size_m=arguments.pixel_size, told=told
    )
    parents = sorted({i for seed in range(arguments.seeds) for i in choose_few(slides.train, arguments.few, seed)})
    synthetic = draw_bags(
        slides.train, parents, load_model(spec.id), encoder, arguments.output / "synthetic",
        drawing_settings(arguments, STEPS), per_bag=arguments.per_slide, pixel_size_m=slides.pixel_size_m, told=told,
    )  # fmt: skip
    return slides, synthetic
