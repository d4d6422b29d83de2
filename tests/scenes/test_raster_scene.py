"""What is particular to rasters: validity, bands, stretch, scale and offset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.errors import SceneError
from ssldiff_core.geometry import Box
from ssldiff_core.scenes import Scene, open_scene
from tests.scenes.pictures import HEIGHT, WIDTH, picture, write_raster

WHOLE = Box(0, 0, WIDTH, HEIGHT)
HOLE = np.s_[100:200, 300:450]


def holed() -> np.ndarray:
    outside = np.zeros((HEIGHT, WIDTH), bool)
    outside[HOLE] = True
    return outside


def assert_hole(scene: Scene) -> None:
    region = scene.read_region(WHOLE)
    assert (region.valid == ~holed()).all()
    assert (region.pixels[HOLE] == 255).all()
    coarse = scene.read_region(Box(300, 100, 150, 100), size_px=(15, 10))
    assert not coarse.valid[1:-1, 1:-1].any()


def test_nodata_in_every_band_is_invalid_and_in_one_is_not(tmp_path: Path) -> None:
    pixels = np.maximum(picture(), 1)
    pixels[HOLE] = 0
    pixels[0:50, 0:50, 1] = 0
    with open_scene(write_raster(tmp_path / "a.tif", pixels, nodata=0, overviews="average")) as scene:
        assert_hole(scene)


def test_transparent_pixels_are_invalid(tmp_path: Path) -> None:
    pixels = np.concatenate([picture(), np.where(holed(), 0, 255).astype(np.uint8)[..., None]], axis=-1)
    with open_scene(write_raster(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")) as scene:
        assert_hole(scene)


def test_masked_pixels_are_invalid(tmp_path: Path) -> None:
    with open_scene(write_raster(tmp_path / "a.tif", picture(), mask=~holed())) as scene:
        assert_hole(scene)


def test_nan_is_invalid(tmp_path: Path) -> None:
    pixels = picture().astype(np.float32)
    pixels[HOLE] = np.nan
    with open_scene(write_raster(tmp_path / "a.tif", pixels), value_range=(0, 255)) as scene:
        assert_hole(scene)
        assert (scene.read(Box(0, 0, 100, 100)) == picture()[:100, :100]).all()


def test_one_stretch_serves_the_whole_scene(tmp_path: Path) -> None:
    pixels = picture().astype(np.uint16) * 20 + 1000
    pixels[HOLE] = 0
    with open_scene(write_raster(tmp_path / "a.tif", pixels, nodata=0)) as scene:
        stretch = scene.preprocessing["stretch"]
        valid = pixels[~holed()]
        assert (stretch["low"], stretch["high"]) == pytest.approx(np.percentile(valid, [1, 99]), rel=1e-3)
        expected = (pixels - stretch["low"]) * 255 / (stretch["high"] - stretch["low"])
        whole = scene.read(WHOLE)
        assert (np.abs(whole - np.clip(expected, 0, 255))[~holed()] <= 0.51).all()
        assert (scene.read(Box(10, 10, 40, 40)) == whole[10:50, 10:50]).all()


def test_scale_and_offset_tags_are_applied(tmp_path: Path) -> None:
    pixels = picture().astype(np.uint16)
    tags = {"scales": (0.5, 0.5, 2.0), "offsets": (10.0, 0.0, -5.0)}
    with open_scene(write_raster(tmp_path / "a.tif", pixels, band_tags=tags), value_range=(0, 255)) as scene:
        expected = np.clip(pixels * np.array(tags["scales"]) + np.array(tags["offsets"]), 0, 255)
        assert np.abs(scene.read(WHOLE) - expected).max() <= 0.5


def test_bands_and_range_override(tmp_path: Path) -> None:
    pixels = np.concatenate([picture(), 255 - picture()[..., :1]], axis=-1)
    path = write_raster(tmp_path / "a.tif", pixels)
    with open_scene(path, bands=(4, 1, 2)) as scene:
        assert (scene.read(WHOLE) == pixels[..., [3, 0, 1]]).all()
        assert scene.preprocessing["bands"] == [4, 1, 2]
    with open_scene(path, bands=(2,), value_range=(50, 100)) as scene:
        grey = scene.read(WHOLE)
        assert (grey[..., 0] == grey[..., 2]).all()
        assert np.abs(grey[..., 0] - np.clip((pixels[..., 1] - 50.0) * 5.1, 0, 255)).max() < 0.51
        assert scene.preprocessing["stretch"] == {"low": 50.0, "high": 100.0, "origin": "given"}


@pytest.mark.parametrize(("bands", "value_range"), [((5,), None), ((1, 2), None), ((0, 1, 2), None), (None, (9, 9))])
def test_bands_that_are_not_there_and_empty_ranges_are_errors(
    tmp_path: Path, bands: tuple[int, ...] | None, value_range: tuple[float, float] | None
) -> None:
    path = write_raster(tmp_path / "a.tif", picture())
    with pytest.raises(SceneError, match="For example --"):
        open_scene(path, bands=bands, value_range=value_range)


def test_colour_tags_choose_the_bands(tmp_path: Path) -> None:
    from rasterio.enums import ColorInterp

    order = (ColorInterp.blue, ColorInterp.green, ColorInterp.red)
    path = write_raster(tmp_path / "a.tif", picture(), band_tags={"colorinterp": order})
    with open_scene(path) as scene:
        assert (scene.read(WHOLE) == picture()[..., ::-1]).all()


def test_colour_tables_are_looked_up(tmp_path: Path) -> None:
    import rasterio

    index = (picture()[..., :1] // 64).astype(np.uint8)
    path = write_raster(tmp_path / "a.tif", index, photometric="palette")
    table = {i: (i * 10, 200 - i, 7, 255) for i in range(4)}
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, table)
    with open_scene(path) as scene:
        assert (scene.read(WHOLE) == np.array([table[i][:3] for i in range(4)])[index[..., 0]]).all()


@pytest.mark.parametrize(("overviews", "most"), [("nearest", 1.0), ("average", 20.0)])
def test_overviews_of_every_nth_pixel_do_not_alias(tmp_path: Path, overviews: str, most: float) -> None:
    """Read at half the size, decimated overviews give what the full resolution gives."""
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    with open_scene(write_raster(tmp_path / "a.tif", noise, overviews=overviews)) as scene:
        half = scene.read(Box(0, 0, 512, 512), size_px=(256, 256)).astype(float)
    with open_scene(write_raster(tmp_path / "b.tif", noise)) as scene:
        expected = scene.read(Box(0, 0, 512, 512), size_px=(256, 256)).astype(float)
    assert np.abs(half - expected).mean() < most
