"""``ssldiff augment``: labelled synthetic variations of a data set."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..geometry import parse_pixel_size
from .arguments import Commands, add_device_options, add_parser, parse_count
from .console import Console
from .speed_options import add_speed_options, drawing_settings

if TYPE_CHECKING:
    from ..evaluation.augment.chunk import Job
    from ..evaluation.augment.dataset import Dataset
    from ..evaluation.augment.manifest import Row
    from ..evaluation.augment.sources import Sources
    from ..evaluation.augment.variations import Recipe

STEPS = 8
"""Denoising steps of a variation: many images are wanted, and small ones."""

_DESCRIPTION = """\
Make labelled synthetic variations of a data set: a folder with a folder for each class (or train/, val/, test/ with
these), or a table with the columns path and label, and group, split, region, pixel_size and mask where there are. Only
images of the training split are read: what tests a classifier never reaches a variation.

Kinds (--mix, with weights): same is the same grid and a new seed; jitter turns every embedding by an angle; blend lies
between two images of one class; image starts from the image itself, noised to --strength; layout, for images with
masks, fills each cell with an embedding of its mask's class.

The output is a folder for each class, and manifest.csv with parents, groups, split, seed and fidelity of each. A killed
run goes on when the command is given again. Images of any size are handled: resampled to the model's nearest pixel
size, enlarged where a side is under one cell, continued by their mirror image to whole cells; what comes out has the
size of what went in."""

_EXAMPLES = """\
  ssldiff augment patches -o more --pixel-size 0.5um --per-image 4 --fast
  ssldiff augment patches -o more --pixel-size 0.5um --mix same=2,image=1 --strength 0.3,0.6 --filter label
  ssldiff augment uc_merced --splits splits.csv --pixel-size 0.3m -o more --balance --workers 2
  ssldiff augment slides.csv -o more --per-image 1 --target-count HRD=40 --shard 1/4
  ssldiff augment images --masks masks --pixel-size 0.5um -o more --mix layout,same"""


def add_command(commands: Commands) -> None:
    """Add ``augment`` to the parser."""
    parser = add_parser(commands, "augment", "labelled synthetic variations of a data set", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("dataset", type=Path, help="folder of classes, or a .csv table")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder that receives them")
    add_source_options(parser)
    add_recipe_options(parser)
    group = parser.add_argument_group("filter")
    group.add_argument(
        "--filter", choices=("none", "label"), default="none",
        help="label: keep what a probe on the training images finds to show its label",
    )  # fmt: skip
    group.add_argument(
        "--min-fidelity", type=float, default=-1.0, metavar="COSINE",
        help="keep what is as similar to its embeddings as this, on average (-1: all)",
    )  # fmt: skip
    group.add_argument(
        "--attempts", type=parse_count, default=3, metavar="N", help="draw a rejected one so often in all"
    )
    group = parser.add_argument_group("drawing")
    add_speed_options(group, STEPS)
    group.add_argument("--guidance", type=float, metavar="SCALE", help="how closely to follow the embeddings")
    group.add_argument("--workers", type=parse_count, default=1, metavar="N", help="processes, a thread each (1)")
    group.add_argument("--shard", default="1/1", metavar="I/N", help="draw one part of N; machines share the folder")
    add_device_options(parser)
    parser.set_defaults(run=run)


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """How a data set is read; :func:`read_training_set` takes them."""
    group = parser.add_argument_group("data set")
    group.add_argument("--splits", type=Path, metavar="CSV", help="table with path, group, label and split of images")
    group.add_argument("--split", default="train", metavar="NAME", help="which split may be varied (train)")
    group.add_argument("--masks", type=Path, metavar="DIR", help="masks, under the names of their images")
    group.add_argument(
        "--pixel-size", type=parse_pixel_size, metavar="SIZE",
        help="of the images' pixels, as the model is told: 0.5um, 0.3m; by default table and files say it",
    )  # fmt: skip
    group.add_argument("--model", metavar="ID", help="which model draws; by default the one whose range fits")


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """What is made; :func:`recipe_from` takes them."""
    group = parser.add_argument_group("what is made")
    group.add_argument("--per-image", type=int, metavar="K", help="variations of each image (1)")
    group.add_argument(
        "--mix", default="same,jitter,blend,image", metavar="KINDS",
        help="kinds in turn, with weights: same=2,image=1 (same,jitter,blend,image)",
    )  # fmt: skip
    group.add_argument("--strength", default="0.5", metavar="S[,S…]", help="of image, in turn (0.5)")
    group.add_argument("--jitter", type=float, default=20.0, metavar="DEGREES", help="of jitter (20)")
    group.add_argument("--blend", type=float, default=0.5, metavar="SHARE", help="largest share of the other (0.5)")
    group.add_argument("--balance", action="store_true", help="fill each class up to the largest")
    group.add_argument(
        "--target-count", action="append", default=[], metavar="CLASS=N", help="images of a class, real ones counted"
    )
    group.add_argument("--seed", type=int, default=0, help="of all that is left to chance (0)")


def recipe_from(arguments: argparse.Namespace) -> Recipe:
    """The recipe of the options.

    Raises:
        SettingsError: where one is malformed or out of range.
    """
    from ..evaluation.augment.variations import Recipe, parse_mix

    strengths = parse_strengths(arguments.strength)
    targets = dict(parse_target(text) for text in arguments.target_count)
    per_image = arguments.per_image if arguments.per_image is not None else int(not (targets or arguments.balance))
    return Recipe(
        per_image, parse_mix(arguments.mix), strengths, arguments.jitter, arguments.blend, arguments.balance, targets,
        arguments.seed,
    )  # fmt: skip


def parse_strengths(text: str) -> tuple[float, ...]:
    """``"0.25,0.5"`` -> (0.25, 0.5).

    Raises:
        SettingsError: where one is no number.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"use the strengths {text!r}", "they are no numbers", "", "For example 0.25,0.5") from error


def parse_target(text: str) -> tuple[str, int]:
    """``"TUM=200"`` -> ("TUM", 200)."""
    label, sign, count = text.rpartition("=")
    if not (sign and label and count.isdigit()):
        raise SettingsError(f"reach the count {text!r}", "it is not CLASS=N", "", "For example tumour=200")
    return label, int(count)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``augment``."""
    from ..evaluation.augment.run import Shard, run_job

    start = time.monotonic()
    shard = Shard.parse(arguments.shard)
    job = prepare(arguments, console)
    with console.progress("drawing", "image") as bar:
        for progress in run_job(job, workers=arguments.workers, shard=shard):
            bar.total = progress.total
            bar.update(progress.done - bar.n)
    report(job, time.monotonic() - start, console)
    return 0


def prepare(arguments: argparse.Namespace, console: Console) -> Job:
    """Read the sources and plan their variations.

    Raises:
        SettingsError, GridError, ModelError: where the options do not fit the data or the model.
    """
    from ..evaluation.augment.chunk import Filter, Job
    from ..evaluation.augment.variations import plan_variations

    recipe, filter = (
        recipe_from(arguments),
        Filter(arguments.min_fidelity, arguments.filter == "label", arguments.attempts),
    )
    settings = drawing_settings(
        arguments, STEPS, guidance_scale=arguments.guidance, device=arguments.device, precision=arguments.precision
    )
    dataset = read_training_set(arguments, console)
    sources, model_id = embed(dataset, arguments, console)
    plan = plan_variations(sources.samples, recipe)
    if not plan:
        raise SettingsError(
            "make variations", "none are asked for", "", "Give --per-image, --balance or --target-count"
        )
    return Job(arguments.output, sources, plan, recipe, model_id, settings, filter)


def read_training_set(arguments: argparse.Namespace, console: Console) -> Dataset:
    """The split that may be varied; what a user should know of it is told."""
    from ..evaluation.augment.dataset import read_dataset

    whole = read_dataset(arguments.dataset, splits=arguments.splits, masks=arguments.masks)
    dataset = whole.of_split(arguments.split)
    for note in whole.notes:
        console.note(note)
    left = len(whole.samples) - len(dataset.samples)
    if left:
        console.note(f"{left} images of other splits are not touched")
    alone = [label for label, count in dataset.counts().items() if count == 1]
    if alone:
        console.note(
            f"one image alone in {', '.join(alone)}: nothing to blend it with, its embeddings are turned instead"
        )
    return dataset


def embed(dataset: Dataset, arguments: argparse.Namespace, console: Console) -> tuple[Sources, str]:
    """The sources' embeddings, and the model that draws them."""
    from ..embeddings.encoder import load_patch_encoder
    from ..evaluation.augment.model_choice import choose_model
    from ..evaluation.augment.run import WORK
    from ..evaluation.augment.sources import read_sources

    spec = choose_model(dataset, arguments.pixel_size, arguments.model)
    encoder = load_patch_encoder(spec.encoder_id, patch_px=spec.cell_px)
    (arguments.output / WORK).mkdir(parents=True, exist_ok=True)
    with console.progress("reading", "image") as bar:

        def told(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        sources = read_sources(
            dataset, spec, encoder, pixel_size_m=arguments.pixel_size, memory=arguments.output / WORK / "sources.npz",
            progress=told,
        )  # fmt: skip
    for note in sources.notes:
        console.note(note)
    for path, reason in sources.skipped[:10]:
        console.note(f"skipped {path}: {reason}")
    if len(sources.skipped) > 10:
        console.note(f"skipped {len(sources.skipped)} images in all")
    return sources, spec.id


def report(job: Job, seconds: float, console: Console) -> None:
    """Say what was made, class by class."""
    from ..evaluation.augment.manifest import NAME, read_rows

    rows = read_rows(job.out / NAME)
    kept = [row for row in rows if row.is_kept]
    counts = Counter(row.label for row in kept)
    facts = {
        "output": str(job.out), "manifest": str(job.out / NAME), "kept": len(kept), "rejected": len(rows) - len(kept),
        "waiting": len(job.plan) - len(rows), "classes": dict(sorted(counts.items())),
        "skipped": [path for path, _ in job.sources.skipped], "kinds": dict(Counter(row.kind for row in kept)),
        "fidelity": _mean(kept), "seconds": round(seconds, 1), "synthetic": True,
    }  # fmt: skip
    lines = [f"{label}: {count} synthetic" for label, count in sorted(counts.items())]
    waiting = f", {facts['waiting']} wait for other shards" if facts["waiting"] else ""
    lines.append(
        f"{len(kept)} SYNTHETIC images in {job.out}, {facts['rejected']} rejected{waiting}; mean fidelity "
        f"{facts['fidelity']}; {job.out / NAME} ties each to its parents"
    )
    console.report("\n".join(lines), facts)


def _mean(rows: list[Row]) -> float:
    return round(sum(row.fidelity for row in rows) / max(1, len(rows)), 3)
