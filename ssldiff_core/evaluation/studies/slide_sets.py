"""Where the slide study's bags come from: composed large images, tiles of the tree's data, or a table of slides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...embeddings.embed import embed_scene
from ...errors import SettingsError
from ...geometry import format_length
from ...scenes import open_scene
from ..augment.dataset import Dataset, Sample, read_dataset
from ..augment.fitting import fit_image
from ..augment.sources import read_sources
from .composed import Bag, Composition, compose_bags

if TYPE_CHECKING:
    from ...embeddings.encoder import PatchEncoder
    from ...models.spec import ModelSpec

NAMES = ("composed", "osteosarcoma")
MODEL_OF = {"composed": "aerial", "osteosarcoma": "tissue"}
SIZE_OF = {"composed": 0.3, "osteosarcoma": 1e-6}

COMPOSITION = Composition(
    (6, 6), 1 / 9, ("sparseresidential", "mediumresidential", "intersection", "parkinglot"),
    ("tenniscourt", "storagetanks"),
)  # fmt: skip
"""Streets and houses with one place among nine, 256 px wide, that is a tennis court or a storage tank."""

TRAIN_BAGS, TEST_BAGS = 60, 60

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class SlideSet:
    """Bags of a study.

    Args:
        name: of the set.
        classes: in the order of the labels.
        train, test: bags.
        pixel_size_m: of their canvases.
        note: for people.
    """

    name: str
    classes: tuple[str, ...]
    train: tuple[Bag, ...]
    test: tuple[Bag, ...]
    pixel_size_m: float
    note: str

    def __post_init__(self) -> None:
        for part, bags in (("train", self.train), ("test", self.test)):
            found = {bag.label for bag in bags}
            if len(found) < 2:
                raise SettingsError(
                    f"study the slides of {self.name}", f"its {part} split has {len(found)} classes",
                    "a classifier is told apart by two classes or more, in both splits",
                )  # fmt: skip


def load_slides(
    name: str, data: Path | None, spec: ModelSpec, encoder: PatchEncoder, memory: Path, *,
    pixel_size_m: float | None = None, seed: int = 0, told: Told = lambda *_: None,
) -> SlideSet:  # fmt: skip
    """The bags of ``composed``, ``osteosarcoma``, or a table of slides.

    Args:
        name: one of these, or the path of a ``.csv`` with the columns path, label, group and split (``train`` and
            ``test``), and region and pixel_size where there are.
        data: folder with the sets and ``splits.csv``, for the first two.
        memory: folder that remembers embeddings.
        pixel_size_m: at which slides of a table are read; by default the model's finest.

    Raises:
        SettingsError: where there is no such set, or it lacks a split or a class.
    """
    if name not in NAMES:
        return _read_table(Path(name), spec, encoder, pixel_size_m, told)
    if data is None:
        raise SettingsError(f"study the slides of {name}", "nothing says where its images lie", "", "Give --data")
    folder = "aerial/uc_merced" if name == "composed" else "histology/osteosarcoma"
    dataset = read_dataset(data / folder, splits=data / "splits.csv")
    if name == "composed":
        return _composed(dataset, spec, encoder, memory, seed, told)
    return _tiles(dataset, spec, encoder, memory, told)


def _embedded(
    dataset: Dataset, spec: ModelSpec, encoder: PatchEncoder, memory: Path, size_m: float, told: Told
) -> tuple[tuple[Sample, ...], tuple[np.ndarray, ...]]:
    sources = read_sources(
        dataset, spec, encoder, pixel_size_m=size_m, memory=memory,
        progress=lambda done, total: told("reading", done, total),
    )  # fmt: skip
    return sources.samples, sources.vectors


def _composed(
    dataset: Dataset, spec: ModelSpec, encoder: PatchEncoder, memory: Path, seed: int, told: Told
) -> SlideSet:
    parts = []
    wanted = {*COMPOSITION.background, *COMPOSITION.positive}
    for number, (split, count) in enumerate((("train", TRAIN_BAGS), ("test", TEST_BAGS))):
        own = dataset.of_split(split)
        chosen = Dataset(own.root, tuple(sample for sample in own.samples if sample.label in wanted))
        found = _embedded(chosen, spec, encoder, memory / f"composed-{split}.npz", SIZE_OF["composed"], told)
        parts.append(compose_bags(*found, COMPOSITION, count, seed + number, split))
    note = f"6 × 6 cells of {', '.join(COMPOSITION.background)}; 4 of 36 cells give the label. Train and test are "
    note += "composed of the training and the test images of uc_merced"
    return SlideSet(
        "composed", COMPOSITION.positive, tuple(parts[0]), tuple(parts[1]), SIZE_OF["composed"], note
    )  # fmt: skip


def _tiles(dataset: Dataset, spec: ModelSpec, encoder: PatchEncoder, memory: Path, told: Told) -> SlideSet:
    classes = ("non_tumor", "viable_tumor")
    chosen = Dataset(dataset.root, tuple(sample for sample in dataset.samples if sample.label in classes))
    samples, vectors = _embedded(chosen, spec, encoder, memory / "osteosarcoma.npz", SIZE_OF["osteosarcoma"], told)
    bags = [
        (sample.split, Bag(found, classes.index(sample.label), sample.group, sample.name, (sample.name,)))
        for sample, found in zip(samples, vectors, strict=True)
    ]
    train, test = (tuple(bag for split, bag in bags if split == wanted) for wanted in ("train", "test"))
    note = "tiles of 1024 px as slides, tested on one patient that nothing was trained on: a smoke run, no finding"
    return SlideSet("osteosarcoma", classes, train, test, SIZE_OF["osteosarcoma"], note)


def _read_table(
    table: Path, spec: ModelSpec, encoder: PatchEncoder, pixel_size_m: float | None, told: Told
) -> SlideSet:
    dataset = read_dataset(table)
    size_m = pixel_size_m or spec.pixel_sizes_m[0]
    fit_image((spec.cell_px, spec.cell_px), size_m, spec.pixel_sizes_m, spec.cell_px, spec.id)
    classes = dataset.classes
    bags: dict[str, list[Bag]] = {"train": [], "test": []}
    for number, sample in enumerate(dataset.samples, start=1):
        if sample.split in bags:
            vectors = _embed_slide(dataset.root, sample, encoder, size_m, spec.latent_factor)
            bags[sample.split].append(
                Bag(vectors, classes.index(sample.label), sample.group, sample.name, (sample.name,))
            )
        told("reading slides", number, len(dataset.samples))
    note = f"{len(dataset.samples)} slides, read at {format_length(size_m)}"
    return SlideSet(table.name, classes, tuple(bags["train"]), tuple(bags["test"]), size_m, note)


def _embed_slide(root: Path, sample: Sample, encoder: PatchEncoder, size_m: float, latent_factor: int) -> np.ndarray:
    with open_scene(root / sample.path, pixel_size_m=sample.pixel_size_m) as scene:
        *_, last = embed_scene(
            scene, encoder, region_l0=sample.region_l0, pixel_size_m=size_m, latent_factor=latent_factor
        )
    assert last.grid is not None, "the last step has the grid"
    return last.grid.vectors
