"""``ssldiff study representations``: the denoiser's features, the patch encoder's, and both together."""

from __future__ import annotations

import argparse
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SettingsError
from .arguments import Commands, add_parser, parse_count
from .console import Console
from .study_patches import SETS, follow, parse_amounts, tables_in_words

if TYPE_CHECKING:
    from ..evaluation.studies.patches import StudySet, Told

LEVELS = (0.1, 0.3, 0.5, 0.7)
AMOUNTS = {"fractions": (0.1, 1.0), "shots": (1.0, 4.0), "groups": ()}

_DESCRIPTION = """\
Do embeddings and diffusion together represent images better? The denoiser sees an image's latents at several noise
levels, told nothing; what its coarse blocks hold is read by a linear probe and by the nearest neighbours, beside the
patch encoder's embeddings, both together, and the colours alone. With --encoder-steps a patch encoder is trained on
synthetic images alone and one on as many real ones."""

_EXAMPLES = """\
  ssldiff study representations uc_merced --data data -o representations
  ssldiff study representations eurosat --data data -o out --levels 0.05,0.2,0.5
  ssldiff study representations uc_merced --data data -o out --synthetic patches/synthetic --encoder-steps 600"""


def add_command(commands: Commands) -> None:
    """Add ``representations`` to the studies."""
    parser = add_parser(commands, "representations", "what embeddings and denoiser know", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("set", choices=SETS, help="which data set")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the sets and splits.csv")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for all that is made")
    parser.add_argument(
        "--levels", type=parse_levels, default=LEVELS, metavar="T[,T…]",
        help=f"noise levels from 0, clean, to 1 ({','.join(f'{level:g}' for level in LEVELS)})",
    )  # fmt: skip
    parser.add_argument("--seeds", type=parse_count, default=5, help="draws of the training images (5)")
    parser.add_argument(
        "--amounts", type=parse_amounts, default=None, metavar="A[,A…]",
        help="shares of the training images, or images a class (0.1,1; 1,4 for small sets)",
    )  # fmt: skip
    parser.add_argument("--synthetic", type=Path, metavar="DIR", help="variations that ssldiff augment made")
    parser.add_argument("--encoder-steps", type=parse_count, metavar="N", help="steps of either trained patch encoder")
    parser.set_defaults(run=run)


def parse_levels(text: str) -> tuple[float, ...]:
    """``"0.1,0.3"`` -> (0.1, 0.3)."""
    try:
        levels = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        levels = (-1.0,)
    if not all(0.0 <= level <= 1.0 for level in levels):
        raise SettingsError(
            f"read the denoiser at the noise levels {text!r}",
            "they are no numbers from 0 to 1",
            "",
            "For example 0.1,0.5",
        )
    return levels


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``study representations``."""
    from ..evaluation.augment.manifest import read_rows
    from ..evaluation.studies.patches import make_set
    from ..evaluation.studies.representation_report import make_report
    from ..evaluation.studies.representations import representation_scores, representations
    from ..evaluation.studies.sets import PROTOCOLS, digests_seen, load_set, make_rounds, seen_tests
    from ..models.catalogue import get_model_spec

    remedy = f"Make one: ssldiff study patches {arguments.set} --data {arguments.data} -o patches"
    if arguments.encoder_steps and (arguments.synthetic is None or not arguments.synthetic.is_dir()):
        raise SettingsError(
            "train a patch encoder on synthetic images", f"--synthetic is {arguments.synthetic}",
            "it names a folder of variations", remedy,
        )  # fmt: skip
    start, protocol = time.monotonic(), PROTOCOLS[arguments.set]
    dataset = load_set(protocol, arguments.data)
    amounts = AMOUNTS[protocol.rounds] if arguments.amounts is None else arguments.amounts
    rounds = make_rounds(protocol, dataset.samples, arguments.seeds, amounts)
    seen = seen_tests(rounds, dataset.samples, digests_seen(arguments.data, protocol.model_id))
    rows = read_rows(arguments.synthetic) if arguments.encoder_steps else []
    study = make_set(protocol, dataset, rows, arguments.synthetic or arguments.output, rounds)
    arguments.output.mkdir(parents=True, exist_ok=True)
    told = follow(console)
    used = sorted({index for one in rounds for index in (*one.train, *one.test)})
    blocks, extra = _blocks(study, used, arguments, told)
    chosen = representations(arguments.levels) | extra
    scores = list(representation_scores(blocks, chosen, study.labels()[: study.real], rounds, told))
    spec = get_model_spec(protocol.model_id)
    facts = {
        "model version": f"{spec.version}, encoder {spec.encoder_id}, weights {spec.digest[:12]}",
        "images": len(used), "classes": len(study.classes), "seeds": arguments.seeds,
        "noise levels": ", ".join(f"{level:g}" for level in arguments.levels),
        "test images seen in training": sum(seen.values()),
    }  # fmt: skip
    if arguments.encoder_steps:
        facts["steps of the trained encoders"] = arguments.encoder_steps
    warnings = [
        f"The round {name} tests on {count} images that encoder and denoiser were trained on: no fair test"
        for name, count in seen.items()
    ]
    report = make_report(protocol, scores, _command(arguments), facts, warnings, time.monotonic() - start)
    page, record = report.write(arguments.output / "study.html")
    for warning in warnings:
        console.note(warning)
    console.report(
        tables_in_words(report.parts, page), {"page": str(page), "record": str(record), **report.to_json()["figures"]}
    )
    return 0


def _blocks(
    study: StudySet, used: list[int], arguments: argparse.Namespace, told: Told
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """The blocks of all real pictures, zeros for those that no round uses; and what the trained encoders add."""
    from ..embeddings.encoder import load_patch_encoder
    from ..evaluation.studies.features import fitter
    from ..evaluation.studies.representations import DenoiserReader, study_blocks
    from ..evaluation.studies.trained_encoders import trained_blocks
    from ..models.catalogue import load_model

    model = load_model(study.protocol.model_id)
    spec = model.spec
    encoder = load_patch_encoder(spec.encoder_id, patch_px=spec.cell_px)
    fit_size = fitter(study.protocol.pixel_size_m, spec.pixel_sizes_m, spec.cell_px, spec.id)
    pictures = [study.pictures[index] for index in used]
    found = study_blocks(pictures, DenoiserReader(model, arguments.levels), encoder, fit_size, told)
    extra: dict[str, tuple[str, ...]] = {}
    if arguments.encoder_steps:
        place = {index: number for number, index in enumerate(used)}
        synthetic = [
            replace(picture, parents=tuple(place[parent] for parent in picture.parents))
            for picture in study.pictures[study.real :]
            if place.keys() >= set(picture.parents)
        ]
        trained = trained_blocks(
            pictures, synthetic, fit_size, arguments.output / "encoders", arguments.encoder_steps, told=told
        )
        found |= trained
        extra = {name: (name,) for name in trained}
    whole = {}
    for name, features in found.items():
        whole[name] = np.zeros((study.real, features.shape[1]), np.float32)
        whole[name][used] = features
    return whole, extra


def _command(arguments: argparse.Namespace) -> str:
    words = ["ssldiff study representations", arguments.set, "--data", shlex.quote(str(arguments.data))]
    words += ["-o", shlex.quote(str(arguments.output)), "--seeds", str(arguments.seeds)]
    words += ["--levels", ",".join(f"{level:g}" for level in arguments.levels)]
    if arguments.amounts:
        words += ["--amounts", ",".join(f"{amount:g}" for amount in arguments.amounts)]
    if arguments.encoder_steps:
        words += ["--synthetic", shlex.quote(str(arguments.synthetic)), "--encoder-steps", str(arguments.encoder_steps)]
    return " ".join(words)
