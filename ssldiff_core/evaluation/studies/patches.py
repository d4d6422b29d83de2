"""The patch study: do synthetic variations improve a classifier of patches over standard augmentation?

Arms: real images, synthetic ones alone, and both; and both with those variations alone whose label a probe on the
round's own real images confirms. A round's synthetic images are those whose every parent is one of its training images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from ..augment.fitting import resized
from ..augment.manifest import Row, read_rows
from ..augment.run import WORK, run_job
from ..augment.sources import read_sources
from ..augment.variations import Recipe, Variation, plan_variations
from .cnn import SIDE_PX, Training, predict_labels, train_network
from .features import Picture, fitter, image_features, read_picture
from .probe import TrainingSet, accuracy, fit_probe, predict
from .sets import Protocol, Round

ARMS = ("real", "synthetic", "real + synthetic", "real + confirmed")
VIEWS_REAL, VIEWS_SYNTHETIC = 4, 2
CNN_AMOUNTS = (0.1, 1.0)

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
    """

    protocol: Protocol
    dataset: Dataset
    pictures: tuple[Picture, ...]
    rounds: tuple[Round, ...]
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
    protocol: Protocol, dataset: Dataset, rounds: Sequence[Round], out: Path, *, steps: int, workers: int = 1,
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
    recipe = Recipe(protocol.per_image, protocol.mix, protocol.strengths)
    plan = _in_order_of_need(plan_variations(sources.samples, recipe), sources.samples, dataset, rounds)
    job = Job(out, sources, plan, recipe, spec.id, Settings(steps=steps, device="cpu"), Filter())
    for progress in run_job(job, workers=workers):
        told("drawing", progress.done, progress.total)
    return read_rows(out)


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
    for row in rows:
        if not row.is_kept:
            continue
        names = [name for name in (row.source, row.partner) if name]
        parents = tuple(index[name] for name in names if name in index)
        if len(parents) < len(names) or any(dataset.samples[parent].split != "train" for parent in parents):
            raise SettingsError(
                f"study {protocol.name} with the variations in {folder}",
                f"{row.file} has a parent that does not train",
                "only variations of the training split may be used",
            )  # fmt: skip
        pictures.append(Picture(folder / row.file, row.sha256, row.label, row.group, parents))
    return StudySet(protocol, dataset, tuple(pictures), tuple(rounds))


def study_features(study: StudySet, out: Path, told: Told = lambda *_: None) -> tuple[Features, Features]:
    """Features of the real pictures (n, views, dim) and of the synthetic ones (m, views, dim)."""
    spec = get_model_spec(study.protocol.model_id)
    encoder = load_patch_encoder(spec.encoder_id, patch_px=spec.cell_px)
    fit_size = fitter(study.protocol.pixel_size_m, spec.pixel_sizes_m, spec.cell_px, spec.id)

    def features_of(name: str, pictures: Sequence[Picture], views: int) -> Features:
        def progress(done: int, total: int) -> None:
            told(f"features, {name}", done, total)

        return image_features(pictures, encoder, fit_size, views, out / f"features-{name}.npz", progress)

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


def probe_scores(
    study: StudySet, real: NDArray[np.float32], synthetic: NDArray[np.float32], told: Told = lambda *_: None
) -> Iterator[Score]:
    """The linear probe in every arm and round."""
    labels = study.labels()
    for number, one in enumerate(study.rounds, start=1):
        train, test = np.array(one.train), np.array(one.test)
        children = study.children(one)
        weights: dict[str, NDArray[np.float64]] = {}
        for arm in ARMS:
            chosen = _children_of(arm, children, weights.get("real"), synthetic, study.real, labels)
            use = np.zeros(0, np.int64) if arm == "synthetic" else train
            if arm != "real" and not len(chosen):
                continue
            if len(np.unique(labels[np.concatenate([use, chosen])])) < 2:
                continue
            weights[arm], _ = fit_probe(_training_set(study, real, synthetic, use, chosen, labels), len(study.classes))
            found = accuracy(weights[arm], real[test, 0], labels[test])
            yield Score("linear probe", arm, one.name, one.amount, one.seed, found, len(use), len(chosen), len(test))
        told("linear probe", number, len(study.rounds))


def _children_of(
    arm: str, children: NDArray[np.int64], judge: NDArray[np.float64] | None, synthetic: NDArray[np.float32], real: int,
    labels: NDArray[np.int64],
) -> NDArray[np.int64]:  # fmt: skip
    """The synthetic pictures of an arm; for ``confirmed`` those that the probe on the round's real images confirms."""
    if arm == "real":
        return children[:0]
    if arm != "real + confirmed" or judge is None or not len(children):
        return children
    confirmed: NDArray[np.bool_] = predict(judge, synthetic[children - real, 0]) == labels[children]
    return np.asarray(children[confirmed])


def _training_set(
    study: StudySet, real: NDArray[np.float32], synthetic: NDArray[np.float32], use: NDArray[np.int64],
    chosen: NDArray[np.int64], labels: NDArray[np.int64],
) -> TrainingSet:  # fmt: skip
    """All views of the pictures of an arm."""
    rows, index, is_real = [], [], []
    for numbers, features, offset, flag in ((use, real, 0, True), (chosen, synthetic, study.real, False)):
        if len(numbers):
            views = features.shape[1]
            rows.append(features[numbers - offset].reshape(len(numbers) * views, -1))
            index.append(np.repeat(numbers, views))
            is_real.append(np.full(len(numbers) * views, flag))
    which = np.concatenate(index)
    parents = [study.pictures[i].parents for i in which]
    return TrainingSet(
        np.concatenate(rows), labels[which], np.array([p[0] for p in parents]),
        np.array([p[1] if len(p) > 1 else -1 for p in parents]), np.concatenate(is_real),
    )  # fmt: skip


def cnn_scores(
    study: StudySet, training: Training, amounts: Sequence[float] = CNN_AMOUNTS, told: Told = lambda *_: None
) -> Iterator[Score]:
    """The small network in the first three arms, at some of the amounts."""
    pixels = np.stack([resized(read_picture(picture), (SIDE_PX, SIDE_PX)) for picture in study.pictures])
    labels = study.labels()
    rounds = [one for one in study.rounds if one.amount in amounts]
    for number, one in enumerate(rounds, start=1):
        train, test, children = np.array(one.train), np.array(one.test), study.children(one)
        for arm in ARMS[:3]:
            use = train if arm != "synthetic" else train[:0]
            chosen = children if arm != "real" else children[:0]
            if arm != "real" and not len(children):
                continue
            network = train_network(
                pixels[use], labels[use], pixels[chosen], labels[chosen], len(study.classes), one.seed, training
            )
            hits = predict_labels(network, pixels[test]) == labels[test]
            found = float(np.mean([hits[labels[test] == label].mean() for label in np.unique(labels[test])]))
            yield Score("small CNN", arm, one.name, one.amount, one.seed, found, len(use), len(chosen), len(test))
        told("small CNN", number, len(rounds))
