"""Tiles of a level cover the scene once."""

from __future__ import annotations

import pytest

from ssldiff_core.errors import SceneError
from ui.tiles import ByteCache, max_level, tile_box


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
