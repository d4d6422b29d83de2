"""The data sets of the patch study, each with the protocol that its size allows, and the proof that nothing leaks.

A set is a table of samples and a series of rounds; a round says which images train and which test. What the shipped
models were trained on is known by the sha256 of its files, and no test image may be among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import SettingsError
from ...training.data import DOMAINS, read_splits
from ..augment.dataset import Dataset, Sample, read_dataset
from ..augment.variations import Recipe

FRACTIONS = (0.05, 0.1, 0.25, 0.5, 1.0)
SHOTS = (1, 2, 4)
OOD_TRAIN, OOD_TEST = 100, 150
"""Images a class of a large set out of distribution."""

VALIDATING = 0.4
"""Share of the training images that test instead of the test images, where variations are chosen."""


@dataclass(frozen=True)
class Protocol:
    """How a set is studied.

    Args:
        name: of the set.
        folder: below the data.
        model_id: what draws and encodes.
        pixel_size_m: that the model is told.
        rounds: ``fractions``, ``shots`` or ``groups`` (leave one out).
        mix, strengths, jitter_deg, blend: of its variations, as a recipe takes them.
        per_image: variations of each image.
        note: what is done about its size, for people.
    """

    name: str
    folder: str
    model_id: str
    pixel_size_m: float
    rounds: str
    mix: tuple[tuple[str, int], ...]
    strengths: tuple[float, ...] = (0.5,)
    per_image: int = 2
    note: str = ""
    jitter_deg: float = 20.0
    blend: float = 0.5

    def recipe(self) -> Recipe:
        """What is drawn of each training image."""
        return Recipe(self.per_image, self.mix, self.strengths, self.jitter_deg, self.blend)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("uc_merced", "aerial/uc_merced", "aerial", 0.3, "fractions", (("same", 1), ("image", 1))),
        Protocol(
            "osteosarcoma", "histology/osteosarcoma", "tissue", 1e-6, "groups", (("same", 1), ("image", 1)),
            per_image=1, note="four patients, leave one out: descriptive only",
        ),
        Protocol(
            "crc_he", "histology/crc_he", "tissue", 0.5e-6, "shots", (("image", 1),), (0.3, 0.5),
            per_image=4, note="224 px are 1.75 cells: continued by their mirror image to 256 px, and cut back",
        ),
        Protocol(
            "eurosat", "eurosat", "aerial", 0.6, "fractions", (("image", 1),), (0.3, 0.5),
            note="64 px at 10 m are half a cell: enlarged to one cell of 128 px and taken as 0.6 m, the coarsest size "
            f"that the model knows; of each class {OOD_TRAIN} images train and {OOD_TEST} test, by order of sha256",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Round:
    """One draw of training images.

    Args:
        amount: share of the training images, or images a class; 0 for a round that leaves a group out.
        seed: of the draw; for groups its number.
        train, test: indices of samples.
        name: for tables.
    """

    amount: float
    seed: int
    train: tuple[int, ...]
    test: tuple[int, ...]
    name: str


def load_set(protocol: Protocol, data: Path) -> Dataset:
    """The samples of a set, with the split that its protocol binds: ``train`` may be varied, ``test`` never.

    For ``shots`` and ``groups`` every image is ``train``: each round tests on images whose variations it does not use.

    Raises:
        SettingsError: where the data lack it.
    """
    whole = read_dataset(data / protocol.folder, splits=data / "splits.csv")
    if protocol.rounds != "fractions":
        return Dataset(whole.root, tuple(replace(sample, split="train") for sample in whole.samples))
    if {sample.split for sample in whole.samples} >= {"train", "test"}:
        return whole
    return Dataset(whole.root, tuple(_split_by_digest(whole.samples)))


def validation_set(dataset: Dataset, name: str) -> Dataset:
    """The training images of a set alone: of each class the last by sha256 test, the others train.

    What is drawn, and how, is chosen on these, so that no test image has a say in it.

    Raises:
        SettingsError: where the set has no split of its own: every image of it tests in some round.
    """
    if all(sample.split == "train" for sample in dataset.samples):
        raise SettingsError(
            f"choose variations of {name} by its training images", "every image of it tests in some round",
            "a set with a split of its own has images that never test", "Choose them on uc_merced or eurosat",
        )  # fmt: skip
    samples = []
    for label in dataset.classes:
        own = [sample for sample in dataset.samples if sample.label == label and sample.split == "train"]
        own.sort(key=lambda sample: sample.sha256)
        first = len(own) - round(VALIDATING * len(own))
        samples += [replace(sample, split="train" if at < first else "test") for at, sample in enumerate(own)]
    return Dataset(dataset.root, tuple(sorted(samples, key=lambda sample: sample.name)))


def _split_by_digest(samples: Sequence[Sample]) -> Iterator[Sample]:
    """A split of images that have none: of each class the first by sha256 train, the next test."""
    for label in sorted({sample.label for sample in samples}):
        own = sorted((sample for sample in samples if sample.label == label), key=lambda sample: sample.sha256)
        for place, sample in enumerate(own[: OOD_TRAIN + OOD_TEST]):
            yield replace(sample, split="train" if place < OOD_TRAIN else "test")


def make_rounds(
    protocol: Protocol, samples: Sequence[Sample], seeds: int, amounts: Sequence[float] = ()
) -> list[Round]:
    """All rounds of a study; every class is in every training set, in the order of the amounts.

    Args:
        seeds: draws of each amount.
        amounts: shares of the training images, or images a class; those of the protocol where none are given.
    """
    if protocol.rounds == "groups":
        return _leave_one_out(samples)
    members = {
        label: [i for i, s in enumerate(samples) if s.label == label] for label in sorted({s.label for s in samples})
    }
    test = tuple(i for i, sample in enumerate(samples) if sample.split == "test")
    rounds = []
    usual: Sequence[float] = FRACTIONS if protocol.rounds == "fractions" else SHOTS
    for amount in amounts or usual:
        for seed in range(seeds):
            chosen: list[int] = []
            for number, own in enumerate(members.values()):
                trainable = [i for i in own if samples[i].split == "train"]
                order = np.random.default_rng([seed, number]).permutation(trainable)  # larger shares hold the smaller
                count = int(amount) if protocol.rounds == "shots" else max(1, round(amount * len(trainable)))
                chosen += order[:count].tolist()
            rest = test or tuple(i for i in range(len(samples)) if i not in set(chosen))
            name = f"{amount:.0%}" if protocol.rounds == "fractions" else f"{amount:g} a class"
            rounds.append(Round(float(amount), seed, tuple(sorted(chosen)), rest, name))
    return rounds


def distinct_rounds(rounds: Sequence[Round]) -> list[Round]:
    """The rounds, less those that train on the same images as an earlier one: a share of 100 % has one draw.

    What has no chance of its own would only say the same again, with an interval of nothing.
    """
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], Round] = {}
    for one in rounds:
        found.setdefault((one.train, one.test), one)
    return list(found.values())


def _leave_one_out(samples: Sequence[Sample]) -> list[Round]:
    """One round a group: the others train. Images of a class that no other group has do not test."""
    rounds = []
    for number, group in enumerate(sorted({sample.group for sample in samples})):
        train = tuple(i for i, sample in enumerate(samples) if sample.group != group)
        known = {samples[i].label for i in train}
        test = tuple(i for i, sample in enumerate(samples) if sample.group == group and sample.label in known)
        if test and len(known) > 1:
            rounds.append(Round(0.0, number, train, test, f"without {group}"))
    return rounds


def digests_seen(data: Path, model_id: str) -> frozenset[str]:
    """sha256 of every file that the shipped model of this domain may have been trained on.

    Raises:
        SettingsError: where the model is no shipped one: what it was trained on is not known here.
    """
    if model_id not in DOMAINS:
        raise SettingsError(
            f"prove that no test image was seen by {model_id!r}", "its training images are not known here",
            f"they are known of {', '.join(DOMAINS)}",
        )  # fmt: skip
    prefixes = tuple(collection.prefix for collection in DOMAINS[model_id])
    return frozenset(row.sha256 for row in read_splits(data) if row.split == "train" and row.path.startswith(prefixes))


def seen_tests(rounds: Sequence[Round], samples: Sequence[Sample], seen: frozenset[str]) -> dict[str, int]:
    """Rounds (by name) that test on images which encoder or generator were trained on, and how many; empty is the
    proof that none does.
    """
    found: dict[str, int] = {}
    for one in rounds:
        count = sum(samples[i].sha256 in seen for i in one.test)
        if count:
            found[one.name] = max(count, found.get(one.name, 0))
    return found
