"""Tiles of a level cover the scene once."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from ssldiff_core.errors import SceneError
from ssldiff_core.geometry import Box
from ssldiff_core.scenes import ArrayScene
from ui.library import SceneEntry
from ui.open_scenes import OpenScene, OpenScenes
from ui.projecting import Projections
from ui.tiles import ByteCache, TileServer, max_level, tile_box


@pytest.mark.parametrize("size", [(256, 256), (257, 100), (2220, 2967), (1, 5000)])
def test_tiles_of_each_level_cover_the_scene_without_overlap(size: tuple[int, int]) -> None:
    for z in range(max_level(size) + 1):
        scale = 2 ** (max_level(size) - z)
        width, height = (-(-side // scale) for side in size)
        area = 0
        for x in range(-(-width // 256)):
            for y in range(-(-height // 256)):
                box, (tile_width, tile_height) = tile_box(size, z, x, y)
                assert (box.x, box.y) == (x * 256 * scale, y * 256 * scale)
                assert (box.width, box.height) == (tile_width * scale, tile_height * scale)
                area += tile_width * tile_height
        assert area == width * height


def test_the_whole_scene_fits_one_tile_at_level_0() -> None:
    assert tile_box((2220, 2967), 0, 0, 0)[1] == (139, 186)


@pytest.mark.parametrize(("z", "x", "y"), [(-1, 0, 0), (5, 0, 0), (0, 1, 0), (4, 9, 0), (4, 0, 12), (4, -1, 0)])
def test_a_tile_that_is_not_there_is_refused(z: int, x: int, y: int) -> None:
    with pytest.raises(SceneError):
        tile_box((2220, 2967), z, x, y)


def test_the_cache_stays_within_its_budget_and_makes_each_key_once() -> None:
    cache, made = ByteCache(1000), []

    def make(key: int) -> bytes:
        made.append(key)
        return bytes(400)

    for key in (1, 2, 1, 3, 1):
        cache.get(key, lambda key=key: make(key))
    assert made == [1, 2, 3]
    cache.get(2, lambda: make(2))
    assert made == [1, 2, 3, 2]


def test_what_many_ask_for_at_once_is_made_once_and_nothing_else_waits() -> None:
    cache, made, release = ByteCache(1000), [], threading.Event()

    def slow() -> bytes:
        made.append("slow")
        assert release.wait(30)
        return b"slow"

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(cache.get, "slow", slow) for _ in range(6)]
        assert cache.get("quick", lambda: b"quick") == b"quick"  # while the other is being made
        assert not any(one.done() for one in waiting)
        release.set()
        assert {one.result(30) for one in waiting} == {b"slow"}
    assert made == ["slow"]


def test_what_fails_is_told_to_all_who_wait_and_tried_again_by_the_next() -> None:
    cache, release = ByteCache(1000), threading.Event()

    def fail() -> bytes:
        assert release.wait(30)
        raise SceneError("show a tile", "the file is broken")

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(cache.get, "a", fail) for _ in range(3)]
        time.sleep(0.05)
        release.set()
        assert all(isinstance(one.exception(30), SceneError) for one in waiting)
    assert cache.get("a", lambda: b"mended") == b"mended"


class Counted(ArrayScene):
    """Counts the stored pixels that are read; large reads wait until they are let go on."""

    def __init__(self, pixels: np.ndarray, large: threading.Event | None = None) -> None:
        super().__init__(pixels, pixel_size_m=1e-6)
        self.read_px, self._large = 0, large

    def _read_level(self, level: int, x: int, y: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
        self.read_px += width * height
        if self._large is not None and width * height > 2**20:
            assert self._large.wait(30)
        return super()._read_level(level, x, y, width, height)


def waves(side: int) -> np.ndarray:
    """(side, side, 3) uint8, smooth."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / 97
    return np.stack([128 + 100 * np.sin(x), 128 + 100 * np.cos(y), 128 + 60 * np.sin(x + y)], axis=-1).astype(np.uint8)


def test_all_coarse_tiles_of_a_file_without_levels_cost_one_pass_over_it() -> None:
    scene = Counted(waves(4096))
    opened, top = OpenScene(scene), max_level(scene.size_l0)
    coarse = [(z, x, y) for z in range(top - 2) for x in range(1 << z) for y in range(1 << z)]
    for z, x, y in coarse:
        box, size_px = tile_box(scene.size_l0, z, x, y)
        tile = opened.read(box, size_px)
        assert tile.shape == (size_px[1], size_px[0], 3)
        exact = ArrayScene(scene.read(box)).read(Box(0, 0, box.width, box.height), size_px=size_px)
        assert np.abs(tile.astype(int) - exact).mean() < 1.5
        scene.read_px -= int(box.width * box.height)  # what the test itself has read
    assert scene.read_px < 1.1 * 4096**2


def test_an_image_that_is_no_square_keeps_its_places_in_the_overview() -> None:
    pixels = np.zeros((512, 8192, 3), np.uint8)
    pixels[:, 4096:] = 255
    box, size_px = tile_box((8192, 512), 0, 0, 0)
    tile = OpenScene(Counted(pixels)).read(box, size_px)
    assert tile.shape == (16, 256, 3)
    assert tile[:, :126].max() < 10
    assert tile[:, 130:].min() > 245


def test_fine_tiles_do_not_wait_for_a_coarse_one() -> None:
    large = threading.Event()
    opened = OpenScene(Counted(waves(4096), large))
    with ThreadPoolExecutor(4) as pool:
        coarse = [pool.submit(opened.read, *tile_box((4096, 4096), 0, 0, 0)) for _ in range(3)]
        fine = opened.read(*tile_box((4096, 4096), 4, 3, 5))
        assert (fine == waves(4096)[5 * 256 : 6 * 256, 3 * 256 : 4 * 256]).all()
        assert not any(one.done() for one in coarse)
        large.set()
        assert len({one.result(30).tobytes() for one in coarse}) == 1
    assert opened.scene.read_px < 1.1 * 4096**2 + 2 * 256**2  # type: ignore[attr-defined]


def test_a_file_is_opened_once_by_many_and_closed_when_others_push_it_out(tmp_path: Path) -> None:
    for name in "abc":
        tifffile.imwrite(tmp_path / f"{name}.tif", waves(64), photometric="rgb")
    entries = [
        SceneEntry(name, "root", tmp_path / f"{name}.tif", name, "", "1", 1) for name in "abc"
    ]  # fmt: skip
    scenes = OpenScenes(capacity=2)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: scenes.get(entries[0]), range(24)))
    assert len({id(scene) for scene in found}) == 1
    for entry in entries[1:]:
        scenes.get(entry)
    assert scenes.get(entries[0]) is not found[0]
    assert (np.asarray(found[0].read(Box(0, 0, 64, 64))) == waves(64)).all()  # who has it still reads it
    with Image.open(io.BytesIO(TileServer(scenes).thumbnail(entries[1], 32))) as image:
        assert image.size == (32, 32)


def test_the_same_vectors_are_laid_out_once() -> None:
    projections, made = Projections(kept=2), []

    def make() -> np.ndarray:
        made.append(1)
        return np.zeros((4, 2))

    vectors = [np.full((4, 3), k, np.float32) for k in range(3)]
    for k in (0, 0, 1, 0, 2, 1):
        assert projections.get(vectors[k], make).shape == (4, 2)
    assert len(made) == 4  # the second was pushed out by the third
