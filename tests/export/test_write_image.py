"""Files come out whole, at the right size, with their manifest, and marked; or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.errors import ExportError, ManifestError
from ssldiff_core.export import SUFFIXES, manifest_path, read_manifest, write_image
from ssldiff_core.export.pixels import ArraySource, Pyramid, halve, pyramid_shapes
from ssldiff_core.geometry import Box, GridGeometry
from ssldiff_core.scenes import ArrayScene, open_scene

IMAGES = [suffix for suffix in SUFFIXES if ".dzi" not in suffix]
"""Those that are read back as a scene; Deep Zoom has a file of its own."""


@dataclass(frozen=True)
class Account:
    """A manifest as far as export looks at it, with all that is hard to carry in XML and tags."""

    note: str = "5 µm < 6 µm & \"quotes\" 'too' ]]>\n"

    def to_json(self) -> str:
        return json.dumps({"synthetic": True, "note": self.note}, ensure_ascii=False, indent=1)


def picture(width: int = 701, height: int = 517) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 17 + y / 31), np.sin(x / 7 - y / 23), np.cos(x / 41 + y / 11)]
    return (128 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("pixel_size_m", [2.5e-7, 5e-7, 5e-3, 0.3])
@pytest.mark.parametrize("suffix", IMAGES)
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str, pixel_size_m: float) -> None:
    path = write_image(tmp_path / f"a{suffix}", picture(), Account(), pixel_size_m=pixel_size_m)
    assert read_manifest(path) == Account().to_json()
    assert manifest_path(path).read_text("utf-8") == Account().to_json()
    with open_scene(path) as scene:
        assert scene.pixel_size_m == pytest.approx(pixel_size_m)
        assert scene.synthetic
        assert scene.warnings == ()
        assert (scene.read(Box(0, 0, 701, 517)) == picture()).all()
        wanted = [1] if suffix == ".png" else [1, 2, 4]
        assert [level.downsample for level in scene.levels] == pytest.approx(wanted, rel=0.01)
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, manifest_path(path).name]


@pytest.mark.parametrize("suffix", IMAGES)
def test_the_manifest_survives_without_the_file_beside(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"a{suffix}", picture(), Account(), pixel_size_m=5e-7)
    manifest_path(path).unlink()
    assert read_manifest(path) == Account().to_json()


def test_the_manifest_beside_serves_where_the_image_lost_its_own(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", picture(), Account(), pixel_size_m=5e-7)
    Image.open(path).copy().save(path)
    assert read_manifest(path) == Account().to_json()
    assert read_manifest(manifest_path(path)) == Account().to_json()
    manifest_path(path).unlink()
    with pytest.raises(ManifestError, match=r"none in it or beside it.*a\.png\.manifest\.json"):
        read_manifest(path)
    with pytest.raises(ManifestError, match="there is no file"):
        read_manifest(tmp_path / "gone.png")


def test_a_manifest_too_large_for_a_file_stands_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssldiff_core.export.embedding._MAX_INSIDE", 1000)
    large = Account("x" * 2000)
    for suffix in IMAGES:
        path = write_image(tmp_path / f"a{suffix}", picture(), large, pixel_size_m=5e-7)
        assert read_manifest(path) == large.to_json()
        manifest_path(path).unlink()
        with pytest.raises(ManifestError):
            read_manifest(path)


def test_other_programs_see_the_mark_and_the_pixel_size(tmp_path: Path) -> None:
    import openslide
    import rasterio
    import tifffile

    write_image(tmp_path / "a.tif", picture(), Account(), pixel_size_m=5e-7)
    with openslide.OpenSlide(str(tmp_path / "a.tif")) as slide:
        assert slide.level_dimensions == ((701, 517), (351, 259), (176, 130))
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5)
        assert slide.properties["openslide.comment"].startswith("SYNTHETIC")
        assert (np.asarray(slide.read_region((0, 0), 0, (701, 517)))[..., :3] == picture()).all()
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith("SYNTHETIC")
        assert dataset.overviews(1) == [2, 4]
    write_image(tmp_path / "a.ome.tif", picture(), Account(), pixel_size_m=5e-7)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert tiff.is_ome
        assert len(tiff.pages.first.subifds) == 2
        assert "SYNTHETIC" in tiff.pages.first.software
        assert [level.shape for level in tiff.series[0].levels] == [(517, 701, 3), (259, 351, 3), (130, 176, 3)]
        assert 'PhysicalSizeX="0.5" PhysicalSizeXUnit="µm"' in tiff.ome_metadata
    write_image(tmp_path / "a.png", picture(), Account(), pixel_size_m=5e-7)
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["Title"] == "SYNTHETIC image"
        assert image.info["dpi"][0] == pytest.approx(50_800)


@pytest.mark.parametrize("suffix", IMAGES)
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    files = [
        write_image(tmp_path / f"{name}{suffix}", picture(), Account(), pixel_size_m=5e-7).read_bytes() for name in "ab"
    ]
    assert files[0] == files[1]


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".cog.tif"])
def test_jpeg_inside_keeps_the_colours(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"a{suffix}", picture(), Account(), pixel_size_m=5e-7, quality=90)
    with open_scene(path) as scene:
        for size in ((701, 517), (176, 130)):
            expected = np.asarray(Image.fromarray(picture()).resize(size, Image.Resampling.BOX)).astype(int)
            assert np.abs(scene.read(Box(0, 0, 701, 517), size_px=size) - expected).mean() < 9


@pytest.mark.parametrize("suffix", IMAGES)
def test_a_scene_is_written_like_its_pixels(tmp_path: Path, suffix: str) -> None:
    geometry = GridGeometry((4, 5), 5e-7, origin_l0=(1000.0, 2000.0))
    arguments = {"manifest": Account(), "pixel_size_m": 5e-7, "geometry": geometry}
    one = write_image(tmp_path / f"one{suffix}", picture(), **arguments)
    other = write_image(tmp_path / f"other{suffix}", ArrayScene(picture()), **arguments)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("shape", [(1, 1), (1, 257), (256, 256), (300, 511), (513, 1025)])
def test_levels_are_rounded_means_at_odd_sizes(shape: tuple[int, int], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    pyramid, expected = Pyramid(ArraySource(pixels), tmp_path), pixels
    assert pyramid.shapes == pyramid_shapes(shape)
    for level, (height, width) in enumerate(pyramid.shapes):
        tiles = list(pyramid.tiles(level))
        across = -(-width // 256)
        rows = [np.concatenate(tiles[i : i + across], axis=1) for i in range(0, len(tiles), across)]
        assert (np.concatenate(rows)[:height, :width] == expected).all()
        expected = halve(expected)
    assert max(pyramid.shapes[-1]) <= 256


def test_levels_too_large_for_memory_wait_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = picture()
    expected = write_image(tmp_path / "a.tif", pixels, Account(), pixel_size_m=1.0).read_bytes()
    monkeypatch.setattr("ssldiff_core.export.pixels._IN_MEMORY_BYTES", 1000)
    assert write_image(tmp_path / "b.tif", pixels, Account(), pixel_size_m=1.0).read_bytes() == expected
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("name", ["a.jpg", "a", ".tif", "a.ome", "a.zarr"])
def test_unknown_suffixes_name_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportError, match=r"\.ome\.tif.*\.png.*For example"):
        write_image(tmp_path / name, picture(), Account(), pixel_size_m=5e-7)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (np.zeros((8, 8), np.uint8), {}),
        (np.zeros((8, 8, 3), np.float32), {}),
        (np.zeros((0, 8, 3), np.uint8), {}),
        ("image", {}),
        (np.zeros((8, 8, 3), np.uint8), {"pixel_size_m": 0.0}),
        (np.zeros((8, 8, 3), np.uint8), {"pixel_size_m": float("nan")}),
        (np.zeros((8, 8, 3), np.uint8), {"quality": 101}),
    ],
)
def test_what_is_no_image_is_an_error_before_a_file_exists(tmp_path: Path, image: object, options: dict) -> None:
    with pytest.raises(ExportError):
        write_image(tmp_path / "a.tif", image, Account(), **{"pixel_size_m": 1.0, **options})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_folders_that_cannot_be_written_to_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "a.png").mkdir()
    places = {tmp_path / "gone/a.png": "There is no folder", tmp_path / "file/a.png": "is not a folder"}
    places |= {tmp_path / "a.png": "refused", Path("/proc/a.png"): "refused"}
    for place, said in places.items():
        with pytest.raises(ExportError, match=said):
            write_image(place, picture(40, 40), Account(), pixel_size_m=1.0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "file"]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ExportError, match="refused"):
        write_image(tmp_path / "a.png", picture(40, 40), Account(), pixel_size_m=1.0)


def test_an_error_on_the_way_leaves_the_old_file(tmp_path: Path) -> None:
    class Broken(ArrayScene):
        def _read_level(self, level: int, x: int, y: int, width: int, height: int):  # type: ignore[no-untyped-def]
            if y + height > 300:
                raise ValueError("no more")
            return super()._read_level(level, x, y, width, height)

    for suffix in IMAGES:
        path = write_image(tmp_path / f"a{suffix}", picture(), Account(), pixel_size_m=1.0)
        before = path.read_bytes()
        with pytest.raises(Exception, match="no more"):
            write_image(path, Broken(picture()), Account("new"), pixel_size_m=1.0)
        assert path.read_bytes() == before
        assert read_manifest(manifest_path(path)) == Account().to_json()
    assert len(list(tmp_path.iterdir())) == 2 * len(IMAGES)


FULL_DISK = """
import resource, sys
import numpy as np
from ssldiff_core.errors import ExportError
from ssldiff_core.export import write_image

class Account:
    def to_json(self):
        return "{}"

noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3)).astype(np.uint8)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    write_image(sys.argv[1], noise, Account(), pixel_size_m=1.0)
except ExportError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits")
@pytest.mark.parametrize("suffix", [".png", ".tif", ".ome.tif", ".cog.tif", ".dzi.zip"])
def test_a_file_that_the_system_cuts_short_is_an_error_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    """A real refusal while writing: the process may not make files above 300 kB."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / f"a{suffix}")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "the file system refused" in done.stdout
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A file system of 1 MiB, where the system lets us make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        made = False
    if not made:
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ome.tif", ".cog.tif", ".dzi", ".dzi.zip"])
def test_a_full_disk_is_an_error_and_leaves_nothing(small_disk: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3)).astype(np.uint8)
    said = "the file system refused" if suffix == ".cog.tif" else "No space left on device"  # GDAL keeps the reason
    with pytest.raises(ExportError, match=said):
        write_image(small_disk / f"a{suffix}", noise, Account(), pixel_size_m=1.0)
    assert not list(small_disk.iterdir())
