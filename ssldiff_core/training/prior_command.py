"""``ssldiff train prior``: the grid prior of a model folder, from the images of a domain."""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Sequence
from pathlib import Path

from ..embeddings.encoder import load_patch_encoder
from ..models.prior import PRIOR_FOLDER, PriorSpec, write_prior
from ..models.spec import ModelSpec, read_model_spec
from .captions import caption_words
from .concepts import CONCEPTS
from .data import DOMAINS
from .grid_prior import PriorBatches, held_out_loss, train_grid_prior
from .layout_scenes import RealGrid, SceneMaker
from .ranks import trained_together
from .real_grids import CellNames, build_grids

DEFAULT_SIZE_M = {"aerial": 0.3, "tissue": 1e-6}
GUIDANCE = 5.0

EXAMPLES = """examples:
  ssldiff train prior aerial --model my-models/aerial --data DATA --work runs/prior
  ssldiff train prior tissue --model my-models/tissue --names-from assets/models/tissue --data DATA --work runs/prior

Writes prior/ into the model folder; with it, `ssldiff text` makes layouts from sentences. The folder's own encoder
embeds the images; names of cells come from the palette of --names-from."""


def make_parser() -> argparse.ArgumentParser:
    """The options of ``ssldiff train prior``."""
    parser = argparse.ArgumentParser(
        "ssldiff train prior", description="Train the network that makes grids of embeddings from text.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("domain", choices=sorted(DOMAINS))
    parser.add_argument("--model", type=Path, required=True, help="model folder: encoder and model.json are read")
    parser.add_argument("--data", type=Path, required=True, help="folder with splits.csv")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and the embedded images")
    parser.add_argument("--names-from", type=Path, help="model folder with encoder and palette (that of --model)")
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--copies", type=int, default=3, help="turned copies of each image (3)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    return parser


def main(words: Sequence[str]) -> int:
    """Embed, train, validate, and write ``prior/``; of several processes the first embeds, validates and writes."""
    arguments = make_parser().parse_args(words)
    spec = read_model_spec(arguments.model)
    with trained_together(arguments.device) as (ranks, device):
        with ranks.one_then_all():
            grids = {split: cached_grids(arguments, spec, split) for split in ("train", "test")}
        network = train_grid_prior(
            grids["train"], arguments.domain, arguments.work / "network", minutes=arguments.minutes,
            pixel_size_reference_m=DEFAULT_SIZE_M[arguments.domain], seed=arguments.seed, device=device,
        ).cpu()  # fmt: skip
    if not ranks.first:
        return 0
    for split in ("train", "test"):
        batches = PriorBatches(grids[split], arguments.domain, arguments.seed + 99)
        print(f"loss on layouts of the {split} split: {held_out_loss(network, batches):.4f}", flush=True)
    write_prior(arguments.model / PRIOR_FOLDER, describe(grids["train"], arguments.domain, spec), network)
    return 0


def cached_grids(arguments: argparse.Namespace, spec: ModelSpec, split: str) -> list[RealGrid]:
    """The embedded images of a split, from the working folder where they are there."""
    file = arguments.work / f"grids-{spec.encoder_id}-{split}.pickle"
    if not file.exists():
        arguments.work.mkdir(parents=True, exist_ok=True)
        copies = arguments.copies if split == "train" else 1
        encoder, names = load_patch_encoder(arguments.model), CellNames(arguments.names_from or arguments.model)
        made = build_grids(arguments.data, arguments.domain, encoder, names, split=split, copies=copies)
        partial = file.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(made))
        partial.replace(file)
    grids: list[RealGrid] = pickle.loads(file.read_bytes())
    return grids


def describe(grids: Sequence[RealGrid], domain: str, spec: ModelSpec) -> PriorSpec:
    """What the prior was taught: only concepts that the grids hold are named."""
    maker = SceneMaker(grids, domain, 0)
    known = {maker.shelves[size].concepts[i].name for size in maker.shelves for i in maker.shelves[size].known}
    concepts = [concept for concept in CONCEPTS[domain] if concept.name in known]
    return PriorSpec(
        spec.encoder_id, "all-MiniLM-L6-v2", tuple(sorted(maker.shelves)), DEFAULT_SIZE_M[domain], GUIDANCE,
        {concept.name: concept.words for concept in concepts},
        {label: concept.name for concept in concepts for label in concept.labels},
        tuple(sorted(caption_words(concepts))),
    )  # fmt: skip
