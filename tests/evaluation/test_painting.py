"""Laws of the variance within painted areas."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core.evaluation.features import ColourFeatures
from ssldiff_core.evaluation.painting import real_blocks, variance_figures
from ssldiff_core.layouts import Palette, Swatch


class MeanColour:
    """The smallest patch encoder there is: the patch's mean colour."""

    id, dim, patch_px, pixel_sizes_m, digest = "mean-colour", 3, 128, (1e-6,), "0"

    def encode(self, patches):
        return patches.mean((1, 2)).astype(np.float32)


def test_only_blocks_of_one_swatch_count_and_their_variance_is_that_of_their_cells():
    red, blue = (np.array([[*rgb]], np.float32) for rgb in ((200, 20, 20), (20, 20, 200)))
    palette = Palette((Swatch("red", "#ff0000", red), Swatch("blue", "#0000ff", blue)), "mean-colour", 1e-6)
    cells = np.zeros((2, 8, 3), np.uint8)
    cells[..., 0] = 200
    cells[0, 0, 0] = 160
    cells[0, 2] = (0, 0, 200)  # of the second block, one cell is blue
    image = np.kron(cells, np.ones((128, 128, 1), np.uint8))
    found = real_blocks([image], palette, MeanColour(), ColourFeatures())
    assert list(found) == ["red"]
    assert found["red"] == pytest.approx([np.var([160 / 255, *[200 / 255] * 3], ddof=1), 0.0, 0.0], abs=1e-4)


def test_the_ratio_is_of_means_and_its_interval_holds_it():
    figures = variance_figures(
        {"a": [1.0, 2.0, 3.0], "b": [1.0] * 4, "c": [1.0] * 3}, {"a": [1.0] * 4, "b": [2.0]}, "x"
    )
    assert figures["region_variance_a"].value == pytest.approx(0.5)
    assert figures["region_variance_a"].n == (3, 4)
    assert figures["region_variance"].value == pytest.approx(1.25)
    assert figures["region_variance"].low <= 1.25 <= figures["region_variance"].high
    assert "region_variance_c" not in figures
