"""Golden tables for every conversion between frames."""

from __future__ import annotations

import math

import pytest

from ssldiff_core.errors import GridError, SettingsError
from ssldiff_core.geometry import Box, GridGeometry, format_length, parse_pixel_size

SLIDE = GridGeometry((11, 8), 1e-6, origin_l0=(100.0, 40.0), scene_pixel_size_m=0.5e-6)
"""Cells of 128 px at 1 µm on a slide of 0.5 µm: 256 level-0 pixels wide."""


def test_sizes_of_a_grid_in_every_frame():
    assert SLIDE.cell_lat == 16
    assert SLIDE.shape_px == (1408, 1024)
    assert SLIDE.shape_lat == (176, 128)
    assert SLIDE.cell_l0 == pytest.approx(256)
    assert SLIDE.box_l0.as_tuple() == pytest.approx((100, 40, 2048, 2816))


@pytest.mark.parametrize(
    ("row", "col", "expected"),
    [(0, 0, (100, 40, 256, 256)), (2, 3, (868, 552, 256, 256)), (10, 7, (1892, 2600, 256, 256))],
)
def test_cells_in_level_0(row, col, expected):
    assert SLIDE.cells_to_l0(row, col).as_tuple() == pytest.approx(expected)
    centre = expected[0] + 128, expected[1] + 128
    assert SLIDE.l0_to_cell(*centre) == (row, col)


def test_cells_on_the_canvas():
    assert SLIDE.cells_to_px(2, 3, 4, 5).as_tuple() == (384, 256, 640, 512)


@pytest.mark.parametrize(("latent", "cell"), [(0, -0.46875), (7.5, 0.0), (8, 0.03125), (15.5, 0.5), (23.5, 1.0)])
def test_latents_in_cells(latent, cell):
    assert SLIDE.lat_to_cell(latent) == pytest.approx(cell)


def test_canvas_points_in_level_0():
    assert SLIDE.px_to_l0(0, 0) == pytest.approx((100, 40))
    assert SLIDE.px_to_l0(512, 128) == pytest.approx((1124, 296))


@pytest.mark.parametrize(
    ("width", "height", "pixel_size", "scene_pixel_size", "shape"),
    [
        (2220, 2967, 1e-6, 0.499e-6, (11, 8)),
        (2220, 2967, 0.5e-6, 0.499e-6, (23, 17)),
        (3072, 2048, 0.3, 0.07439, (4, 6)),  # 5.95 × 3.97 cells: the last may overhang by a tenth
        (3072, 2048, 0.15, 0.07439, (8, 12)),
        (256, 256, 1.0, 1.0, (2, 2)),
        (230, 255, 1.0, 1.0, (2, 1)),
    ],
)
def test_a_region_is_covered_by_whole_cells(width, height, pixel_size, scene_pixel_size, shape):
    covered = GridGeometry.covering(
        Box(0, 0, width, height), pixel_size_m=pixel_size, scene_pixel_size_m=scene_pixel_size
    )
    assert covered.shape_cell == shape


def test_a_region_smaller_than_a_cell_is_refused_with_the_size_it_needs():
    with pytest.raises(GridError, match="at least 257"):
        GridGeometry.covering(Box(0, 0, 200, 900), pixel_size_m=1e-6, scene_pixel_size_m=0.499e-6)


def test_boxes_intersect_half_open():
    box = Box(0, 0, 10, 10)
    assert box.intersection(Box(10, 0, 5, 5)) is None
    assert box.intersection(Box(8, 9, 5, 5)) == Box(8, 9, 2, 1)
    assert box.scaled(0.5) == Box(0, 0, 5, 5)


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "0,0,0,5", "0,0,5,-1", "0,0,nan,5"])
def test_no_box_is_made_of_nonsense(text):
    with pytest.raises(SettingsError):
        Box.parse(text)


@pytest.mark.parametrize(
    ("text", "metres"),
    [("0.5um", 5e-7), ("0.5 µm", 5e-7), ("30cm", 0.3), ("0.3m", 0.3), ("0.3", 0.3), ("5e-7", 5e-7), ("1 mm", 1e-3)],
)
def test_pixel_sizes_are_read_with_their_unit(text, metres):
    assert parse_pixel_size(text) == pytest.approx(metres)


@pytest.mark.parametrize("text", ["", "fast", "-1um", "0", "3 parsec", "nan"])
def test_no_pixel_size_is_made_of_nonsense(text):
    with pytest.raises(SettingsError, match=r"0\.5um"):
        parse_pixel_size(text)


@pytest.mark.parametrize(
    ("metres", "text"), [(5e-7, "0.5 µm"), (0.3, "30 cm"), (1500, "1.5 km"), (2.5e-3, "2.5 mm"), (12, "12 m")]
)
def test_lengths_are_told_in_fitting_units(metres, text):
    assert format_length(metres) == text


@pytest.mark.parametrize(
    "arguments", [{"shape_cell": (0, 3)}, {"pixel_size_m": math.nan}, {"pixel_size_m": -1.0}, {"cell_px": 100}]
)
def test_a_malformed_geometry_is_refused(arguments):
    with pytest.raises(GridError):
        GridGeometry(**({"shape_cell": (1, 1), "pixel_size_m": 1e-6} | arguments))
