"""Files of ours as other programs see them: every level, at the right size and place, marked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.errors import ExportError
from ssldiff_core.export import manifest_path, write_image
from ssldiff_core.export.marks import DIGITAL_SOURCE_TYPE, XMP_TAG
from ssldiff_core.export.pixels import halve
from ssldiff_core.export.place import Place, place_of
from ssldiff_core.geometry import Box, GridGeometry
from ssldiff_core.scenes import open_scene
from tests.export.test_write_image import Account, picture

TIFFS = (".tif", ".ome.tif", ".cog.tif")
LEVELS = [(701, 517), (351, 259), (176, 130)]
GDAL_LEVELS = [(701, 517), (350, 258), (175, 129)]
"""GDAL rounds the other way."""
EVEN = [(1024, 512), (512, 256), (256, 128)]


@dataclass(frozen=True)
class Placed(Account):
    """A manifest of a grid that was read from a scene with a place."""

    source: Mapping[str, Any] = field(
        default_factory=lambda: {"crs": "EPSG:32610", "transform": [0.6, 0.0, 500_000.0, 0.0, -0.6, 4_200_000.0]}
    )


GEOMETRY = GridGeometry((4, 5), 0.3, origin_l0=(100.0, 200.0), scene_pixel_size_m=0.6)


def halves(width: int = 701, height: int = 517) -> list[np.ndarray]:
    found = [picture(width, height)]
    while max(found[-1].shape) > 256:
        found.append(halve(found[-1]))
    return found


@pytest.mark.parametrize("suffix", TIFFS)
def test_openslide_sees_every_level_and_the_pixel_size(tmp_path: Path, suffix: str) -> None:
    import openslide

    path = write_image(tmp_path / f"a{suffix}", picture(), Account(), pixel_size_m=5e-7)
    with openslide.OpenSlide(str(path)) as slide:
        assert list(slide.level_dimensions) == (GDAL_LEVELS if suffix == ".cog.tif" else LEVELS)
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5)
        for level, size in enumerate(slide.level_dimensions):
            seen = np.asarray(slide.read_region((0, 0), level, size))[..., :3].astype(int)
            expected = halves()[level][: size[1], : size[0]]
            assert np.abs(seen - expected).mean() < (4 if suffix == ".cog.tif" else 0.01)


@pytest.mark.parametrize("suffix", TIFFS)
def test_large_image_sees_every_level_and_the_pixel_size(tmp_path: Path, suffix: str) -> None:
    import large_image

    path = write_image(tmp_path / f"a{suffix}", picture(*EVEN[0]), Account(), pixel_size_m=5e-7)
    source = large_image.open(str(path))
    assert (source.sizeX, source.sizeY) == EVEN[0]
    assert source.getMetadata()["mm_x"] == pytest.approx(5e-4)
    for (width, height), expected in zip(EVEN, halves(*EVEN[0]), strict=True):
        region, _ = source.getRegion(format="numpy", output={"maxWidth": width, "maxHeight": height})
        assert np.abs(region[..., :3].astype(int) - expected).mean() < 1


@pytest.mark.parametrize("suffix", TIFFS)
def test_tifffile_and_so_napari_see_every_level(tmp_path: Path, suffix: str) -> None:
    import tifffile

    path = write_image(tmp_path / f"a{suffix}", picture(), Account(), pixel_size_m=5e-7)
    with tifffile.TiffFile(path) as tiff:
        levels = tiff.series[0].levels
        assert [level.shape[1::-1] for level in levels] == (GDAL_LEVELS if suffix == ".cog.tif" else LEVELS)
        assert (levels[0].asarray() == picture()).all()
        assert levels[2].asarray().std() > 20


@pytest.mark.parametrize("suffix", [".tif", ".cog.tif"])
def test_a_result_lies_where_its_reference_lies(tmp_path: Path, suffix: str) -> None:
    import rasterio

    path = write_image(tmp_path / f"a{suffix}", picture(), Placed(), pixel_size_m=0.3, geometry=GEOMETRY)
    with rasterio.open(path) as dataset:
        assert dataset.crs.to_epsg() == 32610
        assert dataset.transform.almost_equals(rasterio.Affine(0.3, 0, 500_060, 0, -0.3, 4_199_880))
        assert dataset.overviews(1) == [2, 4]
        assert dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith("SYNTHETIC")
        assert (np.moveaxis(dataset.read(), 0, -1) == picture()).all()
    with open_scene(path) as scene:
        assert scene.pixel_size_m == pytest.approx(0.3)
        assert scene.synthetic
        assert (scene.crs, scene.warnings) == ("EPSG:32610", ())
        assert (scene.read(Box(0, 0, 701, 517)) == picture()).all()


def test_a_cog_is_one_by_gdals_own_account(tmp_path: Path) -> None:
    import rasterio

    path = write_image(tmp_path / "a.cog.tif", picture(), Placed(), pixel_size_m=0.3, geometry=GEOMETRY)
    with rasterio.open(path) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_the_place_turns_with_the_reference() -> None:
    turned = place_of({"crs": "EPSG:3857", "transform": [0.0, 2.0, 10.0, 2.0, 0.0, 20.0]}, GEOMETRY)
    assert turned == Place("EPSG:3857", (0.0, 1.0, 410.0, 1.0, 0.0, 220.0))
    assert place_of({"name": "slide.svs"}, GEOMETRY) is None
    assert place_of(Placed().source, None) is None


@pytest.mark.parametrize(
    ("crs", "transform"), [("EPSG:32610", (1, 2, 0, 2, 4, 0)), ("EPSG:32610", (1, 0, 0, 0, float("nan"), 0))]
)
def test_a_place_without_area_is_refused(crs: str, transform: tuple[float, ...]) -> None:
    with pytest.raises(ExportError, match="place an image"):
        Place(crs, transform)  # type: ignore[arg-type]


def test_an_unknown_coordinate_system_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    odd = Placed(source={"crs": "EPSG:999999", "transform": [1, 0, 0, 0, -1, 0]})
    with pytest.raises(ExportError, match="coordinate system"):
        write_image(tmp_path / "a.tif", picture(), odd, pixel_size_m=0.3, geometry=GEOMETRY)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [*TIFFS, ".png"])
def test_xmp_says_that_a_model_made_the_image(tmp_path: Path, suffix: str) -> None:
    import tifffile

    path = write_image(tmp_path / f"a{suffix}", picture(), Account(), pixel_size_m=5e-7)
    if suffix == ".png":
        with Image.open(path) as image:
            packet = str(image.info["XML:com.adobe.xmp"])
    else:
        with tifffile.TiffFile(path) as tiff:
            packet = bytes(tiff.pages.first.tags[XMP_TAG].value).decode()
    ElementTree.fromstring(packet[packet.index("?>") + 2 : packet.rindex("<?xpacket")])
    assert DIGITAL_SOURCE_TYPE in packet
    assert "SYNTHETIC" in packet


def reassembled(read: Any, level: int, size: tuple[int, int], suffix: str) -> np.ndarray:
    rows = [
        np.concatenate(
            [np.asarray(Image.open(io.BytesIO(read(f"{level}/{x}_{y}.{suffix}")))) for x in range(-(-size[0] // 256))],
            axis=1,
        )
        for y in range(-(-size[1] // 256))
    ]
    return np.concatenate(rows)


@pytest.mark.parametrize("suffix", [".dzi", ".dzi.zip"])
def test_deep_zoom_holds_every_level_down_to_one_pixel(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"a{suffix}", picture(), Account(), pixel_size_m=5e-7)
    if suffix == ".dzi":
        head, read = path.read_text("utf-8"), lambda name: (tmp_path / "a_files" / name).read_bytes()
    else:
        archive = zipfile.ZipFile(path)
        assert archive.testzip() is None
        head, read = archive.read("a.dzi").decode(), lambda name: archive.read(f"a_files/{name}")
        assert archive.read("a.dzi.manifest.json").decode() == Account().to_json()
    root = ElementTree.fromstring(head)
    assert (root.get("TileSize"), root.get("Overlap"), root.get("Format")) == ("256", "0", "png")
    assert root.find("{*}Size").attrib == {"Width": "701", "Height": "517"}  # type: ignore[union-attr]
    assert "SYNTHETIC" in head
    expected, level = picture(), 10
    while True:
        height, width = expected.shape[:2]
        assert (reassembled(read, level, (width, height), "png") == expected).all()
        if level == 0:
            break
        expected, level = halve(expected), level - 1
    assert expected.shape == (1, 1, 3)
    assert manifest_path(path).read_text("utf-8") == Account().to_json()


def test_deep_zoom_in_jpeg_is_marked_and_replaces_the_earlier_tiles(tmp_path: Path) -> None:
    write_image(tmp_path / "a.dzi", picture(), Account(), pixel_size_m=5e-7)
    write_image(tmp_path / "a.dzi", picture(300, 200), Account("new"), pixel_size_m=5e-7, quality=80)
    files = [file for file in (tmp_path / "a_files").rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".jpg"}
    with Image.open(files[0]) as tile:
        assert tile.info["comment"].startswith(b"SYNTHETIC")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.dzi", "a.dzi.manifest.json", "a_files"]


def test_a_foreign_file_in_the_way_of_the_tiles_is_told(tmp_path: Path) -> None:
    (tmp_path / "a_files").write_text("mine", "utf-8")
    with pytest.raises(ExportError, match="refused"):
        write_image(tmp_path / "a.dzi", picture(40, 40), Account(), pixel_size_m=5e-7)
    assert [file.name for file in tmp_path.iterdir()] == ["a_files"]
