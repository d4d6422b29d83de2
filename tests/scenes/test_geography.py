"""Places of a georeferenced scene have the longitude and latitude that its CRS gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.scenes import open_scene
from ssldiff_core.scenes.geography import lon_lat, lon_lat_lattice


def write_geotiff(path: Path, crs: str | None, origin: tuple[float, float], step: float) -> Path:
    import rasterio
    from rasterio.transform import from_origin

    shape = {"width": 400, "height": 300, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=from_origin(*origin, step, step), **shape) as out:
        out.write(np.full((3, 300, 400), 90, np.uint8))
    return path


def test_the_lattice_mixed_bilinearly_is_the_place_itself(tmp_path: Path) -> None:
    with open_scene(write_geotiff(tmp_path / "utm.tif", "EPSG:32636", (450_000, 35_000), 5.0)) as scene:
        lattice = lon_lat_lattice(scene)
        assert lattice is not None
        x, y = 400 * 5.5 / 16, 300 * 9.25 / 16
        corners = lattice.reshape(17, 17, 2)[9:11, 5:7]
        mixed = np.tensordot([0.75, 0.25], np.tensordot([0.5, 0.5], corners.swapaxes(0, 1), 1), 1)
        exact = lon_lat(scene, [x], [y])
        assert exact is not None
        assert np.abs(mixed - exact[0]).max() * 111_000 < 0.1  # metres
        assert exact[0] == pytest.approx([32.559, 0.313], abs=0.02)


def test_longitudes_go_on_over_the_date_line(tmp_path: Path) -> None:
    with open_scene(write_geotiff(tmp_path / "fiji.tif", "EPSG:32760", (819_000, 8_100_000), 60.0)) as scene:
        lattice = lon_lat_lattice(scene)
        assert lattice is not None
        assert np.abs(np.diff(lattice.reshape(17, 17, 2)[:, :, 0], axis=1)).max() < 0.1


def test_a_scene_that_does_not_say_where_it_lies_has_no_places(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "plain.png")
    with open_scene(tmp_path / "plain.png") as scene:
        assert lon_lat_lattice(scene) is None
