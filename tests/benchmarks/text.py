"""Text to image: classes, places, proportions, diversity, distances and time.

    python -m tests.benchmarks.text [--quick] [--json FILE] [--data DATA] [--model ID] [--judge FOLDER]
        [--steps N | --fast] [--only shares,classes,places,seconds] [--text-guidance SCALE]

Prompts are phrased as no caption of the training was. Images are 256 px (classes) and 512 px (places), drawn in few
steps to save time; ``image_steps`` says how many. The class judge is a logistic regression on the features of
``--judge`` (a patch encoder's folder; the model's own by default, and then not independent), trained on real training
images of UC Merced, for ``tissue`` of the osteosarcoma set (crops of 256 px; its one test patient has two of the
three labels, so that is a description and no bar).
Aerial training images are two cells wide, so layouts of 4 × 4 cells follow composed scenes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ssldiff_core.embeddings.encoder import PatchEncoder, load_patch_encoder
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.evaluation.frechet import frechet_distance
from ssldiff_core.geometry import GridGeometry
from ssldiff_core.layouts import Palette
from ssldiff_core.models.catalogue import Model, get_model_spec, load_model
from ssldiff_core.models.prior import PRIOR_FOLDER, read_prior_spec
from ssldiff_core.settings import Settings
from ssldiff_core.training.captions import PLACES_AS_SUBJECTS, POSITIONS
from ssldiff_core.training.concepts import CONCEPTS
from ssldiff_core.training.data import TrainingImage, iterate_images
from ssldiff_core.training.real_grids import cut_patches, fit_cells

from .report import report
from .text_prompts import PLACE_FORMS, PLACES, ClassPrompt, PlacePrompt, class_prompts, place_prompts, share_prompts

DOMAIN = "aerial"
LABELLED = {"aerial": ("uc_merced", 0.3), "tissue": ("osteosarcoma", 1e-6)}
"""By model, the set whose labels are asked for, and the pixel size it is taken at."""
CROPS = 4
"""Of 256 px, at most, from an image that is larger."""
PARTS = ("shares", "classes", "places", "seconds")


class Bench:
    """The model, its judge and the prior, loaded once."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.spec = get_model_spec(arguments.model)
        self.model: Model = load_model(arguments.model)
        self.palette = Palette.load(self.spec.folder / "palette.npz")
        self.encoder: PatchEncoder = load_patch_encoder(self.spec.folder)
        self.judge = load_patch_encoder(arguments.judge) if arguments.judge else self.encoder
        self.settings = Settings(student=True) if arguments.fast else Settings(steps=arguments.steps)
        self.data, self.text_guidance = arguments.data, arguments.text_guidance
        self.concepts = CONCEPTS[arguments.model]
        self.pixel_size_m = read_prior_spec(self.spec.folder / PRIOR_FOLDER).default_pixel_size_m

    def propose(self, text: str, cells: int, seed: int) -> EmbeddingGrid:
        from ssldiff_core.text_to_grid import TextRequest, propose_grids

        request = TextRequest(text, self.spec.id, (cells * 128, cells * 128), seed=seed,
                              guidance_scale=self.text_guidance)  # fmt: skip
        return propose_grids(request).grids[0]

    def draw(self, grid: EmbeddingGrid, seed: int) -> NDArray[np.uint8]:
        from ssldiff_core.generate import generate

        *_, last = generate(grid, replace(self.settings, seed=seed), model=self.model, preview_px=16)
        assert last.result is not None
        return last.result.image

    def real_grid(self, pixels: NDArray[np.uint8]) -> EmbeddingGrid:
        patches = cut_patches(pixels, 128)
        rows, cols = patches.shape[:2]
        vectors = self.encoder.encode(patches.reshape(-1, 128, 128, 3)).reshape(rows, cols, -1)
        geometry = GridGeometry((rows, cols), self.pixel_size_m)
        return EmbeddingGrid(vectors, np.ones((rows, cols), bool), geometry, self.encoder.id)

    def features(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(4, dim) of the quarters of a 256-px image."""
        return self.judge.encode(cut_patches(image, 128).reshape(-1, 128, 128, 3))


def pooled(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean and deviation over the quarters: (n, 4, dim) -> (n, 2 dim)."""
    return np.concatenate([features.mean(axis=1), features.std(axis=1)], axis=1)


def read_real(bench: Bench, split: str, most: int) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """256-px images of the labelled set and their labels, a random choice of ``most`` (0: all)."""
    name, size = LABELLED[bench.spec.id]
    images = [image for image in iterate_images(bench.data, bench.spec.id, split)
              if name in image.path and image.pixel_size_m == size]  # fmt: skip
    generator = np.random.default_rng(0)
    order = generator.permutation(len(images))
    every = [pair for i in order for pair in _crops(images[i], generator)]
    fitted = [pair for pair in every if pair[0].shape[:2] == (256, 256)][: most or None]  # a few are narrower
    return [pixels for pixels, _ in fitted], [label for _, label in fitted]


def _crops(image: TrainingImage, generator: np.random.Generator) -> list[tuple[NDArray[np.uint8], str]]:
    """The image, fitted to cells, or random 256-px squares of a larger one that do not overlap."""
    pixels = fit_cells(image.pixels)
    rows, cols = (side // 256 for side in pixels.shape[:2])
    if rows * cols <= 1:
        return [(pixels[:256, :256], image.label)]
    places = [divmod(int(i), cols) for i in generator.permutation(rows * cols)[:CROPS]]
    return [(pixels[row * 256 :, col * 256 :][:256, :256], image.label) for row, col in places]


def measure_classes(bench: Bench, prompts: list[ClassPrompt], quick: bool) -> dict[str, float]:
    """Accuracy of the judge on real, redrawn and generated images, and distances at equal N."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train, train_labels = read_real(bench, "train", 480 if quick else 0)
    test, test_labels = read_real(bench, "test", len(prompts))
    real, held = (np.stack([bench.features(image) for image in images]) for images in (train, test))
    scaler = StandardScaler().fit(pooled(real))
    judge = LogisticRegression(C=0.1, max_iter=2000).fit(scaler.transform(pooled(real)), train_labels)
    grids = [bench.propose(prompt.text, 2, seed) for seed, prompt in enumerate(prompts)]
    drawn = np.stack([bench.features(bench.draw(grid, seed)) for seed, grid in enumerate(grids)])
    real_grids = [bench.real_grid(image) for image in test]
    redrawn = np.stack([bench.features(bench.draw(grid, seed)) for seed, grid in enumerate(real_grids)])
    accuracy = {
        name: float(judge.score(scaler.transform(pooled(features)), labels))
        for name, features, labels in (
            ("real", held, test_labels), ("redrawn", redrawn, test_labels), ("text", drawn, [p.label for p in prompts])
        )
    }  # fmt: skip
    count = min(len(drawn), len(redrawn))
    flat = real.reshape(-1, real.shape[-1])
    distances = [frechet_distance(part[:count].reshape(-1, flat.shape[1]), flat) for part in (drawn, redrawn)]
    sampled, kept = (
        np.concatenate([g.vectors.reshape(-1, g.dim) for g in some[:count]]) for some in (grids, real_grids)
    )
    reference = np.concatenate([bench.real_grid(image).vectors.reshape(-1, sampled.shape[1]) for image in train[:480]])
    return {
        "class_accuracy_real": accuracy["real"], "class_accuracy_redrawn": accuracy["redrawn"],
        "class_accuracy_text": accuracy["text"], "class_accuracy_ratio": accuracy["text"] / accuracy["real"],
        "image_distance_text": distances[0], "image_distance_real_grids": distances[1],
        "image_distance_ratio": distances[0] / distances[1], "grid_distance_text": frechet_distance(sampled, reference),
        "grid_distance_real": frechet_distance(kept, reference), "diversity_ratio": _diversity(grids, real_grids,
        [p.label for p in prompts], test_labels), "class_prompts": float(len(prompts)), "real_images": float(len(test)),
    }  # fmt: skip


def _diversity(
    grids: list[EmbeddingGrid], real: list[EmbeddingGrid], labels: list[str], real_labels: list[str]
) -> float:
    """Mean distance between grids of one class over seeds, beside that of real grids of one class."""

    def spread(some: list[EmbeddingGrid], names: list[str]) -> float:
        found = []
        for name in sorted(set(names)):
            means = [g.vectors.mean(axis=(0, 1)) for g, label in zip(some, names, strict=True) if label == name]
            pairs = [np.linalg.norm(a - b) for i, a in enumerate(means) for b in means[:i]]
            found += [float(np.mean(pairs))] if pairs else []
        return float(np.mean(found))

    return spread(grids, labels) / spread(real, real_labels)


def named_cells(bench: Bench, grid: EmbeddingGrid, swatches: tuple[str, ...]) -> NDArray[np.bool_]:
    """(rows, cols) bool: cells whose nearest swatch is one of these."""
    names = np.array(bench.palette.names, dtype=object)
    near = bench.palette.nearest(grid.vectors.reshape(-1, grid.dim)).reshape(grid.shape_cell)
    return np.isin(names[near], swatches)


def obeys(cells: NDArray[np.bool_], place: NDArray[np.bool_]) -> bool:
    """At least half of the place is of the concept, and a smaller share of the rest."""
    return bool(cells[place].mean() >= 0.5 and cells[place].mean() > cells[~place].mean())


def measure_places(bench: Bench, prompts: list[PlacePrompt]) -> dict[str, float]:
    """Share of positional phrases obeyed in the sampled grids and in the images drawn from them, read back."""
    in_grid, in_image = [], []
    for seed, prompt in enumerate(prompts):
        grid = bench.propose(prompt.text, 4, 1000 + seed)
        back = bench.real_grid(bench.draw(grid, seed))
        for place, swatches in prompt.parts:
            in_grid.append(obeys(named_cells(bench, grid, swatches), PLACES[place](4)))
            in_image.append(obeys(named_cells(bench, back, swatches), PLACES[place](4)))
    return {
        "position_obeyed": float(np.mean(in_image)), "position_obeyed_in_grid": float(np.mean(in_grid)),
        "place_prompts": float(len(prompts)), "place_phrases": float(len(in_image)),
    }  # fmt: skip


def measure_shares(bench: Bench) -> dict[str, float]:
    """Mean absolute difference between the share asked for and the share of cells found in the grid (6 × 6 cells)."""
    errors = []
    for seed, (text, swatches, share) in enumerate(share_prompts(bench.concepts)):
        grid = bench.propose(text, 6, 2000 + seed)
        errors.append(abs(float(named_cells(bench, grid, swatches).mean()) - share))
    return {"share_error": float(np.mean(errors)), "share_prompts": float(len(errors))}


def measure_seconds(bench: Bench) -> dict[str, float]:
    """From sentence to picture at 1024 px and the default 20 steps (by the student where it is asked for), models
    loaded; and the layout alone.
    """
    start, worked = time.perf_counter(), time.process_time()
    first, second, third = (concept.words[0] for concept in [c for c in bench.concepts if c.swatches][:3])
    grid = bench.propose(f"{first} on the left, {second} through the middle, {third} on the right", 8, 0)
    layout = time.perf_counter() - start
    from ssldiff_core.generate import generate

    *_, last = generate(grid, bench.settings if bench.settings.student else Settings(), model=bench.model)
    assert last.result is not None
    return {"seconds_1024": time.perf_counter() - start, "seconds_layout_1024": layout,
            "processor_seconds_1024": time.process_time() - worked}  # fmt: skip


def main() -> None:
    """Run all parts and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer prompts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one flat JSON object")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default=DOMAIN)
    parser.add_argument("--judge", type=Path, help="folder of a patch encoder that judges")
    parser.add_argument("--steps", type=int, default=8, help="denoising steps of the images (8)")
    parser.add_argument("--fast", action="store_true", help="draw by the model's student, in its own steps")
    parser.add_argument("--only", default=",".join(PARTS), help="some of the parts, by commas")
    parser.add_argument("--text-guidance", type=float, help="how closely the prior follows the text (its own)")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there are no parts {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    bench = Bench(arguments)
    few, many = (2, 7) if arguments.model == DOMAIN else (4, 21)
    classes = class_prompts(few if arguments.quick else many, bench.concepts)
    places = place_prompts(16 if arguments.quick else 96, concepts=bench.concepts)
    said = {text for table in (POSITIONS, PLACES_AS_SUBJECTS) for texts in table.values() for text in texts}
    asked = {form.replace("{}", "").strip() for forms in PLACE_FORMS.values() for form in forms}
    assert not said & asked, "a place is phrased as in training"
    figures: dict[str, float | str] = {
        "judge": bench.judge.id,
        "image_steps": float(bench.settings.steps),
        "image_by": "student" if bench.settings.student else "model",
        "model": bench.spec.id,
    }
    if "shares" in parts:
        figures |= measure_shares(bench)
    if "classes" in parts:
        figures |= measure_classes(bench, classes, arguments.quick)
    if "places" in parts:
        figures |= measure_places(bench, places)
    if "seconds" in parts:
        figures |= measure_seconds(bench)
    report(figures, arguments.json, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
