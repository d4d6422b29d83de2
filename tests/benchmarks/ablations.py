"""What matters in the denoiser: variants of the recipe, trained from nothing for the same processor time each.

    python -m tests.benchmarks.ablations tissue|aerial --work WORK [--minutes M] [--step SIDE,CROPS] [--only a,b]
        [--json FILE] [--quick]

WORK is a working folder of ``ssldiff train``; its cached latents and embeddings are trained on, and made where they are
not there yet. The variants are those of :data:`.ablation_variants.VARIANTS`. The clock is the process's own, so a busy
machine takes nothing from a variant but cache. Each is measured on held-out images: similarity in the own encoder's
space, Fréchet distance by the judge in multiples of that of training patches, error of the velocity at five noise
levels, processor time of a megapixel. What is measured is kept in WORK/ablations, and not done again. Without fast
bfloat16 a step takes five times as long: there ``--step 32,6`` (6 crops of 32 latents at a step) comes about as far.

Variants that need no training are ``python -m tests.benchmarks.ablation_shipped``; autoencoders are those of
``python -m tests.benchmarks.ablation_autoencoders``.
"""

from __future__ import annotations

import argparse
import copy
import json
import pickle
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from ssldiff_core import Settings, get_model_spec, load_model
from ssldiff_core.embeddings.encoder import load_patch_encoder
from ssldiff_core.evaluation.features import load_features
from ssldiff_core.models.catalogue import Model
from ssldiff_core.models.native import NativeDenoiser
from ssldiff_core.models.native_loading import assemble
from ssldiff_core.training.data import load_images
from ssldiff_core.training.denoiser import READING, CachedImage, FieldCrops, cache_images
from ssldiff_core.training.recipes import CROP_LAT, NOISE_SHIFT, REFERENCE_M, Recipe
from ssldiff_core.training.recipes import make_parser as recipe_parser
from ssldiff_core.training.run import Budget, TrainingRun
from ssldiff_core.training.starting_point import start_from

from .ablation_measures import HeldOut, core_seconds, disturbed, draw_grids, drawn_figures, velocity_errors
from .ablation_variants import VARIANTS, Variant
from .report import report

LR = 4e-3
DISTURBED = 0.6
"""Length of the noise in disturbed grids, in that of the embeddings."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Scale:
    """How much to train and to measure: processor minutes, cells, patches, held-out crops, side of the timed image,
    layouts with a border.
    """

    minutes: float
    cells: int
    patches: int
    crops: int
    timed_px: int
    layouts: int


FULL, QUICK = Scale(4.0, 260, 640, 48, 512, 24), Scale(0.1, 16, 60, 12, 256, 2)


@dataclass(frozen=True)
class Trained:
    """A variant after its training: averaged weights, those of the last step, and how far it came."""

    average: NativeDenoiser
    last: NativeDenoiser
    steps: int
    seconds: float


def train(
    variant: Variant, cached: list[CachedImage], folder: Path, *, minutes: float, crop_lat: int, batch: int,
    shift: float, reference_m: float, steps: int = 0,
) -> Trained:  # fmt: skip
    """Train a variant from nothing, as :func:`~ssldiff_core.training.denoiser.train_denoiser` does the recipe.

    Args:
        variant: what is different.
        cached: training images.
        folder: for the checkpoint; one that is there is overwritten.
        minutes: of processor time.
        crop_lat, batch: of a step.
        shift: of the noise levels, where the variant has none of its own.
        reference_m: the pixel size whose logarithm is 0 for the network.
        steps: at most so many (0: no bound).
    """
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    torch.manual_seed(variant.seed)
    device = torch.device("cpu")
    model = variant.network(
        latent_channels=cached[0].latents.shape[0], condition_dim=cached[0].embeddings.shape[2], reading=READING,
        pixel_size_reference_m=reference_m, **variant.config,
    )  # fmt: skip
    budget = Budget(minutes, steps, lr=LR, clock=time.process_time)
    run = TrainingRun(model, folder, budget, device=device)
    sampler = FieldCrops(cached, crop_lat, variant.seed, variant.field_noise)
    shift = shift if variant.noise_shift is None else variant.noise_shift
    run.fit(variant.objective(model, sampler, batch, device, shift), save_every_s=float("inf"))
    average: NativeDenoiser = run.average
    return Trained(average, model.eval(), run.step, run.seconds)


def measure(
    variant: Variant, trained: Trained, shipped: Model, held_out: HeldOut, folder: Path, scale: Scale, crop_lat: int
) -> Figures:
    """All figures of a trained variant; those of grids with noise begin with ``disturbed_``, those of the last step's
    weights with ``unaveraged_``.
    """
    figures = {
        "steps": float(trained.steps), "seconds": trained.seconds, "radius_lat": float(trained.average.radius_lat),
        "parameters_m": sum(p.numel() for p in trained.average.parameters()) / 1e6,
        **velocity_errors(trained.average, held_out.cached, crop_lat, scale.crops),
    }  # fmt: skip
    drawing = ready(shipped, trained.average)
    figures |= drawn_figures(draw_grids(drawing, held_out.grids, folder / "drawn", Settings()), held_out)
    figures["core_seconds"] = core_seconds(drawing, scale.timed_px, Settings())
    if variant.disturbed:
        grids = [disturbed(grid, DISTURBED, seed) for seed, grid in enumerate(held_out.grids)]
        found = drawn_figures(draw_grids(drawing, grids, folder / "disturbed", Settings()), held_out)
        figures |= {f"disturbed_{name}": value for name, value in found.items()}
    if variant.unaveraged:
        images = draw_grids(ready(shipped, trained.last), held_out.grids, folder / "unaveraged", Settings())
        found = velocity_errors(trained.last, held_out.cached, crop_lat, scale.crops)
        figures |= {f"unaveraged_{name}": v for name, v in {**found, **drawn_figures(images, held_out)}.items()}
    return figures


def ready(shipped: Model, network: NativeDenoiser) -> Model:
    """The shipped model with another denoiser, in its precision."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    torch.nn.Module.to(network, dtype=shipped.dtype)
    return assemble(shipped.spec, shipped.autoencoder, network, shipped.device, shipped.dtype)  # type: ignore[arg-type]


def recipe_of(domain: str, data: Path, work: Path) -> Recipe:
    """The domain's recipe in a working folder, which begins with the shipped networks where it has none."""
    start_from(get_model_spec(domain), work)
    words = [domain, "--data", str(data), "--work", str(work), "-o", str(work / "model"), "--device", "cpu"]
    return Recipe(recipe_parser().parse_args(words))


def hold_out(recipe: Recipe, folder: Path, scale: Scale) -> HeldOut:
    """What variants are measured on: the test split."""
    domain = recipe.domain
    test, train_images = load_images(recipe.data, domain, "test"), recipe.images
    file = folder / "held_out.pickle"
    if not file.exists():
        parts = recipe.autoencoder(sharp=False), recipe.encoder(), recipe.statistics()
        file.write_bytes(pickle.dumps(cache_images(test, *parts, copies=1, seed=0)))
    cached: list[CachedImage] = pickle.loads(file.read_bytes())
    encoder, judge = load_patch_encoder(get_model_spec(domain).folder), load_features(f"judge-{domain}")
    return HeldOut.of(test, train_images, cached, encoder, judge, cells=scale.cells, patches=scale.patches)


def table(found: dict[str, Figures]) -> str:
    """Markdown, a row a variant."""
    head = ("variant", "steps", "parameters", "error", "similarity", "Fréchet ratio", "core-seconds a megapixel")
    rows = [
        (
            VARIANTS[name].says, f"{f['steps']:.0f}", f"{f['parameters_m']:.1f} M", f"{f['loss']:.3f}",
            f"{f['similarity']:.3f} ({f['similarity_low']:.3f} to {f['similarity_high']:.3f})",
            f"{f['frechet_ratio']:.1f} ({f['frechet_low']:.1f} to {f['frechet_high']:.1f})", f"{f['core_seconds']:.1f}",
        )
        for name, f in found.items()
    ]  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The options that all ablations share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain", choices=sorted(CROP_LAT))
    parser.add_argument("--work", type=Path, required=True, help="working folder of ssldiff train")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with splits.csv")
    parser.add_argument("--minutes", type=float, help=f"of processor time for each training ({FULL.minutes:g})")
    parser.add_argument("--only", help="variants, with commas between; all")
    parser.add_argument("--quick", action="store_true", help="seconds of training, and hardly any images")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one flat JSON object")
    return parser


def main() -> None:
    """Train and measure the variants asked for."""
    parser = make_parser(__doc__)
    parser.add_argument("--step", metavar="SIDE,CROPS", help="latents along a crop and crops at a step; the recipe's")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(VARIANTS)
    if unknown := [name for name in names if name not in VARIANTS]:
        parser.error(f"no variant is called {unknown[0]}; there are {', '.join(VARIANTS)}")
    scale = QUICK if arguments.quick else FULL
    minutes, domain = arguments.minutes or scale.minutes, arguments.domain
    crop_lat, batch = (int(part) for part in arguments.step.split(",")) if arguments.step else CROP_LAT[domain]
    kept = f"{minutes:g}-{crop_lat}x{batch}" if arguments.step else f"{minutes:g}"
    work = arguments.work / "ablations" / kept
    work.mkdir(parents=True, exist_ok=True)
    recipe = recipe_of(domain, arguments.data, arguments.work)
    shipped, held_out, cached = load_model(domain), hold_out(recipe, work.parent, scale), recipe.cached()
    found: dict[str, Figures] = {}
    for name in names:
        folder = work / name
        file = folder / "figures.json"
        if not file.exists():
            print(f"{domain}: {name}", flush=True)
            trained = train(
                VARIANTS[name], cached, folder, minutes=minutes, crop_lat=crop_lat, batch=batch,
                shift=NOISE_SHIFT[domain], reference_m=REFERENCE_M[domain],
            )  # fmt: skip
            figures = measure(VARIANTS[name], trained, shipped, held_out, folder, scale, CROP_LAT[domain][0])
            file.write_text(json.dumps(figures, indent=1) + "\n")
        found[name] = json.loads(file.read_text())
        print(table(found), flush=True)
    flat = {f"{name}_{key}": value for name, figures in found.items() for key, value in figures.items()}
    report({"minutes": minutes, **flat}, arguments.json, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
