"""What is believed of what files say about the size of their pixels."""

from __future__ import annotations

import pytest

from ssldiff_core.scenes.openslide_scene import _pixel_size
from ssldiff_core.scenes.pixel_size import believe_resolution, believe_scanner, pixel_size_from_mark, unit_in_metres


@pytest.mark.parametrize("mpp", [0.0, -0.5, 1e-5, 25.4, 1000.0, float("nan"), float("inf")])
def test_sizes_that_no_scanner_makes_are_reported_and_not_used(mpp: float) -> None:
    warnings: list[str] = []
    assert believe_scanner(mpp * 1e-6, mpp * 1e-6, warnings) is None
    assert "no scanner makes" in warnings[0]
    assert "--scene-pixel-size" in warnings[0]


@pytest.mark.parametrize("mpp", [0.05, 0.25, 0.499, 1.0, 10.0])
def test_sizes_that_scanners_make_are_used(mpp: float) -> None:
    warnings: list[str] = []
    assert believe_scanner(mpp * 1e-6, mpp * 1e-6, warnings) == (mpp * 1e-6, mpp * 1e-6)
    assert warnings == []


@pytest.mark.parametrize("dpi", [1, 72, 96, 300, 600, 1200])
def test_resolutions_for_printing_are_reported_and_not_used(dpi: float) -> None:
    warnings: list[str] = []
    believed = believe_resolution(0.0254 / dpi, 0.0254 / dpi, warnings)
    assert (believed is None) == (dpi != 1)
    assert bool(warnings) == (dpi != 1)


def test_slides_state_their_size_by_axis() -> None:
    properties = {"openslide.vendor": "aperio", "openslide.mpp-x": "0.5", "openslide.mpp-y": "0.25"}
    assert _pixel_size(properties, "", []) == pytest.approx((5e-7, 2.5e-7))
    assert _pixel_size({"openslide.vendor": "aperio", "openslide.mpp-x": "half"}, "", []) is None


def test_units_of_ome_are_lengths_or_nothing() -> None:
    assert unit_in_metres("µm") == unit_in_metres("μm") == unit_in_metres("micron") == 1e-6
    assert unit_in_metres("reference frame") is None


@pytest.mark.parametrize("text", ["", "pixel_size_m=1", "SYNTHETIC\npixel_size_m=e", "SYNTHETIC\npixel_size_m=-1"])
def test_only_our_own_mark_gives_a_size(text: str) -> None:
    assert pixel_size_from_mark(text) is None
    assert pixel_size_from_mark("SYNTHETIC: made\npixel_size_m=5e-07\nmanifest={}") == 5e-7
