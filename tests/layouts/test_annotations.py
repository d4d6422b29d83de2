"""Annotations become regions whose borders lie where they were drawn; whatever the file holds, only our error comes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ssldiff_core.errors import LayoutError
from ssldiff_core.export.label_map import LabelClass, label_geojson, write_label_png
from ssldiff_core.layouts import Layout, Palette, Swatch, empty_layout
from ssldiff_core.layouts.annotations import annotations_from_geojson, draw_annotations, read_annotations
from ssldiff_core.layouts.masks import read_mask
from tests.fuzzing import fuzzed

DIM = 4


def square(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def feature(kind: str, coordinates, name=None, **properties) -> dict:
    if name is not None:
        properties["classification"] = {"name": name, "color": [200, 0, 0]}
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


QUPATH = {
    "type": "FeatureCollection",
    "features": [
        feature("Polygon", [square(20, 20, 30, 30)], "Fat", objectType="annotation"),
        feature("Polygon", [square(10, 10, 60, 60), square(40, 40, 50, 50)], "Tumor: Positive"),
        feature("MultiPolygon", [[square(0, 90, 20, 100)], [square(70, 0, 90, 20)]], "fat"),
        feature("Polygon", [square(80, 80, 100, 100)], "Ignore*"),
        feature("Polygon", [square(0, 0, 5, 5)]),
        feature("Point", [1, 2], "Fat"),
        feature("Polygon", [square(0, 0, 5, 5)], "Fat", objectType="detection"),
    ],
}


@pytest.fixture(scope="module")
def layout() -> Layout:
    rng = np.random.default_rng(0)
    swatches = tuple(
        Swatch(name, "#808080", rng.normal(size=(5, DIM)).astype(np.float32)) for name in ("Stroma", "Tumour", "Fat")
    )
    return empty_layout(5, 5, Palette(swatches, "tissue-1", 1e-6), swatch="Stroma")


def drawn(layout: Layout, data, **options) -> np.ndarray:
    areas = annotations_from_geojson(data)
    options = {"mapping": {"Tumor": "Tumour"}, **options}
    return draw_annotations(layout, areas, origin_px=(0, 0), cell_px=20, **options).fine_labels(20)


def test_each_pixel_is_of_the_smallest_area_over_it(layout: Layout) -> None:
    wanted = np.zeros((100, 100), int)
    wanted[10:60, 10:60] = 1
    wanted[40:50, 40:50] = 0
    wanted[20:30, 20:30] = wanted[90:100, 0:20] = wanted[0:20, 70:90] = 2
    wanted[80:100, 80:100] = -1
    assert np.array_equal(drawn(layout, QUPATH, mode="mean"), wanted)


def test_what_is_left_out_is_counted_and_areas_without_class_are_so_unless_they_are_given_one(layout: Layout) -> None:
    areas = annotations_from_geojson(QUPATH)
    assert areas.left_out == {"objects that are no area": 1, "objects that are a detection": 1}
    assert areas.names == ("Fat", "Tumor: Positive", "fat")
    assert (drawn(layout, QUPATH, unclassified="Tumour")[:5, :5] == 1).all()


def test_a_class_without_a_swatch_is_named_with_the_remedy(layout: Layout) -> None:
    with pytest.raises(LayoutError, match=r"--map 'Tumor: Positive=SWATCH'"):
        drawn(layout, QUPATH, mapping={})
    with pytest.raises(LayoutError, match="on the canvas"):
        drawn(layout, feature("Polygon", [square(500, 500, 600, 600)], "Fat"))


@pytest.mark.parametrize(
    ("classification", "name", "colour"),
    [
        ({"name": "A", "color": [1, 2, 3]}, "A", "#010203"),
        ({"name": "A: B", "colorRGB": -377282}, "A: B", "#fa3e3e"),
        ({"names": ["A", "B"], "color": [255, 0, 0]}, "A: B", "#ff0000"),
        ("A", "A", ""),
        (None, "", ""),
    ],
)
def test_all_forms_of_classes_and_colours_are_read(classification, name: str, colour: str) -> None:
    one = feature("Polygon", [square(0, 0, 5, 5)], classification=classification)
    area = annotations_from_geojson([one]).areas[0]
    assert (area.name, area.colour) == (name, colour)


def test_what_is_written_reads_back_as_it_was(layout: Layout, tmp_path: Path) -> None:
    labels = draw_annotations(
        layout, annotations_from_geojson(QUPATH), origin_px=(0, 0), cell_px=20, mapping={"Tumor": "Tumour"}
    ).fine_labels(20)
    classes = [LabelClass(name, "#808080") for name in ("Stroma", "Tumour", "Fat")]
    path = tmp_path / "labels.geojson"
    path.write_text(json.dumps(label_geojson(labels, classes, cell_px=1.0)))
    again = draw_annotations(layout, read_annotations(path), origin_px=(0, 0), cell_px=20).fine_labels(20)
    assert np.array_equal(again[labels >= 0], labels[labels >= 0])
    smooth = label_geojson(labels, classes, cell_px=0.5, origin_px=(7.0, 3.0), smooth=1.0)
    xy = np.concatenate([np.array(ring) for one in smooth["features"] for ring in one["geometry"]["coordinates"]])
    assert xy.min(axis=0).tolist() == [7.0, 3.0]
    assert xy.max(axis=0).tolist() == [57.0, 53.0]


def test_masks_of_numbers_colours_and_our_own_labels_are_read(tmp_path: Path) -> None:
    labels = np.array([[0, 0, 1], [-1, 2, 2]])
    values = np.array([[5, 5, 9], [0, 12, 12]], np.uint8)
    Image.fromarray(values).save(tmp_path / "grey.png")
    mask = read_mask(tmp_path / "grey.png", {5: "Fat"})
    assert np.array_equal(mask.labels, labels)
    assert mask.names == ("Fat", "9", "12")
    rgb = np.zeros((2, 3, 3), np.uint8)
    rgb[0, :2], rgb[0, 2], rgb[1, 1:] = (1, 0, 0), (2, 0, 0), (3, 0, 0)
    Image.fromarray(rgb).save(tmp_path / "rgb.png")
    assert np.array_equal(read_mask(tmp_path / "rgb.png").labels, labels)
    classes = [LabelClass(name, "#808080") for name in ("a", "b", "c")]
    write_label_png(tmp_path / "own.png", labels, classes, cell_px=1)
    assert np.array_equal(read_mask(tmp_path / "own.png").labels, labels)
    assert read_mask(tmp_path / "own.png").names == ("a", "b", "c")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("no image")
    for name in ("photo.png", "text.png", "none.tif"):
        with pytest.raises(LayoutError):
            read_mask(tmp_path / name)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["type", "geometry", "coordinates", "properties", "classification", "name", "features"]),
        inner, max_size=4,
    ),
    max_leaves=24,
)  # fmt: skip
numbers = st.floats(-200, 300) | st.sampled_from([0, 0.5, 20, 1e300, float("nan")])
rings = st.lists(st.lists(numbers, min_size=2, max_size=3), max_size=7)
shapes = st.one_of(
    st.builds(lambda c: {"type": "Polygon", "coordinates": c}, st.lists(rings, max_size=3) | anything),
    st.builds(lambda c: {"type": "MultiPolygon", "coordinates": c}, st.lists(st.lists(rings, max_size=2), max_size=3)),
    anything,
)
classes = st.sampled_from(["Fat", "Tumour: x", "Ignore*", {"name": "Fat", "color": [1, 2, 3]}, None]) | anything
collections = st.builds(
    lambda parts: {
        "type": "FeatureCollection",
        "features": [{"geometry": shape, "properties": {"classification": name}} for shape, name in parts],
    },
    st.lists(st.tuples(shapes, classes), max_size=4),
)


@fuzzed(60)
@given(data=collections | anything)
def test_whatever_the_json_holds_it_is_drawn_or_refused_in_words(layout: Layout, data) -> None:
    try:
        found = draw_annotations(
            layout, annotations_from_geojson(data), origin_px=(0, 0), cell_px=20, mapping={"": "Fat"}
        )
    except LayoutError:
        return
    assert found.edits
    assert np.isfinite(found.grid().vectors).all()


@fuzzed(60)
@given(content=st.binary(max_size=200) | st.text(alphabet='[]{}",:0123456789eE-.', max_size=200).map(str.encode))
def test_whatever_the_file_holds_only_our_error_comes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.geojson"
    path.write_bytes(content)
    for read, name in ((read_annotations, "file.geojson"), (read_mask, "file.png")):
        (tmp_path / name).write_bytes(content)
        try:
            read(tmp_path / name)
        except LayoutError:
            continue
