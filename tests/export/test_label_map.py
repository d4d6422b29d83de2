"""A label map lies pixel on pixel over its image and says what each pixel is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.errors import ExportError
from ssldiff_core.export.label_map import IGNORED, LabelClass, label_geojson, label_pixels, write_label_png

CLASSES = [LabelClass("Stroma", "#e69f00"), LabelClass("Gland", "#56b4e9"), LabelClass("Fat", "#009e73")]
LABELS = np.array([[0, 0, 0, 2], [0, 1, 0, 2], [0, 0, 0, -1]])
CELL = 8


def test_each_pixel_has_the_class_of_its_cell() -> None:
    pixels = label_pixels(LABELS, CELL)
    assert pixels.shape == (24, 32)
    for row, col in np.ndindex(LABELS.shape):
        block = pixels[row * CELL : (row + 1) * CELL, col * CELL : (col + 1) * CELL]
        assert (block == LABELS[row, col] + 1).all()


def test_the_ignored_band_is_as_wide_as_asked_on_both_sides_of_a_border_and_nowhere_else() -> None:
    pixels = label_pixels(np.array([[0, 1]]), 16, ignore_px=3)
    assert (pixels[:, 13:19] == IGNORED).all()
    assert (pixels[:, :13] == 1).all()
    assert (pixels[:, 19:] == 2).all()


def test_the_png_keeps_indices_colours_and_names(tmp_path: Path) -> None:
    with Image.open(write_label_png(tmp_path / "map.png", LABELS, CLASSES, cell_px=CELL)) as image:
        assert np.array_equal(np.asarray(image), label_pixels(LABELS, CELL))
        assert image.convert("RGB").getpixel((CELL, CELL)) == CLASSES[1].rgb
        assert json.loads(image.info["classes"]) == {"1": "Stroma", "2": "Gland", "3": "Fat"}
        assert image.info["Title"].startswith("SYNTHETIC")


def test_the_polygons_drawn_again_are_the_map() -> None:
    from rasterio.features import rasterize

    body = label_geojson(LABELS, CLASSES, cell_px=CELL)
    names = [one.name for one in CLASSES]
    drawn = rasterize(
        [(f["geometry"], names.index(f["properties"]["classification"]["name"]) + 1) for f in body["features"]],
        out_shape=(24, 32),
    )
    assert np.array_equal(drawn, label_pixels(LABELS, CELL))
    stroma = next(f for f in body["features"] if f["properties"]["name"] == "Stroma")
    assert len(stroma["geometry"]["coordinates"]) == 2  # its border, and the hole of the gland


def test_more_classes_than_a_byte_holds_are_refused() -> None:
    with pytest.raises(ExportError, match="classes"):
        label_pixels(np.array([[254]]), 2)
