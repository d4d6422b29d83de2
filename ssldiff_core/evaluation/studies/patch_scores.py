"""What the arms of the patch study score: a linear probe on embeddings, and a small network from nothing.

``confirmed`` variations are those whose label a probe on the embeddings of the round's own real images finds likeliest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..augment.fitting import resized
from .cnn import SIDE_PX, Training, predict_labels, train_network
from .features import read_picture
from .patches import ARMS, Features, Score, StudySet, Told
from .probe import TrainingSet, accuracy, fit_probe, predict
from .sets import Round, distinct_rounds

CNN_AMOUNTS = (0.1, 1.0)
PROBE, NETWORK = "linear probe", "small CNN"


def probe_scores(study: StudySet, real: Features, synthetic: Features, told: Told = lambda *_: None) -> Iterator[Score]:
    """The linear probe in every arm and round; it has no chance of its own, so equal rounds count once.

    Args:
        study: pictures and rounds.
        real, synthetic: their features (n, views, dim).
        told: progress.
    """
    labels = study.labels()
    rounds = distinct_rounds(study.rounds)
    for number, one in enumerate(rounds, start=1):
        train, test = np.array(one.train), np.array(one.test)
        for arm, chosen in _arms(study, one, real, synthetic):
            use = train[:0] if arm == "synthetic" else train
            if len(np.unique(labels[np.concatenate([use, chosen])])) < 2:
                continue
            weights, _ = fit_probe(_training_set(study, real, synthetic, use, chosen, labels), len(study.classes))
            found = accuracy(weights, real[test, 0], labels[test])
            yield Score(PROBE, arm, one.name, one.amount, one.seed, found, len(use), len(chosen), len(test))
        told(PROBE, number, len(rounds))


def cnn_scores(
    study: StudySet, real: Features, synthetic: Features, training: Training, amounts: Sequence[float] = CNN_AMOUNTS,
    told: Told = lambda *_: None,
) -> Iterator[Score]:  # fmt: skip
    """The small network in every arm, at some of the amounts; features only confirm labels.

    Args:
        study: pictures and rounds.
        real, synthetic: their features (n, views, dim).
        training: how long.
        amounts: of the rounds that are run.
        told: progress.
    """
    pixels = np.stack([resized(read_picture(picture), (SIDE_PX, SIDE_PX)) for picture in study.pictures])
    labels = study.labels()
    rounds = [one for one in study.rounds if one.amount in amounts]
    for number, one in enumerate(rounds, start=1):
        train, test = np.array(one.train), np.array(one.test)
        for arm, chosen in _arms(study, one, real, synthetic):
            use = train[:0] if arm == "synthetic" else train
            network = train_network(
                pixels[use], labels[use], pixels[chosen], labels[chosen], len(study.classes), one.seed, training
            )
            hits = predict_labels(network, pixels[test]) == labels[test]
            found = float(np.mean([hits[labels[test] == label].mean() for label in np.unique(labels[test])]))
            yield Score(NETWORK, arm, one.name, one.amount, one.seed, found, len(use), len(chosen), len(test))
        told(NETWORK, number, len(rounds))


def _arms(study: StudySet, one: Round, real: Features, synthetic: Features) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The arms of a round, and the synthetic pictures of each; an arm that lacks its pictures is left out."""
    children = study.children(one)
    yield ARMS[0], children[:0]
    if not len(children):
        return
    yield ARMS[1], children
    yield ARMS[2], children
    confirmed = _confirmed(study, one, children, real, synthetic)
    if len(confirmed):
        yield ARMS[3], confirmed


def _confirmed(
    study: StudySet, one: Round, children: NDArray[np.int64], real: Features, synthetic: Features
) -> NDArray[np.int64]:
    """The children whose label a probe on the round's real images finds; none where these have one class alone."""
    labels, train = study.labels(), np.array(one.train)
    if len(np.unique(labels[train])) < 2:
        return children[:0]
    judge, _ = fit_probe(real_training_set(study, real, train), len(study.classes))
    right: NDArray[np.bool_] = predict(judge, synthetic[children - study.real, 0]) == labels[children]
    return np.asarray(children[right])


def real_training_set(study: StudySet, real: Features, train: NDArray[np.int64]) -> TrainingSet:
    """All views of real pictures alone.

    Args:
        study: pictures.
        real: features (n, views, dim) of the real ones.
        train: (k,) indices of those that train.
    """
    return _training_set(study, real, real[:0], train, train[:0], study.labels())


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
