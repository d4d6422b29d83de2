"""Laws of ``evaluate``: what is skipped is named, figures say their N and features, and results are read back."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.errors import GridError, SceneError, SettingsError
from ssldiff_core.evaluation.evaluate import Request, evaluate
from ssldiff_core.evaluation.features import ColourFeatures, collect
from ssldiff_core.evaluation.results import retrieval
from ssldiff_core.evaluation.samples import Cutting, Patches, Skipped, find_images, iterate_patches, read_patch
from ssldiff_core.geometry import GridGeometry

from .conftest import write_pictures


def request(folder, **changes):
    base = Request(folder / "generated", folder / "real", ("colour",), patch_px=64, draws=10)
    return replace(base, **changes)


def test_every_figure_says_its_n_and_features_and_another_brightness_is_a_distance(pictures):
    report = evaluate(request(pictures))
    frechet = report.figures["patch_frechet_colour"]
    assert frechet.n == (24, 24)
    assert frechet.features == "colour"
    assert frechet.preprocessing
    assert frechet.low <= frechet.value <= frechet.high
    same = evaluate(request(pictures, generated=pictures / "real"))
    assert same.figures["patch_frechet_colour"].value == pytest.approx(0, abs=1e-6)
    assert frechet.value > 1e-3
    assert same.figures["patch_precision_colour"].value == 1


def test_corrupt_images_are_skipped_counted_and_named(pictures):
    (pictures / "generated" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    whole = (pictures / "generated" / "000.png").read_bytes()
    (pictures / "generated" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "generated" / "empty.jpg").write_bytes(b"")
    report = evaluate(request(pictures))
    (warning,) = [w for w in report.warnings if "skipped" in w]
    assert "3 files" in warning
    assert all(name in warning for name in ("broken.png", "cut.png", "empty.jpg"))
    assert report.figures["patch_frechet_colour"].n == (24, 24)


def test_empty_classes_and_classes_of_one_image_are_told(tmp_path):
    for side in ("real", "generated"):
        write_pictures(tmp_path / side / "many", 12)
        write_pictures(tmp_path / side / "one", 1)
        (tmp_path / side / "none").mkdir()
    report = evaluate(request(tmp_path))
    assert any("none is empty" in warning for warning in report.warnings)
    assert any("one have one image" in warning for warning in report.warnings)
    (table,) = [part for part in report.parts if part.title == "By class"]
    rows = {row[0]: row for row in table.rows}
    assert rows["many"][3] == pytest.approx(-0.0, abs=0.1)
    assert math.isnan(rows["one"][3])


def test_features_that_are_not_finite_are_left_out_and_counted(pictures):
    class Sometimes(ColourFeatures):
        def extract(self, patches):
            features = super().extract(patches)
            features[::4] = np.nan
            return features

    files = find_images(pictures / "real").files
    features = collect(iterate_patches(files, Cutting(64), Skipped()), Sometimes(), batch=24)
    assert (features.count, features.dropped) == (18, 6)
    assert np.isfinite(features.kept).all()

    class Never(ColourFeatures):
        def extract(self, patches):
            return np.full((len(patches), 6), np.nan, np.float32)

    with pytest.raises(GridError, match="finite"):
        collect(iterate_patches(files, Cutting(64), Skipped()), Never())


def test_fewer_patches_than_dimensions_is_a_warning_that_says_what_it_does(tmp_path):
    write_pictures(tmp_path / "real", 24)
    write_pictures(tmp_path / "generated", 4)
    (warning,) = [w for w in evaluate(request(tmp_path)).warnings if "below" in w]
    assert "N = 4 is below the 6 dimensions" in warning
    assert "too large" in warning


def test_large_images_become_crops_and_small_ones_are_enlarged(tmp_path):
    write_pictures(tmp_path / "generated", 3, side=200)
    write_pictures(tmp_path / "real", 12, side=40)
    report = evaluate(request(tmp_path))
    assert report.figures["crop_frechet_colour"].n == (12, 27)
    assert any("12 images are smaller" in warning for warning in report.warnings)
    assert evaluate(request(tmp_path, whole_images=True)).figures["image_frechet_colour"].n == (12, 3)


def test_memory_of_a_long_stream_is_bounded_and_its_moments_are_of_all():
    generator = np.random.default_rng(0)
    stream = (
        Patches(i, generator.integers(0, 255, (10, 8, 8, 3)).astype(np.uint8), np.zeros((10, 2), np.int64))
        for i in range(100)
    )
    features = collect(stream, ColourFeatures(), keep=50)
    assert (features.count, len(features.kept), features.images) == (1000, 50, 100)
    assert features.groups.min() < 20
    assert features.groups.max() > 80


def test_a_patch_is_found_again_where_it_was_cut(tmp_path):
    write_pictures(tmp_path, 1, side=200)
    (file,) = find_images(tmp_path).files
    for part in iterate_patches([file], Cutting(64, 40), Skipped()):
        for pixels, corner in zip(part.pixels, part.corners, strict=True):
            assert np.array_equal(read_patch(file, corner, Cutting(64, 40)), pixels)


def test_grids_are_compared_without_pixels(tmp_path):
    generator = np.random.default_rng(0)
    for name, shift in (("a.npz", 0.0), ("b.npz", 1.0)):
        vectors = generator.standard_normal((6, 6, 4)).astype(np.float32) + shift
        EmbeddingGrid(vectors, np.ones((6, 6), bool), GridGeometry((6, 6), 1e-6), "x-1").save(tmp_path / name)
    report = evaluate(Request(tmp_path / "b.npz", tmp_path / "a.npz", draws=0))
    assert report.figures["grid_frechet"].value == pytest.approx(4.0, rel=0.5)
    with pytest.raises(SettingsError, match="--real GRID"):
        evaluate(Request(tmp_path / "b.npz"))


def test_nothing_to_compare_with_and_folders_without_images_are_mistakes(pictures):
    with pytest.raises(SettingsError, match="--real"):
        evaluate(request(pictures, real=None))
    with pytest.raises(SettingsError, match="--features"):
        evaluate(request(pictures, features=()))
    (pictures / "empty").mkdir()
    with pytest.raises(SceneError, match="no image"):
        evaluate(request(pictures, real=pictures / "empty"))


def test_retrieval_counts_those_that_are_nearest_to_themselves():
    asked = np.eye(4)
    found = asked[[0, 1, 3, 2]] + 0.1
    assert retrieval(asked, found) == 0.5


def test_a_training_patch_among_the_generated_is_found_flipped_and_shifted(tmp_path):
    write_pictures(tmp_path / "training", 30, side=128, seed=2)
    write_pictures(tmp_path / "real", 12, side=64, seed=3)
    write_pictures(tmp_path / "generated", 11, side=64, seed=4)
    training = np.asarray(Image.open(tmp_path / "training" / "007.png"))
    copy = np.ascontiguousarray(np.rot90(training[40:104, 20:84])[:, ::-1])
    Image.fromarray(copy).save(tmp_path / "generated" / "copy.png")
    report = evaluate(request(tmp_path, training=tmp_path / "training", memorisation=True))
    assert report.figures["memorisation_suspect_share"].value == pytest.approx(1 / 12)
    assert report.figures["memorisation_suspect_share_held_out"].value == 0
    assert report.figures["memorisation_ratio"].value == pytest.approx(1.0, abs=0.35)
    (pairs,) = [part for part in report.parts if part.title == "The ten closest pairs"]
    left, right = pairs.pictures[0][0][:, :64], pairs.pictures[0][0][:, -64:]
    assert np.abs(left.astype(float).mean((0, 1)) - right.mean((0, 1))).max() < 25
