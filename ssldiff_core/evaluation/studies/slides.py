"""The slide study: do synthetic large images help a classifier of bags where few real ones have labels?

Arms: few real large images; the same and synthetic ones drawn from their varied grids; many real ones. The last says
what more labels would have brought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...embeddings.archive import read_archive, write_archive
from ...errors import GridError
from ...layouts.chance import draw_normal
from ...layouts.directions import turn
from ...settings import Settings
from ..augment.drawing import Canvas, draw_canvases
from ..augment.recipes import grid_of
from ..augment.sources import embed_canvases
from ..augment.variations import chance
from ..similarity import cosine
from .composed import Bag
from .mil import MODELS, MilTraining, area_under_curve, bag_scores, train_bags

if TYPE_CHECKING:
    from ...embeddings.encoder import PatchEncoder
    from ...models.catalogue import Model

FEW, BOTH, MANY = "real, few", "real, few + synthetic", "real, many"
ARMS = (FEW, BOTH, MANY)
JITTER_DEG = 15.0

_KIND = "ssldiff synthetic bag"

Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SlideScore:
    """One run.

    Args:
        model: ``CLAM-SB`` or ``DSMIL``.
        arm: one of :data:`ARMS`.
        seed: of the draw of the few, and of the training.
        auc: on the test bags.
        train, synthetic, test: bags.
    """

    model: str
    arm: str
    seed: int
    auc: float
    train: int
    synthetic: int
    test: int


@dataclass(frozen=True, eq=False)
class SyntheticBag:
    """A synthetic large image as a bag.

    Args:
        bag: embeddings read back from what was drawn.
        parent: index of the real bag whose grid was varied.
        fidelity: mean cosine between the embeddings asked for and read back.
    """

    bag: Bag
    parent: int
    fidelity: float


def draw_bags(
    bags: Sequence[Bag], parents: Sequence[int], model: Model, encoder: PatchEncoder, out: Path, settings: Settings, *,
    per_bag: int, pixel_size_m: float, seed: int = 0, told: Told = lambda *_: None,
) -> list[SyntheticBag]:  # fmt: skip
    """Vary the grids of real bags, draw them, and embed what was drawn; what lies in ``out`` already is read.

    Every cell of a grid is turned by 15° at random, and the seed is new.

    Args:
        bags: real.
        parents: indices of those that are varied.
        per_bag: synthetic ones of each.
        pixel_size_m: of the canvas.
    """
    out.mkdir(parents=True, exist_ok=True)
    made: list[SyntheticBag] = []
    jobs = [(parent, slot) for slot in range(per_bag) for parent in parents]
    for done, (parent, slot) in enumerate(jobs, start=1):
        real, file = bags[parent], _file(out, bags[parent], slot)
        if not file.is_file():
            _draw_bag(real, chance(seed, real.name, slot, "bag"), model, encoder, file, settings, pixel_size_m)
        header, arrays = read_archive(file, _KIND, 1, GridError)
        bag = Bag(arrays["vectors"], real.label, real.group, f"{real.name}-s{slot}", real.sources)
        made.append(SyntheticBag(bag, parent, float(header["fidelity"])))
        told("drawing large images", done, len(jobs))
    return made


def _draw_bag(
    real: Bag, seed: int, model: Model, encoder: PatchEncoder, file: Path, settings: Settings, pixel_size_m: float
) -> None:
    """Draw one large image, and keep what is read back from it."""
    spec = model.spec
    vectors = _turned(real.vectors, seed)
    grid = grid_of(vectors, pixel_size_m, spec.encoder_id, spec.cell_px, spec.latent_factor)
    (image,) = draw_canvases([Canvas(grid, seed)], model, settings)
    (read,) = embed_canvases([image], encoder)
    read = np.where(grid.valid[..., None], read, np.float32(0))
    fidelity = float(cosine(vectors, read)[grid.valid].mean())
    write_archive(file, _KIND, 1, {"fidelity": fidelity, "parent": real.name}, {"vectors": read})


def _turned(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    rows, cols, dim = vectors.shape
    row, col = (part.ravel() for part in np.indices((rows, cols)))
    noise = draw_normal(seed, row, col, dim)
    return turn(vectors.reshape(-1, dim), noise, np.deg2rad(JITTER_DEG)).reshape(rows, cols, dim)


def _file(out: Path, bag: Bag, slot: int) -> Path:
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in bag.name)
    return out / f"{name}-s{slot:02d}.npz"


def choose_few(bags: Sequence[Bag], few: int, seed: int) -> list[int]:
    """``few`` bags of each class (all, where a class has fewer), by the seed."""
    generator = np.random.default_rng(seed)
    chosen: list[int] = []
    for label in sorted({bag.label for bag in bags}):
        own = [i for i, bag in enumerate(bags) if bag.label == label]
        chosen += generator.permutation(own)[:few].tolist()
    return sorted(chosen)


def slide_scores(
    train: Sequence[Bag], test: Sequence[Bag], synthetic: Sequence[SyntheticBag], *, few: int, seeds: int,
    training: MilTraining | None = None, told: Told = lambda *_: None,
) -> Iterator[SlideScore]:  # fmt: skip
    """Both models in every arm and seed; synthetic bags count where their parent is one of the few."""
    classes = max(bag.label for bag in (*train, *test)) + 1
    labels = np.array([bag.label for bag in test])
    for seed in range(seeds):
        chosen = choose_few(train, few, seed)
        children = [one.bag for one in synthetic if one.parent in set(chosen)]
        arms = {
            FEW: ([train[i] for i in chosen], 0),
            BOTH: ([*(train[i] for i in chosen), *children], len(children)),
            MANY: (list(train), 0),
        }
        for name in MODELS:
            for arm, (bags, made) in arms.items():
                if arm == BOTH and not children:
                    continue
                network = train_bags(
                    name, [bag.cells() for bag in bags], [bag.label for bag in bags], classes, seed, training
                )
                scores = bag_scores(network, [bag.cells() for bag in test])
                yield SlideScore(name, arm, seed, area_under_curve(scores, labels), len(bags) - made, made, len(test))
        told("training on bags", seed + 1, seeds)
