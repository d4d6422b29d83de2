"""Our autoencoder beside the layout of diffusers' ``AutoencoderTiny``, trained from nothing for equal processor time.

    python -m tests.benchmarks.ablation_autoencoders tissue|aerial --work WORK [--minutes M] [--json FILE] [--quick]

Both have 8 channels and factor 8, and learn by the recipe of the native autoencoder. Measured on the test split: PSNR,
similarity in the own encoder's space of crops that went through them, Fréchet distance by the judge in multiples of
that of training patches, processor time of a megapixel decoded and encoded, and how far a decoded pixel looks.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ssldiff_core.models.native_autoencoder import NativeAutoencoder
from ssldiff_core.models.placement import training_autocast
from ssldiff_core.training.autoencoder import AutoencoderObjective, measure_latents, psnr, to_pixels
from ssldiff_core.training.data import CropSampler, TrainingImage, load_images
from ssldiff_core.training.run import Budget, TrainingRun

from .ablation_measures import HeldOut, drawn_figures
from .ablations import FULL, QUICK, Figures, hold_out, make_parser, recipe_of
from .report import report

CPU = torch.device("cpu")
LR, BATCH, CROP_PX = 2e-3, 16, 128


class TinyAutoencoder(NativeAutoencoder):
    """The networks of ``AutoencoderTiny``, with our standardised latents."""

    def __init__(self, **config: Any) -> None:
        from diffusers import AutoencoderTiny

        super().__init__(**config)
        tiny = AutoencoderTiny(latent_channels=self.config.latent_channels)
        self.encoder, self.decoder = tiny.encoder, tiny.decoder


LAYOUTS: dict[str, Callable[[], NativeAutoencoder]] = {"native": NativeAutoencoder, "tiny": TinyAutoencoder}


def train(
    make: Callable[[], NativeAutoencoder], images: list[TrainingImage], folder: Path, minutes: float, steps: int = 0
) -> tuple[NativeAutoencoder, int]:
    """The averaged weights after ``minutes`` of processor time, or ``steps``, and the steps taken."""
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    torch.manual_seed(0)
    model = make()
    run = TrainingRun(model, folder, Budget(minutes, steps, lr=LR, clock=time.process_time), device=CPU)
    sampler = CropSampler(images, CROP_PX, 0)
    run.fit(AutoencoderObjective(model, sampler, BATCH, CPU), save_every_s=float("inf"))
    average: NativeAutoencoder = run.average
    measure_latents(average, CropSampler(images, 256, 1), CPU)
    return average, run.step


@torch.no_grad()
def through(model: NativeAutoencoder, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, float]:
    """An image there and back, and the processor seconds that encoding and decoding took."""
    pixels = to_pixels(np.array(image)[None], CPU)
    with training_autocast(CPU):
        began = time.process_time()
        latents = model.encode(pixels)
        middle = time.process_time()
        back = model.decode(latents)
        ended = time.process_time()
    found = ((back[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0)
    return np.ascontiguousarray(found.numpy()), middle - began, ended - middle


def reach_px(model: NativeAutoencoder, side_lat: int = 64) -> int:
    """How far from a latent, in pixels of the image, the decoded image depends on it."""
    exact = copy.deepcopy(model).double()
    latents = torch.randn(1, model.config.latent_channels, side_lat, side_lat, dtype=torch.float64)
    moved = latents.clone()
    moved[..., side_lat // 2, side_lat // 2] += 3.0
    with torch.no_grad():
        changed = (exact.decode_raw(latents) != exact.decode_raw(moved)).any(dim=1)[0]
    at = 8 * (side_lat // 2)
    places = changed.nonzero()
    return int(max(at - int(places.min()), int(places.max()) - (at + 7)))


def measure(model: NativeAutoencoder, test: list[TrainingImage], held_out: HeldOut) -> Figures:
    """All figures of a trained autoencoder."""
    figures = {"parameters_m": sum(p.numel() for p in model.parameters()) / 1e6, "reach_px": float(reach_px(model))}
    for size in sorted({image.pixel_size_m for image in test}):
        figures[f"psnr_{size:g}"] = psnr(model, [image for image in test if image.pixel_size_m == size], CPU)
    done = [through(model, image) for image in held_out.real]
    megapixels = sum(image.shape[0] * image.shape[1] for image in held_out.real) / 2**20
    figures["encode_core_seconds"] = sum(part[1] for part in done) / megapixels
    figures["decode_core_seconds"] = sum(part[2] for part in done) / megapixels
    return figures | drawn_figures([part[0] for part in done], held_out)


def main() -> None:
    """Train and measure both layouts."""
    arguments = make_parser(__doc__).parse_args()
    scale, domain = QUICK if arguments.quick else FULL, arguments.domain
    minutes = arguments.minutes or scale.minutes
    work = arguments.work / "ablations" / f"autoencoders-{minutes:g}"
    work.mkdir(parents=True, exist_ok=True)
    recipe = recipe_of(domain, arguments.data, arguments.work)
    held_out, test = hold_out(recipe, work.parent, scale), load_images(arguments.data, domain, "test")
    found: dict[str, float | str] = {"minutes": minutes}
    for name, make in LAYOUTS.items():
        file = work / name / "figures.json"
        if not file.exists():
            print(f"{domain}: {name}", flush=True)
            model, steps = train(make, recipe.images, work / name, minutes)
            file.write_text(json.dumps({"steps": float(steps), **measure(model, test, held_out)}, indent=1) + "\n")
        found |= {f"{name}_{key}": value for key, value in json.loads(file.read_text()).items()}
    report(found, arguments.json, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
