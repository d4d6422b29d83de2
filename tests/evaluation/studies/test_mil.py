"""Laws of bag classifiers: the order of cells says nothing, and one cell can decide."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core.errors import SettingsError
from ssldiff_core.evaluation.augment.dataset import Sample
from ssldiff_core.evaluation.studies.composed import Composition, compose_bags
from ssldiff_core.evaluation.studies.mil import MODELS, MilTraining, area_under_curve, bag_scores, train_bags
from ssldiff_core.evaluation.studies.slides import BOTH, FEW, SyntheticBag, choose_few, slide_scores


def needle_bags(count: int, seed: int) -> tuple[list[np.ndarray], list[int]]:
    """Bags of noise; those of class 1 hold one cell of a kind of its own."""
    generator = np.random.default_rng(seed)
    bags, labels = [], []
    for number in range(count):
        bag = generator.normal(size=(generator.integers(6, 12), 5)).astype(np.float32)
        if number % 2:
            bag[generator.integers(len(bag))] = [5, 5, 0, 0, 0]
        bags.append(bag)
        labels.append(number % 2)
    return bags, labels


@pytest.mark.parametrize("name", MODELS)
def test_one_cell_among_many_decides_and_their_order_does_not(name):
    bags, labels = needle_bags(24, 0)
    network = train_bags(name, bags, labels, 2, seed=0, training=MilTraining(epochs=15))
    unseen, truth = needle_bags(24, 1)
    scores = bag_scores(network, unseen)
    assert area_under_curve(scores, np.array(truth)) > 0.9
    np.testing.assert_allclose(bag_scores(network, [bag[::-1] for bag in unseen]), scores, atol=1e-5)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-5)


def test_the_area_is_that_of_pairs_and_there_is_none_for_one_class():
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9]])
    assert area_under_curve(scores, np.array([0, 0, 1, 1])) == 0.75
    assert np.isnan(area_under_curve(scores, np.zeros(4, int)))


def test_an_empty_or_broken_bag_is_refused():
    for bag in (np.zeros((0, 3), np.float32), np.full((2, 3), np.nan, np.float32)):
        with pytest.raises(SettingsError, match="bag 1"):
            train_bags("DSMIL", [np.ones((2, 3), np.float32), bag], [0, 1], 2, seed=0)


def test_a_composed_image_holds_its_class_and_no_other_positive_one():
    labels = ("street", "court", "tank")
    samples = [Sample(f"{label}{i}", label, "g") for label in labels for i in range(3)]
    vectors = [np.full((2, 2, 1), labels.index(sample.label) + 1, np.float32) for sample in samples]
    composition = Composition((6, 4), 1 / 6, ("street",), ("court", "tank"))
    bags = compose_bags(samples, vectors, composition, 6, 0, "train")
    assert [bag.label for bag in bags] == [0, 1, 0, 1, 0, 1]
    for bag in bags:
        assert (bag.vectors == bag.label + 2).sum() == 4
        assert set(np.unique(bag.vectors)) == {1, bag.label + 2}


def test_only_children_of_the_few_train_beside_them():
    samples = [Sample(f"{label}{i}", label, "g") for label in ("s", "c", "t") for i in range(2)]
    vectors = [np.random.default_rng(i).normal(size=(1, 1, 4)).astype(np.float32) for i in range(6)]
    bags = compose_bags(samples, vectors, Composition((2, 2), 0.5, ("s",), ("c", "t")), 12, 0, "n")
    few = choose_few(bags, 2, 0)
    outside = next(i for i in range(12) if i not in few)
    synthetic = [SyntheticBag(bags[i], i, 1.0) for i in (few[0], few[1], outside)]
    scores = list(slide_scores(bags, bags, synthetic, few=2, seeds=1, training=MilTraining(epochs=1)))
    assert {(score.arm, score.train, score.synthetic) for score in scores if score.arm in (FEW, BOTH)} == {
        (FEW, 4, 0), (BOTH, 4, 2)
    }  # fmt: skip
