"""The laws on real slides and scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.geometry import Box
from ssldiff_core.scenes import open_scene
from ssldiff_core.scenes.tiff_scene import TiffScene

# file: level-0 size, pixel size in metres, levels, CRS
FILES = {
    "histology/slides/cmu1_small_region.svs": ((2220, 2967), 4.99e-7, 1, None),
    "histology/slides/tcga_cr_7395_ts1.svs": ((4443, 3567), None, 2, None),
    "aerial/scenes/naip_claremont_60cm_256.tif": ((256, 256), 0.6, 1, "EPSG:26911"),
    "aerial/scenes/naip_north_dakota_5m.tif": ((934, 724), 5.0, 2, "EPSG:26914"),
    "aerial/scenes/oam_kampala_7cm.tif": ((3072, 2048), 0.0744, 4, "EPSG:3857"),
}


@pytest.mark.parametrize("name", FILES)
def test_facts_of_real_files(shared_data: Path, name: str) -> None:
    size, pixel_size_m, levels, crs = FILES[name]
    with open_scene(shared_data / name) as scene:
        assert scene.size_l0 == size
        assert scene.pixel_size_m == (None if pixel_size_m is None else pytest.approx(pixel_size_m, rel=1e-3))
        assert bool(scene.warnings) == (pixel_size_m is None)
        assert len(scene.levels) == levels
        assert scene.crs == crs
        assert (scene.transform is None) == (crs is None)


@pytest.mark.parametrize("name", FILES)
def test_real_files_obey_the_laws(shared_data: Path, name: str) -> None:
    with open_scene(shared_data / name, pixel_size_m=1e-6) as scene:
        x, y = scene.size_l0[0] // 4 + 0.5, scene.size_l0[1] // 4 + 0.25
        box = Box(x, y, 120, 120)
        for scale in (1.0, 0.6, 2.0, 3.1):
            size = (round(120 / scale), round(120 / scale))
            whole = scene.read(box, size_px=size).astype(int)
            assert whole.std() > 1
            step = 120 / size[0]
            part = scene.read(Box(x + 7 * step, y + 9 * step, 30 * step, 20 * step), size_px=(30, 20))
            assert np.abs(part - whole[9:29, 7:37]).max() <= 1
        edge = scene.read_region(Box(scene.size_l0[0] - 30, -30, 60, 60))
        assert not edge.valid[:30].any()
        assert not edge.valid[:, 30:].any()
        assert (edge.pixels[~edge.valid] == 255).all()
        assert max(scene.thumbnail(512).shape) == min(512, max(scene.size_l0))
        assert scene.read(Box(0, 0, 128, 64), 2e-6).shape == (32, 64, 3)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".svs")])
def test_tifffile_and_openslide_show_the_same_slide(shared_data: Path, name: str) -> None:
    """JPEG and JPEG 2000 tiles through imagecodecs; label, macro and thumbnail are left aside by both."""
    with open_scene(shared_data / name) as one, TiffScene(shared_data / name) as other:
        assert one.size_l0 == other.size_l0
        assert [level.size for level in one.levels] == [level.size for level in other.levels]
        box = Box(700, 900, 400, 300)
        for size in ((400, 300), (100, 75)):
            difference = np.abs(one.read(box, size_px=size).astype(int) - other.read(box, size_px=size))
            assert difference.mean() < 2


def test_black_borders_of_a_raster_are_invalid_only_where_it_says_so(shared_data: Path) -> None:
    with open_scene(shared_data / "aerial/scenes/naip_north_dakota_5m.tif") as scene:
        region = scene.read_region(scene.bounds_l0)
        assert region.valid.mean() > 0.99
