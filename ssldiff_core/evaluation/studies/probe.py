"""The linear probe: regularised least squares on ±1 targets, each class of equal weight.

Its solution is a few matrix products, so that regularisation, and how much a synthetic image counts beside a real one,
are chosen by cross-validation on the training images in every single run: parts are cut by source, so that no
variation or view of a validating image trains, and only real images validate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Relative to the mean variance of a feature."""

SYNTHETIC_WEIGHTS = (0.05, 0.25, 1.0)
"""How much a synthetic image may count beside a real one; the least is nearly nothing, where they do not help."""

FOLDS = 3
FALLBACK = (1e-2, 1.0)
"""Penalty and weight where there is too little to choose by: one source in a class."""


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Rows to train on.

    Args:
        features: (n, dim).
        labels: (n,) int, index of the class.
        sources: (n,) int: rows of one source are never torn apart. A row of two sources carries the first.
        others: (n,) int: the second source, -1 for none.
        real: (n,) bool.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    sources: NDArray[np.int64]
    others: NDArray[np.int64]
    real: NDArray[np.bool_]


def fit_probe(train: TrainingSet, classes: int) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Weights (dim + 1, classes), the last row the offset, and the penalty and synthetic weight that were chosen."""
    chosen = _choose(train, classes)
    return _solve(train, np.ones(len(train.labels), bool), classes, *chosen), chosen


def accuracy(weights: NDArray[np.float64], features: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Mean over the classes that are there of the share that is told right (balanced accuracy)."""
    found = predict(weights, features)
    return float(np.mean([np.mean(found[labels == label] == label) for label in np.unique(labels)]))


def predict(weights: NDArray[np.float64], features: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n,) int."""
    return np.asarray((features @ weights[:-1] + weights[-1]).argmax(axis=1))


def _choose(train: TrainingSet, classes: int) -> tuple[float, float]:
    weights: Sequence[float] = SYNTHETIC_WEIGHTS if (~train.real).any() and train.real.any() else (1.0,)
    # where nothing is real, variations validate: their sources are cut apart all the same
    judges = train.real if train.real.any() else np.ones(len(train.real), bool)
    part = _parts(train)
    if part is None:
        return FALLBACK
    scores = {}
    for weight in weights:
        for penalty in PENALTIES:
            hits = []
            for fold in range(FOLDS):
                away = (part[train.sources] == fold) | ((train.others >= 0) & (part[train.others] == fold))
                held = judges & (part[train.sources] == fold)
                if not held.any() or not (~away).any():
                    continue
                found = predict(_solve(train, ~away, classes, penalty, weight), train.features[held])
                hits.append(float(np.mean(found == train.labels[held])))
            scores[penalty, weight] = float(np.mean(hits)) if hits else 0.0
    return max(scores, key=lambda key: (scores[key], key[0]))


def _parts(train: TrainingSet) -> NDArray[np.int64] | None:
    """The fold of each source, evenly within each class; None where a class has one source alone."""
    part = np.zeros(int(max(train.sources.max(), train.others.max())) + 1, dtype=np.int64)
    for label in np.unique(train.labels):
        own = np.unique(train.sources[train.labels == label])
        if len(own) < 2:
            return None
        part[np.random.default_rng(0).permutation(own)] = np.arange(len(own)) % FOLDS
    return part


def _solve(
    train: TrainingSet, use: NDArray[np.bool_], classes: int, penalty: float, synthetic: float
) -> NDArray[np.float64]:
    features = train.features[use].astype(np.float64)
    labels, real = train.labels[use], train.real[use]
    weight = np.where(real, 1.0, synthetic)
    mass = np.bincount(labels, weights=weight, minlength=classes)
    weight = weight / mass[labels]
    weight /= weight.sum()
    mean = weight @ features
    centred = features - mean
    targets = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0)
    offset = weight @ targets
    covariance = (centred * weight[:, None]).T @ centred
    ridge = penalty * max(np.trace(covariance) / len(covariance), 1e-12)
    solved = np.linalg.solve(
        covariance + ridge * np.eye(len(covariance)), (centred * weight[:, None]).T @ (targets - offset)
    )
    return np.concatenate([solved, (offset - mean @ solved)[None]])
