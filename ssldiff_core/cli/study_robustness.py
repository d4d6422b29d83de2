"""``ssldiff study robustness``: where does a classifier say something else of an image that shows the same thing?"""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..geometry import parse_pixel_size
from .arguments import Commands, add_parser, parse_count
from .console import Console
from .speed_options import add_speed_options, drawing_settings, speed_words, steps_in_words

if TYPE_CHECKING:
    from ..evaluation.augment.sources import Sources
    from ..evaluation.studies.predictors import Predictor
    from ..evaluation.studies.versions import Version
    from ..models.catalogue import ModelSpec

STEPS = 8

_DESCRIPTION = """\
Draw versions of your images that a robust classifier should tell alike (autoencoder alone, same grid and new seed, from
the image at strengths 0.25, 0.5 and 0.75, another image's stain), and measure how often and how far a classifier
changes its mind. Versions that no longer show their source are not counted.

The classifier is an ONNX model that is run here, or any other: without --predictor the versions are drawn and listed in
versions.csv; let it look at them, and give its scores with --predictions (columns file, and one for each class)."""

_EXAMPLES = """\
  ssldiff study robustness patches --pixel-size 0.5um --predictor model.onnx -o robust
  ssldiff study robustness slides.csv -o robust
  ssldiff study robustness slides.csv -o robust --predictions scores.csv"""


def add_command(commands: Commands) -> None:
    """Add ``robustness`` to the studies."""
    parser = add_parser(commands, "robustness", "where a classifier is brittle", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("images", type=Path, help="folder of classes or images, or a .csv table")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for all that is made")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--predictor", type=Path, metavar="ONNX", help="classifier to run")
    which.add_argument("--predictions", type=Path, metavar="CSV", help="what a classifier said of the versions")
    parser.add_argument("--classes", default="", metavar="A,B,…", help="names of the predictor's classes")
    parser.add_argument("--mean", default="0.485,0.456,0.406", metavar="R,G,B", help="of the predictor's pixels")
    parser.add_argument("--std", default="0.229,0.224,0.225", metavar="R,G,B", help="of the predictor's pixels")
    parser.add_argument(
        "--input-px", type=parse_count, default=224, metavar="N", help="of a predictor of any size (224)"
    )
    parser.add_argument("--pixel-size", type=parse_pixel_size, metavar="SIZE", help="of the images: 0.5um, 0.3m")
    parser.add_argument("--splits", type=Path, metavar="CSV", help="table with group and split of a folder's images")
    parser.add_argument("--split", metavar="NAME", help="images of this split alone")
    parser.add_argument(
        "--at-most", type=parse_count, metavar="N", help="so many images, chosen by their names' digest"
    )
    parser.add_argument("--model", metavar="ID", help="which model draws")
    parser.add_argument(
        "--min-fidelity", type=float, default=0.5, metavar="COSINE", help="least similarity of what is counted (0.5)"
    )
    add_speed_options(parser, STEPS)
    parser.add_argument("--seed", type=int, default=0, help="of the versions (0)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``study robustness``."""
    from ..evaluation.studies.robustness import ask, make_report

    start, out = time.monotonic(), arguments.output
    predictor = _predictor(arguments)  # a mistake here shows before anything is drawn
    out.mkdir(parents=True, exist_ok=True)
    sources, spec = _sources(arguments, console)
    versions = _versions(sources, spec, arguments, console)
    if predictor is None:
        text = (
            f"{len(versions)} versions of {len(sources.samples)} images are listed in {out / 'versions.csv'}. Let your "
        )
        text += "classifier look at them and give its scores with --predictions"
        console.report(text, {"versions": len(versions), "table": str(out / "versions.csv"), "synthetic": True})
        return 0
    answers = ask(predictor, versions, out, arguments.min_fidelity)
    facts: dict[str, str | int | float] = {
        "images": len(sources.samples), "groups": len({sample.group for sample in sources.samples}),
        "skipped": len(sources.skipped), "seed": arguments.seed, "drawn in": steps_in_words(arguments, STEPS),
        "model": f"{spec.id} {spec.version}, weights {spec.digest[:12]}",
        "classifier": str(arguments.predictor or arguments.predictions),
    }  # fmt: skip
    report = make_report(answers, out, _command(arguments), facts, time.monotonic() - start)
    page, record = report.write(out / "study.html")
    from .study_patches import tables_in_words

    figures = report.to_json()["figures"]
    console.report(tables_in_words(report.parts, page), {"page": str(page), "record": str(record), **figures})
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """The words that make the study again."""
    words = ["ssldiff study robustness", shlex.quote(str(arguments.images)), "-o", shlex.quote(str(arguments.output))]
    if arguments.predictor is not None:
        words += [f"--mean={arguments.mean}", f"--std={arguments.std}", "--input-px", str(arguments.input_px)]
    if arguments.pixel_size is not None:
        words += ["--pixel-size", f"{arguments.pixel_size:g}m"]
    for name in ("predictor", "predictions", "classes", "splits", "split", "at_most", "model"):
        value = getattr(arguments, name)
        if value:
            words += [f"--{name.replace('_', '-')}", shlex.quote(str(value))]
    words += ["--min-fidelity", f"{arguments.min_fidelity:g}", *speed_words(arguments, STEPS)]
    return " ".join([*words, "--seed", str(arguments.seed)])


def _predictor(arguments: argparse.Namespace) -> Predictor | None:
    from ..evaluation.studies.predictors import OnnxPredictor, PredictionTable

    if arguments.predictions is not None:
        return PredictionTable(arguments.predictions)
    if arguments.predictor is None:
        return None
    classes = tuple(filter(None, arguments.classes.split(",")))
    mean, std = _channels(arguments.mean), _channels(arguments.std)
    return OnnxPredictor(arguments.predictor, mean, std, arguments.input_px, classes)


def _channels(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3:
        raise SettingsError(f"normalise by {text!r}", "it is not three numbers", "", "For example 0.5,0.5,0.5")
    return values


def _sources(arguments: argparse.Namespace, console: Console) -> tuple[Sources, ModelSpec]:
    import hashlib
    from dataclasses import replace

    from ..embeddings.encoder import load_patch_encoder
    from ..evaluation.augment.dataset import read_dataset
    from ..evaluation.augment.model_choice import choose_model
    from ..evaluation.augment.sources import read_sources

    dataset = read_dataset(arguments.images, splits=arguments.splits)
    if arguments.split is not None:
        dataset = dataset.of_split(arguments.split)
    if arguments.at_most is not None:
        order = sorted(dataset.samples, key=lambda sample: hashlib.sha256(sample.name.encode()).hexdigest())
        dataset = replace(dataset, samples=tuple(sorted(order[: arguments.at_most], key=lambda sample: sample.name)))
    spec = choose_model(dataset, arguments.pixel_size, arguments.model)
    encoder = load_patch_encoder(spec.encoder_id, patch_px=spec.cell_px)
    memory = arguments.output / "sources.npz"
    sources = read_sources(dataset, spec, encoder, pixel_size_m=arguments.pixel_size, memory=memory)
    for note in (*sources.notes, *(f"skipped {path}: {reason}" for path, reason in sources.skipped[:10])):
        console.note(note)
    return sources, spec


def _versions(sources: Sources, spec: ModelSpec, arguments: argparse.Namespace, console: Console) -> list[Version]:
    from ..embeddings.encoder import load_patch_encoder
    from ..evaluation.studies.versions import draw_versions
    from ..models.catalogue import load_model

    encoder = load_patch_encoder(spec.encoder_id, patch_px=spec.cell_px)
    settings = drawing_settings(arguments, STEPS)
    with console.progress("drawing versions", "image") as bar:

        def told(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return draw_versions(
            sources, load_model(spec.id), encoder, arguments.output, settings, seed=arguments.seed, progress=told
        )
