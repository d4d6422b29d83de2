"""Laws of the plan and of sizes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from ssldiff_core.errors import GridError, SettingsError
from ssldiff_core.evaluation.augment.dataset import Sample
from ssldiff_core.evaluation.augment.fitting import fit_image
from ssldiff_core.evaluation.augment.variations import Recipe, parse_mix, plan_variations

SAMPLES = [Sample(f"{label}/{i}.png", label, f"{label}{i}") for label, n in (("a", 4), ("b", 1)) for i in range(n)]


def counts(recipe: Recipe) -> Counter[str]:
    return Counter(SAMPLES[variation.source].label for variation in plan_variations(SAMPLES, recipe))


def test_each_image_has_its_number_and_a_class_is_filled_up_to_its_target():
    assert counts(Recipe(3)) == {"a": 12, "b": 3}
    assert counts(Recipe(0, balance=True)) == {"b": 3}
    assert counts(Recipe(1, targets={"b": 7})) == {"a": 4, "b": 6}


def test_a_plan_for_fewer_is_the_beginning_of_a_plan_for_more():
    few, many = plan_variations(SAMPLES, Recipe(2)), plan_variations(SAMPLES, Recipe(5))
    assert many[: len(few)] == few
    assert len({variation.name for variation in many}) == len(many)


def test_blends_stay_inside_a_class_and_an_image_that_is_alone_is_not_blended():
    plan = plan_variations(SAMPLES, Recipe(4, mix=(("blend", 1),)))
    for variation in plan:
        if SAMPLES[variation.source].label == "b":
            assert (variation.kind, variation.partner) == ("jitter", -1)
        else:
            assert variation.partner != variation.source
            assert SAMPLES[variation.partner].label == "a"
            assert 0 < variation.amount <= 0.5


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ({"mix": (("turn", 1),)}, "Kinds are"),
        ({"strengths": (0.0,)}, "above 0"),
        ({"blend": 0.8}, "0.5"),
        ({"per_image": -1}, "below 0"),
    ],
)
def test_a_recipe_out_of_range_is_refused(recipe, told):
    with pytest.raises(SettingsError, match=told):
        Recipe(**recipe)


def test_targets_name_classes_that_are_there_and_never_take_away():
    for targets in ({"c": 3}, {"a": 2}):
        with pytest.raises(SettingsError):
            plan_variations(SAMPLES, Recipe(0, targets=targets))
    with pytest.raises(SettingsError, match="whole number"):
        parse_mix("same=half")


@pytest.mark.parametrize("size", [(256, 256), (224, 224), (64, 64), (250, 258), (40, 300), (1024, 700)])
def test_an_image_of_any_size_becomes_whole_cells_and_comes_back_at_its_size(size):
    fit = fit_image(size, 0.5e-6, (0.5e-6, 1e-6), 128, "m")
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    canvas = fit.to_canvas(pixels)
    assert canvas.shape[:2] == (fit.shape_cell[0] * 128, fit.shape_cell[1] * 128)
    assert fit.from_canvas(canvas).shape == pixels.shape
    if fit.scaled_px == size:
        np.testing.assert_array_equal(fit.from_canvas(canvas), pixels)


def test_an_image_of_another_pixel_size_is_resampled_to_the_nearest_trained_one_and_a_far_one_refused():
    assert fit_image((512, 512), 0.4e-6, (0.5e-6, 1e-6), 128, "m").scaled_px == (410, 410)
    with pytest.raises(GridError, match="nearest"):
        fit_image((512, 512), 10.0, (0.5e-6, 1e-6), 128, "m")
