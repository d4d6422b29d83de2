"""``ssldiff train``: the whole recipe of a domain, stage by stage, each resumable from its checkpoint."""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..embeddings.spec import read_encoder_spec
from ..errors import SettingsError
from ..models.catalogue import get_model_spec
from ..models.native import NativeDenoiser
from ..models.native_autoencoder import NativeAutoencoder
from ..models.native_loading import assemble
from ..models.placement import choose_device, choose_dtype
from ..models.spec import ModelSpec, read_model_spec
from ..settings import Settings
from .autoencoder import psnr, train_autoencoder
from .data import DOMAINS, CropSampler, TrainingImage, load_images
from .denoiser import CachedImage, cache_images, train_denoiser
from .drift import write_reference
from .pack import describe, pack_encoder, pack_networks, save_network
from .patch_encoder import TIMM_ARGS, TIMM_NAME, encode_patches, standardisation, train_patch_encoder
from .ranks import Ranks, trained_together
from .sharpen import draw_latents, grids_of, sharpen_decoder
from .starting_point import start_from
from .student import train_student

STAGES = ("autoencoder", "encoder", "denoiser", "student", "sharpen", "pack")
DRAWN_CELLS, DRAWN_STEPS = 1500, 12
"""Cells that the denoiser draws for the sharpening of the decoder, and in how many steps."""
REFERENCE_M = {"tissue": 1e-6, "aerial": 0.3}
CROP_LAT = {"tissue": (40, 12), "aerial": (32, 18)}
"""Side of a crop in latents and crops in a batch: aerial training images are 32 latents wide."""
NOISE_SHIFT = {"tissue": 1.0, "aerial": 1.8}
COPIES = {"tissue": 3, "aerial": 2}
"""Turned copies of each image in the cache."""

EXAMPLES = """examples:
  ssldiff train tissue --data DATA --work runs/tissue -o my-models/tissue
  ssldiff train tissue --data DATA --work runs/tissue --stages denoiser,pack --minutes 60 -o my-models/tissue
  ssldiff train tissue --from tissue --data DATA --work runs/on --stages denoiser,pack -o my-models/tissue
  ssldiff train denoiser --help                            a model for your own patch encoder, from a shipped one
  ssldiff train prior --help                               layouts from text, for a model that is there

DATA holds splits.csv (path,group,label,split,sha256) and the images it names; only rows of the split "train" are
trained on. A stage that finds its checkpoint goes on from it. Use the result with SSLDIFF_MODELS_DIR=my-models."""


def make_parser() -> argparse.ArgumentParser:
    """The options of ``ssldiff train``."""
    parser = argparse.ArgumentParser(
        "ssldiff train", description="Train patch encoder, autoencoder and denoiser of a domain.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("domain", choices=sorted(DOMAINS))
    parser.add_argument("--data", type=Path, required=True, help="folder with splits.csv")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and caches")
    parser.add_argument("-o", "--output", type=Path, required=True, help="model folder to write")
    parser.add_argument("--stages", default=",".join(STAGES), help=f"which of {', '.join(STAGES)} (all)")
    parser.add_argument(
        "--minutes", type=float, help="for each training stage, instead of the recipe's own 15, 20, 80, 25 and 25"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--guidance", type=float, default=1.5, help="default guidance scale written to the model")
    parser.add_argument("--version", default="own", help="version written to the model")
    parser.add_argument(
        "--from", dest="base", metavar="MODEL",
        help="a model to go on from: its networks stand in for stages not trained, and training begins with them",
    )  # fmt: skip
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the stages asked for, or train a model for another patch encoder where the first word is ``denoiser``, or a
    grid prior where it is ``prior``.
    """
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["denoiser"]:
        from .own_encoder import main as train_for_own_encoder

        return train_for_own_encoder(words[1:])
    if words[:1] == ["prior"]:
        from .prior_command import main as train_prior

        return train_prior(words[1:])
    arguments = make_parser().parse_args(words)
    stages = arguments.stages.split(",")
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown:
        raise SettingsError(
            f"train the stages {arguments.stages}", f"{unknown[0]!r} is none", f"stages: {', '.join(STAGES)}"
        )
    Recipe(arguments).run(stages)
    return 0


class Recipe:
    """One domain's training: holds the images and paths that the stages share.

    Where several processes were launched together they all train; files are written by the first one.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.domain: str = arguments.domain
        self.data, self.work, self.output = arguments.data, arguments.work, arguments.output
        self.seed, self.device, self.minutes = arguments.seed, arguments.device, arguments.minutes
        self.version, self.guidance = arguments.version, arguments.guidance
        self.base = get_model_spec(arguments.base) if arguments.base else None
        self._images: list[TrainingImage] | None = None
        self._ranks = Ranks()

    @property
    def images(self) -> list[TrainingImage]:
        if self._images is None:
            self._images = load_images(self.data, self.domain)
        return self._images

    def run(self, stages: Sequence[str]) -> None:
        """The stages in their order."""
        with trained_together(self.device) as (self._ranks, self.device):
            if self.base is not None:
                with self._ranks.one_then_all():
                    start_from(self.base, self.work, with_student="denoiser" not in stages)
            for stage in STAGES:
                if stage in stages:
                    if self._ranks.first:
                        print(f"{self.domain}: {stage}", flush=True)
                    getattr(self, f"run_{stage}")()
                    self._ranks.wait()

    def run_autoencoder(self) -> None:
        """Trains the autoencoder and prints its PSNR on the test split."""
        folder = self.work / "autoencoder"
        model = train_autoencoder(self.images, folder, minutes=self.minutes or 15, seed=self.seed, device=self.device)
        if not self._ranks.first:
            return
        model.save_pretrained(folder / "weights")
        held_out = load_images(self.data, self.domain, "test")
        device = choose_device(self.device)
        for size in sorted({image.pixel_size_m for image in held_out}):
            chosen = [image for image in held_out if image.pixel_size_m == size][:40]
            print(f"PSNR at {size:g} m: {psnr(model, chosen, device):.2f} dB (N = {len(chosen)})", flush=True)

    def run_encoder(self) -> None:
        """Trains the patch encoder and measures the mean and deviation of its output."""
        folder = self.work / "encoder"
        network = train_patch_encoder(
            self.images, folder, minutes=self.minutes or 20, seed=self.seed, device=self.device
        )
        if not self._ranks.first:
            return
        patches = CropSampler(self.images, 128, self.seed + 7).sample(3000)
        mean, deviation = standardisation(encode_patches(network, patches))
        torch.save(network.state_dict(), folder / "weights.pt")
        np.savez(folder / "statistics.npz", mean=mean, deviation=deviation)

    def run_denoiser(self) -> None:
        """Caches latents and embeddings, where that is not done, and trains the denoiser."""
        side, batch = CROP_LAT[self.domain]
        model = train_denoiser(
            self.cached(), self.work / "denoiser", minutes=self.minutes or 80, crop_lat=side, batch=batch,
            pixel_size_reference_m=REFERENCE_M[self.domain], noise_shift=NOISE_SHIFT[self.domain], seed=self.seed,
            device=self.device, start=self.denoiser() if (self.work / "denoiser" / "weights").exists() else None,
        )  # fmt: skip
        if self._ranks.first:
            model.save_pretrained(self.work / "denoiser" / "weights")

    def run_sharpen(self) -> None:
        """Draws latents of grids of the training images, where that is not done, and sharpens the decoder on them."""
        folder = self.work / "sharpen"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "drawn.pickle"
        with self._ranks.one_then_all():
            if not file.exists():
                file.write_bytes(pickle.dumps(self._draw()))
        drawn: list[np.ndarray] = pickle.loads(file.read_bytes())
        sharp = sharpen_decoder(
            self.autoencoder(sharp=False), self.encoder(), self.images, drawn, folder, minutes=self.minutes or 25,
            seed=self.seed, device=self.device,
        )  # fmt: skip
        if self._ranks.first:
            sharp.save_pretrained(folder / "weights")

    def _draw(self) -> list[np.ndarray]:
        """Latents that the denoiser draws, and its student where there is one."""
        denoiser, student = self.denoiser(), self.student()
        spec, device = self.spec(self.work, "in training", denoiser), choose_device(self.device)
        dtype = choose_dtype(device)
        fast = None if student is None else student.to(dtype)
        model = assemble(spec, self.autoencoder(sharp=False).to(dtype), denoiser.to(dtype), device, dtype, fast)
        grids = grids_of(self.images, self.encoder(), self.statistics(), spec.encoder_id, self.seed + 11)
        ways = [Settings(steps=DRAWN_STEPS), *([Settings(student=True)] if student is not None else [])]
        return draw_latents(model, grids, DRAWN_CELLS, ways)

    def run_student(self) -> None:
        """Trains the student of the denoiser."""
        side, batch = CROP_LAT[self.domain]
        student = train_student(
            self.denoiser(), self.autoencoder(), self.encoder(), self.statistics(), self.cached(),
            self.work / "student", minutes=self.minutes or 25, crop_lat=side, batch=2 * batch // 3, seed=self.seed,
            device=self.device, start=self.student(),
        )  # fmt: skip
        if self._ranks.first:
            student.save_pretrained(self.work / "student" / "weights")

    def run_pack(self) -> None:
        """Writes the model folder."""
        cached = self.cached()
        if not self._ranks.first:
            return
        pack_encoder(self.output, self.domain, self.encoder(), self.statistics(), cached, version=self.version)
        spec = self.spec(self.output, read_encoder_spec(self.output).id, self.denoiser())
        pack_networks(spec, self.autoencoder(), self.denoiser())
        student = self.student()
        if student is not None:
            save_network(student, self.output / "student")
        write_reference(read_model_spec(self.output))

    def spec(self, folder: Path, encoder_id: str, denoiser: NativeDenoiser) -> ModelSpec:
        """The catalogue entry of what was trained; where guidance pays is what it was for the model gone on from."""
        return describe(
            folder, self.domain, self.autoencoder(), denoiser, version=self.version, guidance=self.guidance,
            encoder_id=encoder_id, guidance_interval=self.base.guidance_interval if self.base else (0.0, 1.0),
            begins_fast=bool(self.base and self.base.begins_fast and (self.work / "student" / "weights").exists()),
        )  # fmt: skip

    def autoencoder(self, sharp: bool = True) -> NativeAutoencoder:
        """The trained autoencoder, with the sharpened decoder where it is wanted and there."""
        sharpened = self.work / "sharpen" / "weights"
        folder = sharpened if sharp and sharpened.exists() else self.work / "autoencoder" / "weights"
        model: NativeAutoencoder = NativeAutoencoder.from_pretrained(folder)
        return model.eval()  # type: ignore[no-any-return]

    def denoiser(self) -> NativeDenoiser:
        """The trained denoiser."""
        model: NativeDenoiser = NativeDenoiser.from_pretrained(self.work / "denoiser" / "weights")
        return model

    def student(self) -> NativeDenoiser | None:
        """The trained student, where there is one."""
        folder = self.work / "student" / "weights"
        model: NativeDenoiser | None = NativeDenoiser.from_pretrained(folder) if folder.exists() else None
        return model

    def encoder(self) -> nn.Module:
        """The trained patch encoder's network."""
        import timm

        network: nn.Module = timm.create_model(TIMM_NAME, pretrained=False, **TIMM_ARGS)
        network.load_state_dict(torch.load(self.work / "encoder" / "weights.pt", weights_only=True))
        return network.eval().to(memory_format=torch.channels_last)

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of the encoder's output, (dim,) each."""
        stored = np.load(self.work / "encoder" / "statistics.npz")
        return stored["mean"], stored["deviation"]

    def cached(self) -> list[CachedImage]:
        """Latents and embeddings of the training images, from the cache where there is one."""
        file = self.work / "cache.pickle"
        with self._ranks.one_then_all():
            if not file.exists():
                cached = cache_images(
                    self.images, self.autoencoder(), self.encoder(), self.statistics(), copies=COPIES[self.domain],
                    seed=self.seed + 1,
                )  # fmt: skip
                file.write_bytes(pickle.dumps(cached))
        loaded: list[CachedImage] = pickle.loads(file.read_bytes())
        return loaded
