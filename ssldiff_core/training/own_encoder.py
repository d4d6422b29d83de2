"""``ssldiff train denoiser --encoder NAME --from MODEL``: a model for one's own patch encoder, from a shipped one."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import torch

from ..embeddings.encoder import PatchEncoder, load_patch_encoder
from ..embeddings.feature_files import read_features
from ..embeddings.features import Wanted, grids_from_features
from ..embeddings.grid import EmbeddingGrid
from ..errors import SettingsError
from ..geometry import CELL_PX, parse_pixel_size
from ..models.catalogue import get_model_spec
from ..models.native import NativeDenoiser
from ..models.native_autoencoder import NativeAutoencoder
from ..models.parts import load_part
from ..models.spec import ModelSpec, write_model_spec
from ..scenes import Scene, open_scene
from .condition_head import HeldOutLoss, Pairs, fit_head, pairs_from_images, pairs_from_scene, train_head
from .data import DOMAINS, load_images
from .pack import save_network
from .ranks import trained_together
from .recipes import CROP_LAT, NOISE_SHIFT

HELD_OUT = 0.1
"""Share of the images that measure the head and do not train it."""

EXAMPLES = """examples:
  ssldiff train denoiser --encoder uni --encoder-weights pytorch_model.bin --from tissue --data DATA -o models/uni
  ssldiff train denoiser --encoder uni --features slide.h5 --scene slide.svs --from tissue -o models/uni
  ssldiff train denoiser --encoder folder/of/an/encoder --scene city.tif --from aerial --minutes 30 -o models/city

With --features the embeddings are taken from the file (TRIDENT's or CLAM's .h5) and the encoder is only named; patches
of another size in pixels are the cells of 128 px that cover the same ground. Draw with --models-dir models."""


def make_parser() -> argparse.ArgumentParser:
    """The options of ``ssldiff train denoiser``."""
    parser = argparse.ArgumentParser(
        "ssldiff train denoiser", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Make a model for another patch encoder: a condition head on a shipped model's frozen weights.",
    )  # fmt: skip
    parser.add_argument("--encoder", required=True, metavar="ID", help="of the catalogue, or the folder of one")
    parser.add_argument("--encoder-weights", type=Path, metavar="FILE", help="take its weights from this file")
    parser.add_argument("--from", dest="base", required=True, metavar="MODEL", help="the native model to start from")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with splits.csv: train on its training split")
    parser.add_argument("--scene", type=Path, action="append", default=[], metavar="FILE", help="may be given often")
    parser.add_argument("--features", type=Path, action="append", default=[], metavar="FILE", help="one for each scene")
    parser.add_argument("--scene-pixel-size", type=parse_pixel_size, metavar="SIZE", help="where the scene has none")
    parser.add_argument("--pixel-size", type=parse_pixel_size, metavar="SIZE", help="of a cell's 128 px, for --scene")
    parser.add_argument("--minutes", type=float, default=15.0, help="of training after the fit (15); 0 for none")
    parser.add_argument("--everything", action="store_true", help="train all weights, not the head alone: for a GPU")
    parser.add_argument("--images", type=int, default=400, help="at most so many of --data (400)")
    parser.add_argument("--work", type=Path, metavar="DIR", help="for the checkpoint; OUTPUT/training by default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="model folder to write")
    return parser


def main(words: Sequence[str]) -> int:
    """Fit, train, measure and write."""
    arguments = make_parser().parse_args(words)
    base = get_model_spec(arguments.base)
    if base.family != "native":
        raise SettingsError(
            f"train a condition head for {base.id}", f"it is of the family {base.family}",
            "condition heads are for native models", "Name one of them, see `ssldiff models`",
        )  # fmt: skip
    if bool(arguments.data) == bool(arguments.scene) or len(arguments.features) not in (0, len(arguments.scene)):
        raise SettingsError(
            "train a condition head", "the images are not named",
            "give either --data, or --scene once or more and as many --features or none",
        )  # fmt: skip
    run(arguments, base)
    return 0


def run(arguments: argparse.Namespace, base: ModelSpec) -> None:
    """The recipe: pairs of embeddings, the closed form, a short training, and both measured on held-out images.

    Several processes all make the pairs, and train together; the first one measures and writes.
    """
    cpu = torch.device("cpu")
    denoiser: NativeDenoiser = load_part(base, "denoiser", NativeDenoiser, cpu, torch.float32)
    autoencoder: NativeAutoencoder = load_part(base, "autoencoder", NativeAutoencoder, cpu, torch.float32)
    pairs = collect_pairs(arguments, base, autoencoder)
    held_out = max(1, round(HELD_OUT * len(pairs.cached)))
    if len(pairs.cached) <= held_out:
        raise SettingsError("train a condition head", "there is one image", "one more is needed to measure it")
    side = CROP_LAT.get(base.id, (32, 12))[0]
    shift = NOISE_SHIFT.get(base.id, 1.0)
    loss = HeldOutLoss(pairs.cached[-held_out:], side, shift)
    head, cosine = fit_head(denoiser, pairs)
    print(f"{len(pairs.own)} patches; held-out cosine of the closed form {cosine:.3f}", flush=True)
    print(f"loss on {held_out} held-out images after the closed form {loss(head):.4f}", flush=True)
    with trained_together(arguments.device) as (ranks, device):
        trained = train_head(
            head, pairs.cached[:-held_out], arguments.work or arguments.output / "training", minutes=arguments.minutes,
            crop_lat=side, noise_shift=shift, everything=arguments.everything, device=device,
        )  # fmt: skip
    if not ranks.first:
        return
    if arguments.minutes > 0:
        print(f"loss on {held_out} held-out images after training {loss(trained):.4f}", flush=True)
    pack(arguments.output, base, autoencoder, trained.cpu(), encoder_id_of(arguments), pairs)
    print(f"{arguments.output}: draws grids of {encoder_id_of(arguments)} with --models-dir {arguments.output.parent}")


def encoder_id_of(arguments: argparse.Namespace) -> str:
    """The id that grids of the encoder carry."""
    from ..embeddings.spec import read_encoder_spec

    given = Path(arguments.encoder)
    return read_encoder_spec(given).id if given.exists() else str(arguments.encoder)


def collect_pairs(arguments: argparse.Namespace, base: ModelSpec, autoencoder: NativeAutoencoder) -> Pairs:
    """Patches seen by both encoders, from the training split or from scenes."""
    shipped = load_patch_encoder(base.encoder_id)
    if not arguments.data:
        pairs = [
            pairs_from_scene(scene, grid, autoencoder, shipped) for scene, grid in _grids(arguments, base)
        ]  # fmt: skip
        return reduce(Pairs.joined, pairs)
    if base.id not in DOMAINS:
        raise SettingsError(f"read {arguments.data} for {base.id}", "no data set is listed for it", "", "Give --scene")
    images = load_images(arguments.data, base.id)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[: arguments.images]
    return pairs_from_images([images[i] for i in order], autoencoder, _own_encoder(arguments), shipped)


def _own_encoder(arguments: argparse.Namespace) -> PatchEncoder:
    return load_patch_encoder(arguments.encoder, weights=arguments.encoder_weights, patch_px=CELL_PX)


def _grids(arguments: argparse.Namespace, base: ModelSpec) -> Iterator[tuple[Scene, EmbeddingGrid]]:
    """Each scene with its grids in the new encoder's embeddings."""
    from ..embeddings.embed import embed_scene

    for number, file in enumerate(arguments.scene):
        with open_scene(file, pixel_size_m=arguments.scene_pixel_size) as scene:
            if arguments.features:
                yield from ((scene, grid) for grid in _grids_of_features(arguments, base, scene, number))
                continue
            size = arguments.pixel_size or base.pixel_sizes_m[len(base.pixel_sizes_m) // 2]
            *_, last = embed_scene(scene, _own_encoder(arguments), pixel_size_m=size)
            assert last.grid is not None
            yield scene, last.grid


def _grids_of_features(
    arguments: argparse.Namespace, base: ModelSpec, scene: Scene, number: int
) -> tuple[EmbeddingGrid, ...]:
    features = read_features(arguments.features[number])
    if scene.pixel_size_m is None:
        raise SettingsError(f"use {scene.name}", "it does not say its pixel size", "", "Give --scene-pixel-size")
    dim = int(features.vectors.shape[1])
    wanted = Wanted(encoder_id_of(arguments), dim, CELL_PX, base.pixel_sizes_m)
    return grids_from_features(features, wanted, scene_pixel_size_m=scene.pixel_size_m, patch_px=CELL_PX).grids


def pack(
    folder: Path, base: ModelSpec, autoencoder: NativeAutoencoder, denoiser: NativeDenoiser, encoder_id: str,
    pairs: Pairs,
) -> None:  # fmt: skip
    """Writes the model folder: a model of its own id (the folder's name) that takes the encoder's grids.

    It holds a copy of the base's autoencoder, and no encoder: that stays where its licence keeps it.
    """
    if folder.resolve() == base.folder.resolve():
        raise SettingsError(f"write the model to {folder}", "that is the model it starts from", "", "Name another")
    folder.mkdir(parents=True, exist_ok=True)
    save_network(autoencoder, folder / "autoencoder")
    save_network(denoiser, folder / "denoiser")
    licence = base.folder / "README.md"
    if licence.is_file():
        shutil.copyfile(licence, folder / "BASE.md")
    write_model_spec(
        replace(
            base, id=folder.resolve().name, version=f"head on {base.id} {base.version}", encoder_id=encoder_id,
            condition_dim=pairs.own.shape[1], folder=folder,
        )
    )  # fmt: skip
