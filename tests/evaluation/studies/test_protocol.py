"""Laws of draws, intervals and the linear probe: nothing leaks, and nothing is torn apart."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.errors import SettingsError
from ssldiff_core.evaluation.augment.dataset import Dataset, Sample
from ssldiff_core.evaluation.augment.variations import Recipe, plan_variations
from ssldiff_core.evaluation.studies.features import change_view
from ssldiff_core.evaluation.studies.intervals import apart, over_groups, over_seeds
from ssldiff_core.evaluation.studies.patches import partners
from ssldiff_core.evaluation.studies.probe import SYNTHETIC_WEIGHTS, TrainingSet, _parts, accuracy, fit_probe
from ssldiff_core.evaluation.studies.sets import PROTOCOLS, distinct_rounds, make_rounds, seen_tests, validation_set

SAMPLES = [
    Sample(f"{label}/{i}.png", label, f"patient{i % 4}", "test" if i >= 20 else "train", f"{label}{i}")
    for label in ("a", "b")
    for i in range(30)
]


def test_shares_are_nested_hold_every_class_and_never_test_on_what_trains():
    rounds = make_rounds(PROTOCOLS["uc_merced"], SAMPLES, 3)
    for one in rounds:
        assert not set(one.train) & set(one.test)
        assert {SAMPLES[i].label for i in one.train} == {"a", "b"}
        assert {SAMPLES[i].split for i in one.train} == {"train"}
    for seed in range(3):
        own = [set(one.train) for one in rounds if one.seed == seed]
        assert all(small <= large for small, large in pairwise(own))
    assert set(rounds[0].train) != set(rounds[1].train)


def test_a_share_of_all_images_is_one_draw_however_many_seeds():
    rounds = make_rounds(PROTOCOLS["uc_merced"], SAMPLES, 3, (0.5, 1.0))
    kept = distinct_rounds(rounds)
    assert [one for one in kept if one.amount == 1.0] == [rounds[3]]
    assert {one.train for one in kept} == {one.train for one in rounds}
    assert len({one.train for one in kept}) == len(kept)


def test_variations_are_chosen_on_training_images_alone():
    whole = Dataset(Path("set"), tuple(SAMPLES))
    chosen = validation_set(whole, "uc_merced")
    assert {sample.path for sample in chosen.samples} == {s.path for s in SAMPLES if s.split == "train"}
    counts = {split: sum(sample.split == split for sample in chosen.samples) for split in ("train", "test")}
    assert counts == {"train": 24, "test": 16}  # 40 % of each class of 20 test
    for one in make_rounds(PROTOCOLS["uc_merced"], chosen.samples, 2):
        assert {chosen.samples[i].split for i in one.test} == {"test"}
    with pytest.raises(SettingsError, match="every image of it tests"):
        validation_set(Dataset(Path("set"), tuple(replace(s, split="train") for s in SAMPLES)), "crc_he")


def test_images_are_blended_with_those_that_train_beside_them_in_the_smallest_round():
    dataset = Dataset(Path("set"), tuple(SAMPLES))
    rounds = make_rounds(PROTOCOLS["uc_merced"], SAMPLES, 3, (0.1, 0.5))
    train = [sample for sample in SAMPLES if sample.split == "train"]
    plan = plan_variations(train, Recipe(6, (("blend", 1),)), partners(train, dataset, rounds))
    blends = [v for v in plan if v.kind == "blend"]
    assert blends
    for one in rounds:
        own = {SAMPLES[i].name for i in one.train}
        here = [v for v in blends if {train[v.source].name, train[v.partner].name} <= own]
        assert here, "every round has blends whose parents both train in it"
    small = [{SAMPLES[i].name for i in one.train} for one in rounds if one.amount == 0.1]
    large = [{SAMPLES[i].name for i in one.train} for one in rounds if one.amount == 0.5]
    for v in blends:
        pair = {train[v.source].name, train[v.partner].name}
        in_small = any(train[v.source].name in names for names in small)
        assert any(pair <= names for names in (small if in_small else large))
        assert train[v.source].label == train[v.partner].label


def test_shots_take_so_many_of_each_class_and_test_on_the_rest():
    trainable = [replace(sample, split="train") for sample in SAMPLES]
    for one in make_rounds(PROTOCOLS["crc_he"], trainable, 2):
        assert len(one.train) == 2 * one.amount
        assert sorted([*one.train, *one.test]) == list(range(60))


def test_leaving_one_out_never_trains_on_the_group_it_tests():
    rounds = make_rounds(PROTOCOLS["osteosarcoma"], SAMPLES, 1)
    assert len(rounds) == 4
    for one in rounds:
        assert len({SAMPLES[i].group for i in one.test}) == 1
        assert not {SAMPLES[i].group for i in one.test} & {SAMPLES[i].group for i in one.train}


def test_a_test_image_that_the_model_was_trained_on_is_found():
    rounds = make_rounds(PROTOCOLS["uc_merced"], SAMPLES, 1)
    assert seen_tests(rounds, SAMPLES, frozenset({"a3"})) == {}
    assert seen_tests(rounds, SAMPLES, frozenset({"a25"})) == {one.name: 1 for one in rounds}


def test_an_interval_over_seeds_is_that_of_student_and_one_seed_has_none():
    found = over_seeds(np.array([1.0, 2.0, 3.0]))
    assert found.value == 2.0
    assert found.high == pytest.approx(2.0 + 4.302653 / np.sqrt(3), abs=1e-5)
    assert over_seeds(np.array([1.0])).low is None


def test_an_interval_over_groups_is_wider_than_over_items_that_only_repeat():
    values = np.repeat([0.0, 1.0, 0.0, 1.0], 50)
    torn = over_groups(values, np.arange(200))
    whole = over_groups(values, np.repeat(np.arange(4), 50))
    assert whole.high - whole.low > 3 * (torn.high - torn.low)
    assert over_groups(values, np.zeros(200)).low is None
    assert apart(over_seeds(np.array([0.1, 0.11])), over_seeds(np.array([0.9, 0.91])))


def test_view_0_is_the_image_and_a_view_is_always_the_same():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert change_view(pixels, 0, "x") is pixels
    np.testing.assert_array_equal(change_view(pixels, 2, "x"), change_view(pixels, 2, "x"))
    assert sorted(change_view(pixels, 2, "x").shape[:2]) == [40, 60]
    assert not np.array_equal(change_view(pixels, 2, "x"), change_view(pixels, 2, "y"))


def make_training(features, labels, sources, real=None, others=None):
    real = np.ones(len(labels), bool) if real is None else real
    others = np.full(len(labels), -1) if others is None else others
    return TrainingSet(features.astype(np.float32), labels, np.asarray(sources), others, real)


def test_the_probe_tells_classes_that_lie_apart_and_only_those():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    features = generator.normal(size=(60, 8)) + 4.0 * np.eye(8)[labels]
    weights, _ = fit_probe(make_training(features, labels, np.arange(60)), 3)
    assert accuracy(weights, features.astype(np.float32), labels) > 0.95
    noise = generator.normal(size=(600, 8)).astype(np.float32)
    assert abs(accuracy(weights, noise, np.tile([0, 1, 2], 200)) - 1 / 3) < 0.1


def test_rows_of_one_source_validate_together_and_a_lone_source_leaves_nothing_to_choose_by():
    labels = np.repeat([0, 1], 12)
    part = _parts(make_training(np.zeros((24, 2)), labels, np.repeat(np.arange(8), 3)))
    assert part is not None
    assert {len(set(part[4 * label : 4 * label + 4])) for label in (0, 1)} == {3}
    lone = make_training(np.zeros((4, 2)), np.array([0, 0, 1, 1]), [0, 0, 1, 1])
    assert _parts(lone) is None


def test_misleading_synthetic_rows_are_given_less_weight():
    generator = np.random.default_rng(1)
    labels = np.tile([0, 1], 30)
    real = generator.normal(size=(60, 4)) + 3.0 * np.eye(4)[labels]
    wrong = generator.normal(size=(60, 4)) + 3.0 * np.eye(4)[1 - labels]
    train = make_training(
        np.concatenate([real, wrong]), np.tile(labels, 2), np.tile(np.arange(60), 2), np.repeat([True, False], 60)
    )
    weights, (_, weight) = fit_probe(train, 2)
    assert weight == min(SYNTHETIC_WEIGHTS)
    assert accuracy(weights, real.astype(np.float32), labels) > 0.9
