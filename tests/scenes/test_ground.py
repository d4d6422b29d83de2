"""Pixel sizes in true metres on the ground, against published lengths.

Lengths of a degree on WGS 84 in km (of latitude, of longitude): at 0° 110.574, 111.320; at 45° 111.132, 78.847; at 60°
111.412, 55.800.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.geometry import Box
from ssldiff_core.scenes import open_scene
from ssldiff_core.scenes.ground import ground_pixel_size
from tests.scenes.pictures import picture, write_raster

SIZE = (700, 516)


def centred(x: float, y: float, across: float, down: float, turn: float = 0.0) -> tuple[float, ...]:
    """Affine whose pixels are ``across`` × ``down``, turned by degrees, with (x, y) at the centre of the raster."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    a, b, d, e = across * c, down * s, across * s, -down * c
    return (a, b, x - a * SIZE[0] / 2 - b * SIZE[1] / 2, d, e, y - d * SIZE[0] / 2 - e * SIZE[1] / 2)


def mercator_y(lat: float) -> float:
    return 6378137 * math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))


# name: CRS, transform, metres along a column step and a row step
GOLDEN = {
    "degrees at the equator": ("EPSG:4326", centred(10, 0, 1e-5, 1e-5), (1.11320, 1.10574)),
    "degrees at 45°": ("EPSG:4326", centred(10, 45, 1e-5, 1e-5), (0.78847, 1.11132)),
    "degrees at 60° south": ("EPSG:4326", centred(-70, -60, 1e-5, 1e-5), (0.55800, 1.11412)),
    "degrees over the date line": ("EPSG:4326", centred(180, 60, 1e-4, 1e-4), (5.5800, 11.1412)),
    "web Mercator at the equator": ("EPSG:3857", centred(0, 0, 1, 1), (1.0, 0.99331)),
    "web Mercator at 60°": ("EPSG:3857", centred(1e6, mercator_y(60), 1, 1), (0.50126, 0.50042)),
    "UTM on its central meridian": ("EPSG:32633", centred(500_000, 5_000_000, 10, 10), (10.004, 10.004)),
    "UTM turned by 30°": ("EPSG:32633", centred(500_000, 5_000_000, 10, 10, 30), (10.004, 10.004)),
    "UTM turned upside down": ("EPSG:32633", centred(500_000, 5_000_000, 10, 10, 180), (10.004, 10.004)),
    "UTM with long pixels": ("EPSG:32633", centred(500_000, 5_000_000, 10, 20), (10.004, 20.008)),
    "US survey feet (New York)": ("EPSG:2263", centred(990_000, 200_000, 1, 1), (0.3048006, 0.3048006)),
    "international feet (Arizona)": ("EPSG:2223", centred(700_000, 1_000_000, 1, 1), (0.30483, 0.30483)),
    "kilometres": ("+proj=utm +zone=33 +datum=WGS84 +units=km", centred(500, 5000, 0.01, 0.01), (10.004, 10.004)),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_pixel_sizes_are_true_on_the_ground(name: str) -> None:
    crs, transform, expected = GOLDEN[name]
    warnings: list[str] = []
    assert ground_pixel_size(crs, transform, SIZE, warnings) == pytest.approx(expected, rel=1e-4)
    assert warnings == []


def test_a_file_of_degrees_is_read_in_square_metres(tmp_path: Path) -> None:
    crs, transform, (x_m, y_m) = GOLDEN["degrees at 60° south"]
    pixels = picture(*SIZE)
    with open_scene(write_raster(tmp_path / "a.tif", pixels, crs=crs, transform=transform)) as scene:
        mean_m = math.sqrt(x_m * y_m)
        assert scene.pixel_size_m == pytest.approx(mean_m, rel=1e-4)
        assert scene.size_l0 == (round(700 * x_m / mean_m), round(516 * y_m / mean_m))
        assert scene.levels[0].size == SIZE
        assert any("not square" in warning for warning in scene.warnings)
        whole = scene.read(Box(0, 0, *scene.size_l0), size_px=SIZE).astype(int)
        assert np.abs(whole - pixels).max() <= 1
        # The far corner of level 0 is the far corner of the file on the map.
        assert scene.transform is not None
        a, b, c, d, e, f = scene.transform
        far = (a * scene.size_l0[0] + b * scene.size_l0[1] + c, d * scene.size_l0[0] + e * scene.size_l0[1] + f)
        assert far == pytest.approx((transform[2] + 700e-5, transform[5] - 516e-5), abs=1e-9)


def test_crs_and_transform_are_kept(tmp_path: Path) -> None:
    with open_scene(write_raster(tmp_path / "a.tif", picture())) as scene:
        assert scene.crs == "EPSG:32633"
        assert scene.transform == (0.5, 0, 500_000, 0, -0.5, 5_000_000)
        assert scene.pixel_size_m == pytest.approx(0.5002, rel=1e-4)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"crs": None, "transform": (0.5, 0, 1000, 0, -0.5, 1000)}, "no CRS"),
        ({"crs": "EPSG:32633", "transform": None}, "no georeference"),
        ({"crs": "EPSG:32633", "transform": (1e-5, 0, 500_000, 0, -1e-5, 5e6)}, "unusual"),
        ({"crs": "EPSG:32633", "transform": (0.5, 0.3, 500_000, 0, -0.5, 5e6)}, "meet at"),
    ],
)
def test_a_missing_or_absurd_georeference_is_said_and_can_be_overridden(
    tmp_path: Path, profile: dict[str, object], said: str
) -> None:
    path = write_raster(tmp_path / "a.tif", picture(), nodata=255, **profile)
    with open_scene(path) as scene:
        assert any(said in warning for warning in scene.warnings)
    with open_scene(path, pixel_size_m=0.3) as scene:
        assert scene.pixel_size_m == 0.3
        assert scene.warnings == ()


def test_a_site_grid_is_taken_by_its_unit() -> None:
    warnings: list[str] = []
    site = 'LOCAL_CS["site",UNIT["foot",0.3048]]'
    assert ground_pixel_size(site, centred(0, 0, 2, 2), SIZE, warnings) == pytest.approx((0.6096, 0.6096))
    assert "not tied to the Earth" in warnings[0]
