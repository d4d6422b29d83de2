"""Every reader obeys the same laws."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.errors import SceneError
from ssldiff_core.geometry import Box
from ssldiff_core.scenes import Scene
from tests.scenes.pictures import HEIGHT, READERS, WIDTH, picture


@pytest.fixture(params=READERS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with READERS[request.param](tmp_path) as opened:
        yield opened


def test_level_0_is_what_the_file_holds(scene: Scene) -> None:
    assert scene.size_l0 == (WIDTH, HEIGHT)
    region = scene.read_region(Box(0, 0, WIDTH, HEIGHT))
    assert (region.pixels == picture()).all()
    assert region.valid.all()
    assert (scene.read(Box(300, 200, 50, 40)) == picture()[200:240, 300:350]).all()


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.9, 2.0, 5.3])
def test_reading_parts_equals_reading_the_whole(scene: Scene, scale: float) -> None:
    corner, size = (33.3, 21.7), (96, 64)
    whole = scene.read(Box(*corner, size[0] * scale, size[1] * scale), size_px=size)
    for row, col, height, width in ((0, 0, 64, 40), (17, 40, 30, 56), (63, 95, 1, 1)):
        box = Box(corner[0] + col * scale, corner[1] + row * scale, width * scale, height * scale)
        part = scene.read(box, size_px=(width, height)).astype(int)
        assert np.abs(part - whole[row : row + height, col : col + width]).max() <= 1


@pytest.mark.parametrize(("times", "size"), [(1.0, (200, 100)), (2.0, (100, 50)), (0.5, (400, 200)), (3.0, (67, 33))])
def test_pixel_size_fixes_the_size_of_a_read(scene: Scene, times: float, size: tuple[int, int]) -> None:
    assert scene.pixel_size_m is not None
    pixels = scene.read(Box(10.5, 20.5, 200, 100), scene.pixel_size_m * times)
    assert (pixels.shape[1], pixels.shape[0]) == size


@pytest.mark.parametrize("scale", [2.0, 3.5])
def test_coarse_reads_show_the_same_place(scene: Scene, scale: float) -> None:
    size = (round(WIDTH / scale), round(HEIGHT / scale))
    coarse = scene.read(Box(0, 0, WIDTH, HEIGHT), size_px=size).astype(float)
    expected = np.asarray(Image.fromarray(picture()).resize(size, Image.Resampling.LANCZOS))
    assert np.abs(coarse - expected).mean() < 5
    shifted = np.abs(coarse[:, 1:] - expected[:, :-1]).mean()
    assert shifted > 2 * np.abs(coarse - expected).mean()


def test_outside_is_white_and_invalid(scene: Scene) -> None:
    region = scene.read_region(Box(-20, HEIGHT - 30, 60, 50))
    assert region.pixels.shape == (50, 60, 3)
    assert region.valid[:30, 20:].all()
    assert region.valid.sum() == 30 * 40
    assert (region.pixels[~region.valid] == 255).all()
    assert (region.pixels[:30, 20:] == picture()[-30:, :40]).all()


def test_a_region_wholly_outside_is_an_error_that_names_the_nearest_inside(scene: Scene) -> None:
    with pytest.raises(SceneError, match=r"wholly outside.*nearest region inside is 601,0,100,100"):
        scene.read(Box(WIDTH, -50, 100, 100))


def test_thumbnails_keep_the_proportions_and_never_grow(scene: Scene) -> None:
    assert scene.thumbnail(200).shape == (round(HEIGHT * 200 / WIDTH), 200, 3)
    assert scene.thumbnail().shape == (HEIGHT, WIDTH, 3)


def test_threads_read_what_one_reads(scene: Scene) -> None:
    boxes = [Box(x, y, 180, 130) for x in range(0, 600, 60) for y in range(0, 400, 80)]
    alone = [scene.read(box, size_px=(90, 65)) for box in boxes]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda box: scene.read(box, size_px=(90, 65)), boxes))
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


def test_a_closed_scene_says_so(scene: Scene) -> None:
    scene.close()
    scene.close()
    with pytest.raises(SceneError, match="closed"):
        scene.read(Box(0, 0, 10, 10))


def test_arrays_are_read_only_and_the_account_is_json(scene: Scene) -> None:
    import json

    assert not scene.read(Box(0, 0, 10, 10)).flags.writeable
    assert json.loads(json.dumps(scene.preprocessing)) == scene.preprocessing
    assert scene.preprocessing["reader"]


def test_levels_go_from_fine_to_coarse_and_start_at_1(scene: Scene) -> None:
    downsamples = [level.downsample for level in scene.levels]
    assert downsamples[0] == 1.0
    assert downsamples == sorted(downsamples)
    assert scene.bounds_l0 == Box(0, 0, WIDTH, HEIGHT)
