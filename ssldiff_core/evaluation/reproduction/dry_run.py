"""The protocols of the paper's tables at about a hundredth of their size, on a shipped model and its demo scene.

A dry run shows that each step works on this machine, from grids to the table. Its figures mean nothing: a handful of
patches, few steps, and the demo scene, which is synthetic itself, in the place of real images.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...assets import assets_path
from ...embeddings.grid import EmbeddingGrid
from ...export import write_image
from ...generate import generate
from ...models.catalogue import Model, load_model
from ...provenance import Manifest
from ...settings import Settings
from ..evaluate import Request, evaluate
from ..report import Measurement
from .cost import count_cost

CELLS = 2
IMAGES = 3
WARNING = "A dry run: a hundredth of the protocol, with a synthetic scene in the place of real images. Not comparable."


@dataclass(frozen=True)
class Trial:
    """What the dry runs share: blocks of the demo scene's grid, and what a model drew of them in two steps.

    Args:
        model: a shipped one.
        grids: blocks of 2 × 2 cells.
        large: folder of what was drawn, with manifests.
        scene: the demo scene's file.
        seconds: of the last image.
    """

    model: Model
    grids: tuple[EmbeddingGrid, ...]
    large: Path
    scene: Path
    seconds: float


def prepare(model_id: str, folder: Path, steps: int = 2) -> Trial:
    """Draw the blocks.

    Raises:
        SSLDiffError: where the model or its demo scene is not here.
    """
    scene = assets_path("scenes") / f"{model_id}-demo.tif"
    whole = Manifest.load(scene.with_name(f"{scene.name}.manifest.json")).grid
    model = load_model(model_id)
    grids = []
    seconds = 0.0
    (folder / "large").mkdir(parents=True, exist_ok=True)
    for index in range(IMAGES):
        block = (slice(0, CELLS), slice(index * CELLS, (index + 1) * CELLS))
        geometry = whole.geometry.with_shape(CELLS, CELLS)
        grid = EmbeddingGrid(whole.vectors[block], whole.valid[block], geometry, model.spec.encoder_id)
        *_, last = generate(grid, Settings(seed=index, steps=steps), model=model, preview_px=16)
        assert last.result is not None, "the last step carries the result"
        write_image(
            folder / "large" / f"{index}.png",
            last.result.image,
            last.result.manifest,
            pixel_size_m=geometry.pixel_size_m,
        )
        grids.append(grid)
        seconds = sum(last.result.seconds.values())
    return Trial(model, tuple(grids), folder / "large", scene, seconds)


def dry_run(table: str, model_id: str, folder: Path) -> dict[str, Measurement]:
    """Figures of a table's protocol, under names of their own, at a hundredth of its size.

    Args:
        table: its id.
        model_id: a shipped model.
        folder: for what is drawn.
    """
    if table == "cost":
        return count_cost()
    trial = prepare(model_id, folder)
    if table in ("quality", "peers"):
        figures = dict(_quality(trial))
        return figures | ({"dry_seconds_256": Measurement(trial.seconds, n=1)} if table == "peers" else {})
    return _patches(trial) if table == "patches" else _slides(trial)


def _quality(trial: Trial) -> dict[str, Measurement]:
    request = Request(trial.large, trial.scene, (trial.model.spec.encoder_id,), draws=0, whole_images=False)
    return {f"dry_{name}": figure for name, figure in evaluate(request).figures.items()}


def _embeddings(trial: Trial) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of the grids' cells, as the real ones, and read back from what was drawn of them: (n, dim) each."""
    from ..results import find_manifests, score_results

    scores = score_results(find_manifests(trial.large), [])
    dim = trial.grids[0].dim
    real = np.concatenate([grid.vectors.reshape(-1, dim) for grid in trial.grids])
    return real, np.concatenate([score.embeddings.reshape(-1, dim) for score in scores]).astype(np.float32)


def _patches(trial: Trial) -> dict[str, Measurement]:
    """A linear probe on real cells, drawn ones, and both; tried on the real ones. Classes are the two sides of their
    first principal direction.
    """
    from ..studies.probe import TrainingSet, accuracy, fit_probe

    real, drawn = _embeddings(trial)
    centred = real - real.mean(axis=0)
    labels = (centred @ np.linalg.svd(centred, full_matrices=False)[2][0] > 0).astype(np.int64)
    sources = np.arange(len(real))
    figures = {}
    for name, kinds in (("real", (True,)), ("synthetic", (False,)), ("both", (True, False))):
        features = np.concatenate([real if kind else drawn for kind in kinds])
        train = TrainingSet(
            features, np.tile(labels, len(kinds)), np.tile(sources, len(kinds)), np.full(len(features), -1),
            np.repeat(kinds, len(real)),
        )  # fmt: skip
        weights, _ = fit_probe(train, 2)
        figures[f"dry_{name}"] = Measurement(accuracy(weights, real, labels), n=len(real))
    return figures


def _slides(trial: Trial) -> dict[str, Measurement]:
    """CLAM-SB and DSMIL on bags of real and drawn cells: whether a bag is turned about is its class."""
    from ..studies.mil import MODELS, MilTraining, area_under_curve, bag_scores, train_bags

    real, drawn = (part.reshape(len(trial.grids), -1, part.shape[1]) for part in _embeddings(trial))
    labels = [0] * len(real) + [1] * len(real)
    figures = {}
    for name in MODELS:
        for arm, bags in (("real", [*real, *-real]), ("both", [*real, *-real, *drawn, *-drawn])):
            network = train_bags(name, bags, labels * (len(bags) // len(labels)), 2, 0, MilTraining(epochs=2))
            found = area_under_curve(bag_scores(network, [*real, *-real]), np.array(labels))
            figures[f"dry_{name}_{arm}".lower()] = Measurement(found, n=len(labels))
    return figures
