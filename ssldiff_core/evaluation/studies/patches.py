"""The patch study: do synthetic variations improve a classifier of patches over standard augmentation?

Arms: real images, synthetic ones alone, and both; and both with those variations alone whose label a probe on the
round's own real images confirms. A round's synthetic images are those whose every parent is one of its training images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...embeddings.encoder import load_patch_encoder
from ...errors import SettingsError
from ...models.catalogue import get_model_spec
from ...settings import Settings
from ..augment.chunk import Filter, Job
from ..augment.dataset import Dataset, Sample
from ..augment.manifest import Row, read_rows
from ..augment.run import WORK, run_job
from ..augment.sources import read_sources
from ..augment.variations import Variation, plan_variations
from ..features import encoder_folder
from .features import Picture, fitter, image_features
from .sets import Protocol, Round

ARMS = ("real", "synthetic", "real + synthetic", "real + confirmed")
VIEWS_REAL, VIEWS_SYNTHETIC = 4, 2

Features = NDArray[np.float32]

Told = Callable[[str, int, int], None]
"""Progress: what is done, how many, of how many."""


@dataclass(frozen=True)
class Score:
    """One run.

    Args:
        classifier: ``linear probe`` or ``small CNN``.
        arm: one of :data:`ARMS`.
        round: name of the round.
        amount, seed: of the round.
        accuracy: balanced, on the round's test images.
        real, synthetic, test: images.
    """

    classifier: str
    arm: str
    round: str
    amount: float
    seed: int
    accuracy: float
    real: int
    synthetic: int
    test: int


@dataclass(frozen=True, eq=False)
class StudySet:
    """All pictures of a study: n real ones, in the order of the samples, then the synthetic ones.

    Args:
        protocol: of the set.
        dataset: its samples.
        pictures: real, then synthetic.
        rounds: draws of training images.
        kinds: of each synthetic picture, with its amount.
    """

    protocol: Protocol
    dataset: Dataset
    pictures: tuple[Picture, ...]
    rounds: tuple[Round, ...]
    kinds: tuple[str, ...] = ()
    classes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", self.dataset.classes)

    @property
    def real(self) -> int:
        """How many are real."""
        return len(self.dataset.samples)

    def labels(self) -> NDArray[np.int64]:
        """(pictures,) int, index of the class."""
        return np.array([self.classes.index(picture.label) for picture in self.pictures])

    def children(self, one: Round) -> NDArray[np.int64]:
        """Indices of the synthetic pictures whose every parent trains in a round."""
        train = set(one.train)
        synthetic = range(self.real, len(self.pictures))
        return np.array([i for i in synthetic if train.issuperset(self.pictures[i].parents)], dtype=np.int64)


def draw_synthetic(
    protocol: Protocol, dataset: Dataset, rounds: Sequence[Round], out: Path, settings: Settings, *, workers: int = 1,
    told: Told = lambda *_: None,
) -> list[Row]:  # fmt: skip
    """Variations of the images that train in a round, as the protocol says; goes on where it was stopped.

    Images of the smallest rounds come first, so that these can be studied while the rest is drawn.
    """
    spec = get_model_spec(protocol.model_id)
    encoder = load_patch_encoder(spec.encoder_id, patch_px=spec.cell_px)
    (out / WORK).mkdir(parents=True, exist_ok=True)
    sources = read_sources(
        dataset.of_split("train"), spec, encoder, pixel_size_m=protocol.pixel_size_m,
        memory=out / WORK / "sources.npz", progress=lambda done, total: told("reading", done, total),
    )  # fmt: skip
    recipe = protocol.recipe()
    every = plan_variations(sources.samples, recipe, partners(sources.samples, dataset, rounds))
    plan = _in_order_of_need(every, sources.samples, dataset, rounds)
    job = Job(out, sources, plan, recipe, spec.id, settings, Filter())
    for progress in run_job(job, workers=workers):
        told("drawing", progress.done, progress.total)
    return read_rows(out)


def partners(samples: Sequence[Sample], dataset: Dataset, rounds: Sequence[Round]) -> Mapping[int, Sequence[int]]:
    """For each sample the others that may be blended with it: those that train beside it in the smallest rounds that it
    trains in. A partner from the whole set would rarely be there where a round has few images.
    """
    place = {sample.name: number for number, sample in enumerate(samples)}
    smallest: dict[int, float] = {}
    for one in rounds:
        for index in one.train:
            smallest[index] = min(one.amount, smallest.get(index, one.amount))
    found: dict[int, set[int]] = defaultdict(set)
    for one in rounds:
        beside = [place[name] for name in (dataset.samples[i].name for i in one.train) if name in place]
        for index in one.train:
            own = place.get(dataset.samples[index].name)
            if own is not None and one.amount == smallest[index]:
                found[own].update(beside)
    return {own: sorted(others) for own, others in found.items()}


def _in_order_of_need(
    plan: Sequence[Variation], samples: Sequence[Sample], dataset: Dataset, rounds: Sequence[Round]
) -> tuple[Variation, ...]:
    """The variations of images that train in a round, those of the smallest amount first."""
    first: dict[str, float] = {}
    for one in rounds:
        for index in one.train:
            name = dataset.samples[index].name
            first[name] = min(one.amount, first.get(name, one.amount))
    needed = [variation for variation in plan if samples[variation.source].name in first]
    return tuple(sorted(needed, key=lambda v: (first[samples[v.source].name], v.slot, v.source)))


def make_set(
    protocol: Protocol, dataset: Dataset, rows: Sequence[Row], folder: Path, rounds: Sequence[Round]
) -> StudySet:
    """Real and synthetic pictures of a set.

    Raises:
        SettingsError: where a variation has a parent that is not in the set's training split.
    """
    index = {sample.name: number for number, sample in enumerate(dataset.samples)}
    pictures = [
        Picture(dataset.root / sample.path, sample.sha256, sample.label, sample.group, (number,))
        for number, sample in enumerate(dataset.samples)
    ]
    kept = [row for row in rows if row.is_kept]
    for row in kept:
        names = [name for name in (row.source, row.partner) if name]
        parents = tuple(index[name] for name in names if name in index)
        if len(parents) < len(names) or any(dataset.samples[parent].split != "train" for parent in parents):
            raise SettingsError(
                f"study {protocol.name} with the variations in {folder}",
                f"{row.file} has a parent that does not train",
                "only variations of the training split may be used",
            )  # fmt: skip
        pictures.append(Picture(folder / row.file, row.sha256, row.label, row.group, parents))
    return StudySet(protocol, dataset, tuple(pictures), tuple(rounds), tuple(row.kind_text for row in kept))


def study_features(
    study: StudySet, out: Path, name: str | None = None, told: Told = lambda *_: None
) -> tuple[Features, Features]:  # fmt: skip
    """Features of the real pictures (n, views, dim) and of the synthetic ones (m, views, dim).

    Args:
        study: pictures and rounds.
        out: folder that remembers them.
        name: of a patch encoder or judge; None takes the encoder that conditions the set's model.
        told: progress.

    Raises:
        ModelError: where there is none of that name.
    """
    spec = get_model_spec(study.protocol.model_id)
    encoder = load_patch_encoder(encoder_folder(name or spec.encoder_id), patch_px=spec.cell_px)
    marked = f"-{encoder.id}" if name else ""
    fit_size = fitter(study.protocol.pixel_size_m, spec.pixel_sizes_m, spec.cell_px, spec.id)

    def features_of(which: str, pictures: Sequence[Picture], views: int) -> Features:
        def progress(done: int, total: int) -> None:
            told(f"features, {which}", done, total)

        return image_features(pictures, encoder, fit_size, views, out / f"features{marked}-{which}.npz", progress)

    real = _spread(study, features_of)
    if study.real == len(study.pictures):
        return real, np.zeros((0, VIEWS_SYNTHETIC, real.shape[2]), np.float32)
    return real, features_of("synthetic", study.pictures[study.real :], VIEWS_SYNTHETIC)


def _spread(study: StudySet, features_of: Callable[[str, Sequence[Picture], int], Features]) -> Features:
    """Features of the real pictures: all views of those that train, the first alone of those that only test."""
    trains = {index for one in study.rounds for index in one.train}
    tests = {index for one in study.rounds for index in one.test} - trains
    parts = {}
    for name, chosen, views in (("training", sorted(trains), VIEWS_REAL), ("test", sorted(tests), 1)):
        if chosen:
            parts[name] = chosen, features_of(name, [study.pictures[i] for i in chosen], views)
    dim = next(iter(parts.values()))[1].shape[2]
    spread = np.zeros((study.real, VIEWS_REAL, dim), np.float32)
    for chosen, found in parts.values():
        spread[chosen] = found  # one view stands for all where only the first is asked for
    return spread
