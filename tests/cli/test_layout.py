"""``ssldiff layout``: annotations and masks become grids that are drawn, with labels pixel on pixel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.cli import layout as layout_command
from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.export.label_map import IGNORED
from ssldiff_core.geometry import Box
from ssldiff_core.layouts import Palette, Swatch
from ssldiff_core.scenes import ArrayScene


@pytest.fixture
def palette(workplace: Path) -> Path:
    rng = np.random.default_rng(0)
    swatches = tuple(Swatch(name, "#808080", rng.normal(size=(5, 6)).astype(np.float32)) for name in ("Fat", "Gland"))
    Palette(swatches, "tiny-1", 0.5e-6).save(workplace / "palette.npz")
    ring = [[[1064, 2064], [1448, 2064], [1448, 2448], [1064, 2448], [1064, 2064]]]
    one = {"geometry": {"type": "Polygon", "coordinates": ring}, "properties": {"classification": {"name": "gland"}}}
    (workplace / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [one]}))
    return workplace / "palette.npz"


def test_annotations_at_another_pixel_size_become_a_grid_that_is_drawn(palette: Path, capsys) -> None:
    command = (
        "layout a.geojson --palette palette.npz --model tiny --source-pixel-size 0.25um --region 1000,2000,512,512"
    )
    labels = "--labels l.png --labels-geojson l.geojson --labels-in source --ignore 0 --ground Fat"
    assert main(f"{command} {labels} -o grid.npz".split()) == 0
    grid = EmbeddingGrid.load("grid.npz")
    assert grid.shape_cell == (2, 2)
    assert (grid.geometry.origin_l0, grid.geometry.scene_pixel_size_m) == ((1000.0, 2000.0), 0.25e-6)
    wanted = np.full((256, 256), 1)
    wanted[32:224, 32:224] = 2
    assert np.array_equal(np.asarray(Image.open("l.png")), wanted)
    features = json.loads(Path("l.geojson").read_text())["features"]
    gland = next(one for one in features if one["properties"]["classification"]["name"] == "Gland")
    assert sorted(map(tuple, gland["geometry"]["coordinates"][0][:4])) == [
        (1064, 2064), (1064, 2448), (1448, 2064), (1448, 2448),
    ]  # fmt: skip
    assert (
        main(["generate", "grid.npz", "--model", "tiny", "-o", "out.png", "--steps", "2", "--yes", "--device", "cpu"])
        == 0
    )
    assert main(["replay", "out.png", "-o", "again.png"]) == 0
    assert np.array_equal(np.asarray(Image.open("out.png")), np.asarray(Image.open("again.png")))
    assert (
        main(
            [
                "layout",
                "a.geojson",
                "--palette",
                "palette.npz",
                "-o",
                "b.npz",
                "--frame",
                "level0",
                "--pixel-size",
                "0.5um",
            ]
        )
        == 0
    )
    assert EmbeddingGrid.load("b.npz").shape_cell == (3, 3)


@pytest.mark.parametrize(("frame", "shift"), [("qupath", (100.0, 60.0)), ("level0", (0.0, 0.0))])
def test_qupath_counts_from_where_a_slide_holds_an_image(
    palette: Path, monkeypatch: pytest.MonkeyPatch, frame: str, shift: tuple[float, float]
) -> None:
    """MRXS and SCN slides begin somewhere inside their level 0; QuPath shows, and counts, from there."""
    pixels = np.broadcast_to(np.uint8(200), (4000, 4000, 3))
    slide = ArrayScene(pixels, pixel_size_m=0.25e-6, bounds_l0=Box(100, 60, 3800, 3900))
    monkeypatch.setattr(layout_command, "open_scene_as_asked", lambda *_: slide)
    words = "layout a.geojson --palette palette.npz --model tiny --scene slide.mrxs --region 1000,2000,512,512"
    words += f" --frame {frame} --labels-geojson l.geojson --labels-in source --ground Fat -o grid.npz"
    assert main(words.split()) == 0
    assert EmbeddingGrid.load("grid.npz").geometry.origin_l0 == (1000 + shift[0], 2000 + shift[1])
    features = json.loads(Path("l.geojson").read_text())["features"]
    gland = next(one for one in features if one["properties"]["classification"]["name"] == "Gland")
    assert sorted(map(tuple, gland["geometry"]["coordinates"][0][:4])) == [
        (1064, 2064), (1064, 2448), (1448, 2064), (1448, 2448),
    ]  # fmt: skip


def test_a_mask_becomes_a_grid_and_its_labels_have_an_ignored_band(palette: Path) -> None:
    mask = np.ones((256, 384), np.uint8)
    mask[:, 200:] = 2
    Image.fromarray(mask).save("mask.png")
    command = "layout mask.png --palette palette.npz --model tiny --map 1=Gland --map 2=Fat --ignore 8 --labels l.png"
    assert main(f"{command} -o grid.npz".split()) == 0
    labels = np.asarray(Image.open("l.png"))
    assert labels.shape == (256, 384)
    assert (labels[:, :192] == 2).all()
    assert (labels[:, 192:208] == IGNORED).all()
    assert (labels[:, 208:] == 1).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("mask.png --palette palette.npz", "no such file"),
        ("a.geojson", "palette"),
        ("a.geojson --palette palette.npz --map Fat", "class=swatch"),
        ("a.geojson --palette palette.npz --region 0,0,10,10", "--region"),
        ("a.geojson --palette palette.npz --source-pixel-size 1m", "--pixel-size"),
    ],
)
def test_mistakes_are_told_with_their_remedy(palette: Path, capsys, words: str, said: str) -> None:
    assert main(f"layout {words} -o grid.npz".split()) == 2
    assert said in capsys.readouterr().err.lower()
