"""The split binds: what a recipe sees, and in which proportions."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.errors import SettingsError
from ssldiff_core.training.data import (
    DOMAINS,
    CropSampler,
    TrainingImage,
    digest_of,
    iterate_images,
    load_images,
    read_splits,
    sample_weights,
)


@pytest.fixture
def small_set(tmp_path):
    """Two training images, one for testing, one outside the split, in the layout of the default set."""
    folder = tmp_path / "histology" / "osteosarcoma"
    folder.mkdir(parents=True)
    rows = []
    for index, split in enumerate(["train", "train", "test", "ood"]):
        pixels = np.full((40, 56, 3), 20 * (index + 1), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
        rows.append(
            [f"histology/osteosarcoma/{index}.png", f"case-{index}", "bone", split, digest_of(folder / f"{index}.png")]
        )
    with (tmp_path / "splits.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "group", "label", "split", "sha256"], *rows])
    return tmp_path


def test_only_the_training_split_is_read(small_set):
    images = load_images(small_set, "tissue")
    assert sorted(int(image.pixels[0, 0, 0]) for image in images) == [20, 40]
    assert [int(i.pixels[0, 0, 0]) for i in iterate_images(small_set, "tissue", "test")] == [60]


def test_a_set_without_splits_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"splits\.csv"):
        load_images(tmp_path, "tissue")


def test_an_unknown_domain_is_refused(small_set):
    with pytest.raises(SettingsError, match="aerial"):
        load_images(small_set, "moon")


def test_crops_have_the_asked_size_even_from_smaller_images():
    images = [TrainingImage("a", "a", "", 1e-6, np.zeros((40, 90, 3), np.uint8))]
    assert CropSampler(images, 64, seed=0).sample(5).shape == (5, 64, 64, 3)


def test_crops_are_the_same_for_the_same_seed():
    pixels = np.random.default_rng(0).integers(0, 256, (99, 99, 3), dtype=np.uint8)
    images = [TrainingImage("a", "a", "", 1e-6, pixels)]
    assert np.array_equal(CropSampler(images, 32, 3).sample(4), CropSampler(images, 32, 3).sample(4))


def test_no_pixel_size_drowns_another():
    big = TrainingImage("a", "a", "", 1e-6, np.zeros((400, 400, 3), np.uint8))
    small = TrainingImage("b", "b", "", 0.5e-6, np.zeros((40, 40, 3), np.uint8))
    weights = sample_weights([big] * 9 + [small])
    assert weights.sum() == pytest.approx(1)
    assert weights[-1] == pytest.approx(40 / (40 + 400 * 3))


def test_no_collection_of_the_default_set_touches_test_or_foreign_data(shared_data):
    rows = read_splits(shared_data)
    trained = [
        row
        for row in rows
        for collections in DOMAINS.values()
        for collection in collections
        if row.split == "train" and row.path.startswith(collection.prefix)
    ]
    held_out = [row for row in rows if row.split != "train"]
    assert len(trained) > 2000
    assert not {row.sha256 for row in trained} & {row.sha256 for row in held_out}
    assert not {row.group for row in trained} & {row.group for row in held_out}
    assert not any(row.path.startswith(("histology/crc_he", "eurosat")) for row in trained)
    assert all(digest_of(shared_data / row.path) == row.sha256 for row in trained[::40])
