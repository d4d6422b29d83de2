"""``ssldiff study patches``: real, synthetic and both, at shares of the real training images."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from .arguments import Commands, add_parser, parse_count
from .console import Console
from .speed_options import add_speed_options, drawing_settings, speed_words

if TYPE_CHECKING:
    from ..evaluation.augment.dataset import Dataset
    from ..evaluation.augment.manifest import Row
    from ..evaluation.report import Part
    from ..evaluation.studies.patches import Features, Score, StudySet, Told
    from ..evaluation.studies.sets import Protocol, Round

SETS = ("uc_merced", "osteosarcoma", "crc_he", "eurosat")
STEPS = 6

_DESCRIPTION = """\
Do synthetic variations improve a classifier of patches over standard augmentation? Arms: real images, synthetic ones,
both, and both with those variations alone whose label a probe on the real images confirms. A linear probe on the patch
encoder's embeddings; with --cnn a small network from nothing too. The variations are drawn first, where they are not
there yet; a killed study goes on. That no test image was seen by encoder or generator is checked by sha256."""

_EXAMPLES = """\
  ssldiff study patches uc_merced --data data -o patches-uc_merced --cnn
  ssldiff study patches crc_he --data data -o patches-crc_he --seeds 10
  ssldiff study patches eurosat --data data -o out --synthetic variations
  ssldiff study patches eurosat --data data -o trial --validate --mix blend,jitter --per-image 8"""


def add_command(commands: Commands) -> None:
    """Add ``patches`` to the studies."""
    parser = add_parser(commands, "patches", "classifiers of patches", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("set", choices=SETS, help="which data set")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the sets and splits.csv")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for all that is made")
    parser.add_argument("--synthetic", type=Path, metavar="DIR", help="variations that `ssldiff augment` made already")
    parser.add_argument("--seeds", type=parse_count, default=5, help="draws of the training images (5)")
    parser.add_argument(
        "--amounts", type=parse_amounts, default=(), metavar="A[,A…]",
        help="shares of the training images, 0.05,0.1, or images a class; all of the set's protocol by default",
    )  # fmt: skip
    parser.add_argument(
        "--features", metavar="NAME",
        help="what the linear probe reads: a patch encoder, or judge-tissue, judge-aerial, which never conditioned a "
        "model (the encoder that conditions)",
    )  # fmt: skip
    add_speed_options(parser, STEPS, "denoising steps of a variation")
    parser.add_argument("--workers", type=parse_count, default=1, metavar="N", help="processes that draw (1)")
    network = parser.add_argument_group("small network")
    network.add_argument("--cnn", action="store_true", help="train a small network too, from nothing")
    network.add_argument(
        "--cnn-amounts", type=parse_amounts, default=None, metavar="A[,A…]", help="at these amounts (0.1,1)"
    )
    network.add_argument("--cnn-steps", type=parse_count, default=400, metavar="N", help="steps of its training (400)")
    drawn = parser.add_argument_group("what is drawn (by default what the set's protocol says)")
    drawn.add_argument("--per-image", type=parse_count, metavar="K", help="variations of each image")
    drawn.add_argument("--mix", metavar="KINDS", help="kinds in turn, with weights: same=2,image=1")
    drawn.add_argument("--strength", metavar="S[,S…]", help="of image, in turn")
    drawn.add_argument("--jitter", type=float, metavar="DEGREES", help="of jitter")
    drawn.add_argument("--blend", type=float, metavar="SHARE", help="largest share of the other image")
    drawn.add_argument(
        "--validate", action="store_true",
        help="test on a part of the training images instead: what is drawn is chosen there, not by the test images",
    )  # fmt: skip
    parser.set_defaults(run=run)


def parse_amounts(text: str) -> tuple[float, ...]:
    """``"0.05,0.1"`` -> (0.05, 0.1)."""
    try:
        amounts = tuple(float(part) for part in text.split(","))
    except ValueError:
        amounts = (0.0,)
    if not all(amount > 0 for amount in amounts):
        raise SettingsError(f"study the amounts {text!r}", "they are no numbers above 0", "", "For example 0.05,0.1")
    return amounts


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``study patches``."""
    from ..evaluation.studies.kept_labels import kept_labels
    from ..evaluation.studies.patch_report import LEAST_SEEDS, make_report
    from ..evaluation.studies.patches import make_set, study_features
    from ..evaluation.studies.sets import PROTOCOLS, digests_seen, load_set, make_rounds, seen_tests, validation_set

    start, out = time.monotonic(), arguments.output
    protocol = _asked(PROTOCOLS[arguments.set], arguments)
    dataset = load_set(protocol, arguments.data)
    if arguments.validate:
        dataset = validation_set(dataset, protocol.name)
    rounds = make_rounds(protocol, dataset.samples, arguments.seeds, arguments.amounts)
    seen = seen_tests(rounds, dataset.samples, digests_seen(arguments.data, protocol.model_id))
    out.mkdir(parents=True, exist_ok=True)
    told = follow(console)
    folder, rows = _variations(arguments, protocol, dataset, rounds, told)
    study = make_set(protocol, dataset, rows, folder, rounds)
    real, synthetic = study_features(study, out, arguments.features, told)
    scores = list(_scores(study, real, synthetic, arguments, told))
    kept = list(kept_labels(study, real, synthetic))
    facts = _facts(study, rows, arguments)
    if arguments.validate:
        facts["tested on"] = "a part of the training images, no test image: to choose what is drawn"
    warnings = [
        f"The round {name} tests on {count} images that encoder and generator were trained on: no fair test"
        for name, count in seen.items()
    ]
    facts["test images seen in training"] = sum(seen.values())
    if arguments.seeds < LEAST_SEEDS and protocol.rounds != "groups":
        warnings.append(f"{arguments.seeds} seeds are too few for an interval to be trusted")
    report = make_report(protocol, scores, kept, _command(arguments), facts, warnings, time.monotonic() - start)
    page, record = report.write(out / "study.html")
    for warning in warnings:
        console.note(warning)
    console.report(
        tables_in_words(report.parts, page), {"page": str(page), "record": str(record), **report.to_json()["figures"]}
    )
    return 0


def _asked(protocol: Protocol, arguments: argparse.Namespace) -> Protocol:
    """The protocol with what the options say instead.

    Raises:
        SettingsError: where one is malformed or out of range.
    """
    from ..evaluation.augment.variations import parse_mix
    from .augment import parse_strengths

    asked = {
        "per_image": arguments.per_image, "jitter_deg": arguments.jitter, "blend": arguments.blend,
        "mix": None if arguments.mix is None else parse_mix(arguments.mix),
        "strengths": None if arguments.strength is None else parse_strengths(arguments.strength),
    }  # fmt: skip
    protocol = replace(protocol, **{name: value for name, value in asked.items() if value is not None})
    protocol.recipe()  # a value out of range shows before anything is read
    return protocol


def _command(arguments: argparse.Namespace) -> str:
    """The words that make the study again."""
    words = ["ssldiff study patches", arguments.set, "--data", shlex.quote(str(arguments.data))]
    words += ["-o", shlex.quote(str(arguments.output)), "--seeds", str(arguments.seeds)]
    words += speed_words(arguments, STEPS)
    for name in ("amounts", "cnn_amounts"):
        amounts = getattr(arguments, name)
        if amounts:
            words += [f"--{name.replace('_', '-')}", ",".join(f"{amount:g}" for amount in amounts)]
    for name in ("features", "per_image", "mix", "strength", "jitter", "blend", "synthetic"):
        value = getattr(arguments, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", shlex.quote(str(value))]
    words += [f"--{name}" for name in ("validate", "cnn") if getattr(arguments, name)]
    if arguments.cnn:
        words += ["--cnn-steps", str(arguments.cnn_steps)]
    return " ".join(words)


def follow(console: Console) -> Told:
    """Progress of several phases, each said at its tenths."""
    said: dict[str, int] = {}

    def told(what: str, done: int, total: int) -> None:
        tenth = 10 * done // max(1, total)
        if said.get(what) != tenth:
            said[what] = tenth
            console.note(f"{what}: {done} of {total}")

    return told


def _variations(
    arguments: argparse.Namespace, protocol: Protocol, dataset: Dataset, rounds: list[Round], told: Told
) -> tuple[Path, list[Row]]:
    """The folder of the variations and their rows; drawn where none are given."""
    from ..evaluation.augment.manifest import read_rows
    from ..evaluation.studies.patches import draw_synthetic

    if arguments.synthetic is not None:
        if not arguments.synthetic.is_dir():
            raise SettingsError(f"use the variations in {arguments.synthetic}", "there is no such folder")
        return arguments.synthetic, read_rows(arguments.synthetic)
    folder = arguments.output / "synthetic"
    rows = draw_synthetic(
        protocol, dataset, rounds, folder, drawing_settings(arguments, STEPS, device="cpu"), workers=arguments.workers,
        told=told,
    )  # fmt: skip
    return folder, rows


def _scores(
    study: StudySet, real: Features, synthetic: Features, arguments: argparse.Namespace, told: Told
) -> Iterator[Score]:  # fmt: skip
    from ..evaluation.studies.cnn import Training
    from ..evaluation.studies.patch_scores import CNN_AMOUNTS, cnn_scores, probe_scores

    yield from probe_scores(study, real, synthetic, told)
    if arguments.cnn:
        training, amounts = Training(steps=arguments.cnn_steps), arguments.cnn_amounts or CNN_AMOUNTS
        yield from cnn_scores(study, real, synthetic, training, amounts, told)


def _facts(study: StudySet, rows: list[Row], arguments: argparse.Namespace) -> dict[str, str | int | float]:
    from collections import Counter

    from ..models.catalogue import get_model_spec

    kept = [row for row in rows if row.is_kept]
    spec = get_model_spec(study.protocol.model_id)
    kinds = Counter(row.kind_text for row in kept)
    return {
        "real images": study.real, "synthetic images": len(kept), "classes": len(study.classes),
        "seeds": arguments.seeds, "kinds": ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items())),
        "model version": f"{spec.version}, encoder {spec.encoder_id}, weights {spec.digest[:12]}",
        "probe reads": arguments.features or spec.encoder_id, "drawn by": _drawn_by(kept),
        "guidance": kept[0].guidance if kept else 0,
        "mean fidelity": round(sum(row.fidelity for row in kept) / max(1, len(kept)), 3),
    }  # fmt: skip


def _drawn_by(rows: Sequence[Row]) -> str:
    if not rows:
        return "nobody"
    return f"{'the student' if rows[0].student == 'yes' else 'the model'} in {rows[0].steps} steps"


def tables_in_words(parts: Sequence[Part], page: Path) -> str:
    """The tables of a report for a terminal; those of single runs are left to the page."""
    from ..evaluation.report import Table

    lines = []
    for part in parts:
        if isinstance(part, Table) and part.title != "Every run":
            lines.append(part.title)
            lines.append("  " + " | ".join(part.columns))
            lines += ["  " + " | ".join(str(cell) for cell in row) for row in part.rows]
    return "\n".join([*lines, f"report: {page}"])
