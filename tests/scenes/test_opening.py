"""Which reader opens what, and what is said about files that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.errors import SceneError
from ssldiff_core.geometry import Box
from ssldiff_core.scenes import ArrayScene, open_scene
from ssldiff_core.scenes.openslide_scene import _bounds
from tests.scenes.pictures import (
    HEIGHT,
    WIDTH,
    picture,
    write_ome_pyramid,
    write_pillow,
    write_plain_pyramid,
    write_raster,
    write_strips,
)

ROUTES: dict[str, tuple[str, Callable[[Path, np.ndarray], Path]]] = {
    "plain.tif": ("openslide", write_plain_pyramid),
    "plain.svs": ("openslide", write_plain_pyramid),
    "sub.ome.tif": ("tifffile", write_ome_pyramid),
    "ome without its suffix.tif": ("tifffile", write_ome_pyramid),
    "strips.tif": ("tifffile", write_strips),
    "jpeg2000.tif": ("tifffile", lambda p, a: write_plain_pyramid(p, a, compression="jpeg2000")),
    "geo.tif": ("rasterio", write_raster),
    "a.png": ("pillow", write_pillow),
    "a.webp": ("pillow", lambda p, a: write_pillow(p, a, lossless=True)),
    "a.bmp": ("pillow", write_pillow),
    "a.jpg": ("pillow", lambda p, a: write_pillow(p, a, quality=95)),
    "png without a suffix": ("pillow", lambda p, a: write_pillow(p, a, format="PNG")),
    "a.tga": ("pillow", lambda p, a: write_pillow(p, a)),
}


@pytest.mark.parametrize("name", ROUTES)
def test_content_decides_the_reader(tmp_path: Path, name: str) -> None:
    reader, write = ROUTES[name]
    with open_scene(write(tmp_path / name, picture())) as scene:
        assert scene.preprocessing["reader"] == reader
        whole = scene.read(Box(0, 0, WIDTH, HEIGHT)).astype(int)
        assert np.abs(whole - picture()).mean() < (6 if name.endswith("jpg") else 1e-9)


def test_a_world_file_makes_a_png_a_raster(tmp_path: Path) -> None:
    path = write_pillow(tmp_path / "a.png", picture())
    path.with_suffix(".pgw").write_text("0.5\n0\n0\n-0.5\n500000\n5000000\n")
    with open_scene(path) as scene:
        assert scene.preprocessing["reader"] == "rasterio"
        assert scene.transform is not None
        assert any("no CRS" in warning for warning in scene.warnings)


def test_all_levels_of_an_ome_tiff_are_seen(tmp_path: Path) -> None:
    with open_scene(write_ome_pyramid(tmp_path / "a.ome.tif", picture())) as scene:
        assert [level.downsample for level in scene.levels] == [1, 2, 4]


def truncated(path: Path) -> Path:
    write_plain_pyramid(path, picture())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def cut_in_the_directory(path: Path) -> Path:
    write_plain_pyramid(path, picture())
    path.write_bytes(path.read_bytes()[:60])
    return path


def text(path: Path) -> Path:
    path.write_text("This is not a slide.\n" * 20)
    return path


def small(path: Path) -> Path:
    Image.new("RGB", (8, 200)).save(path)
    return path


def half_a_png(path: Path) -> Path:
    write_pillow(path, picture())
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def vrt(path: Path) -> Path:
    path.write_text('<VRTDataset rasterXSize="20" rasterYSize="20"></VRTDataset>')
    return path


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone.svs": (lambda path: None, "there is no file"),
    "folder.svs": (lambda path: path.mkdir(), "it is a folder"),
    "empty.svs": (lambda path: path.touch(), "the file is empty"),
    "text.svs": (text, "420 bytes of text"),
    "text.tif": (text, "bytes of text"),
    "noise.svs": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), "nothing that a reader knows"),
    "truncated.svs": (truncated, "damaged or cut short"),
    "truncated.tif": (cut_in_the_directory, "damaged or cut short"),
    "small.png": (small, "at least 16 px"),
    "half.png": (half_a_png, "damaged"),
    "a.vrt": (vrt, "only points at other files"),
    "vrt.tif": (vrt, "only points at other files"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_scene_is_told_plainly(tmp_path: Path, name: str) -> None:
    make, said = BAD[name]
    make(tmp_path / name)
    with pytest.raises(SceneError, match=said) as caught:
        open_scene(tmp_path / name)
    assert str(caught.value).startswith(f"Asked to open {name} as a scene, but ")
    assert caught.value.remedy
    assert name == "gone.svs" or str(tmp_path) not in str(caught.value)


def test_a_name_that_no_system_allows_is_a_scene_error() -> None:
    for name in ("a\0b.svs", "x" * 5000):
        with pytest.raises(SceneError):
            open_scene(name)


def test_a_truncated_real_slide_is_told(tmp_path: Path, shared_data: Path) -> None:
    for slide in sorted((shared_data / "histology/slides").iterdir()):
        content = slide.read_bytes()
        for share in (0.2, 0.6, 0.95):
            path = tmp_path / "cut.svs"
            path.write_bytes(content[: int(len(content) * share)])
            with pytest.raises(SceneError, match="damaged or cut short"):
                open_scene(path)


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_pixel_size_given_is_a_length(tmp_path: Path, size: float) -> None:
    with pytest.raises(SceneError, match="length in metres"):
        open_scene(write_pillow(tmp_path / "a.png", picture()), pixel_size_m=size)


def test_an_unknown_pixel_size_is_asked_for_only_when_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture()).save(path)
    with open_scene(path) as scene:
        assert scene.pixel_size_m is None
        assert any("--scene-pixel-size" in warning for warning in scene.warnings)
        assert scene.read(Box(0, 0, 64, 64)).shape == (64, 64, 3)
        with pytest.raises(SceneError, match="--scene-pixel-size"):
            scene.read(Box(0, 0, 64, 64), 0.5e-6)
    with open_scene(path, pixel_size_m=0.25e-6) as scene:
        assert scene.read(Box(0, 0, 64, 64), 0.5e-6).shape == (32, 32, 3)
        assert scene.warnings == ()


def test_a_pixel_size_for_printing_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture()).save(path, dpi=(72, 72))
    with open_scene(path) as scene:
        assert scene.pixel_size_m is None
        assert any("72 dots an inch" in warning for warning in scene.warnings)


def test_transparency_is_white_paper(tmp_path: Path) -> None:
    rgba = np.concatenate([picture(), np.full((HEIGHT, WIDTH, 1), 255, np.uint8)], axis=-1)
    rgba[:100, :, 3], rgba[100:200, :, 3] = 0, 128
    Image.fromarray(rgba).save(tmp_path / "a.png")
    with open_scene(tmp_path / "a.png") as scene:
        region = scene.read_region(Box(0, 0, WIDTH, HEIGHT))
    assert not region.valid[:100].any()
    assert region.valid[100:].all()
    assert (region.pixels[:100] == 255).all()
    assert np.abs(region.pixels[100:200] - (picture()[100:200] * (128 / 255) + 127)).max() <= 1
    assert (region.pixels[200:] == picture()[200:]).all()


def test_sixteen_bit_images_are_stretched(tmp_path: Path) -> None:
    Image.fromarray(picture()[..., 0].astype(np.uint16) * 100).save(tmp_path / "a.png")
    with open_scene(tmp_path / "a.png", value_range=(0, 25_500)) as scene:
        assert (scene.read(Box(0, 0, WIDTH, HEIGHT))[..., 1] == picture()[..., 0]).all()


def test_channels_of_an_ome_tiff_can_be_chosen(tmp_path: Path) -> None:
    path = write_ome_pyramid(tmp_path / "a.ome.tif", picture().astype(np.uint16) * 10, axes="CYX")
    with open_scene(path, bands=(3,), value_range=(0, 2550)) as scene:
        assert (scene.read(Box(0, 0, WIDTH, HEIGHT))[..., 0] == picture()[..., 2]).all()
    with open_scene(path) as scene:
        assert scene.preprocessing["stretch"]["origin"] == "percentiles"


def test_bounds_of_openslide_are_known_and_cut_to_the_scene() -> None:
    properties = {
        f"openslide.bounds-{key}": value
        for key, value in zip(["x", "y", "width", "height"], ["10", "20", "300", "9999"], strict=True)
    }
    bounds = _bounds(properties)
    assert bounds == Box(10, 20, 300, 9999)
    assert ArrayScene(picture(), bounds_l0=bounds).bounds_l0 == Box(10, 20, 300, HEIGHT - 20)
    assert _bounds({}) is None


def test_a_read_too_large_to_hold_is_refused() -> None:
    with pytest.raises(SceneError, match="Read it in parts"):
        ArrayScene(picture(), pixel_size_m=1e-6).read(Box(0, 0, 700, 500), 1e-12)


def test_large_reads_go_in_parts_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    from ssldiff_core.scenes import resample

    scene = ArrayScene(picture())
    whole = scene.read(Box(-10, 3.3, 650, 500), size_px=(217, 167)).astype(int)
    monkeypatch.setattr(resample, "_BLOCK_PX", 5_000)
    parts = scene.read(Box(-10, 3.3, 650, 500), size_px=(217, 167))
    assert np.abs(parts - whole).max() <= 1
