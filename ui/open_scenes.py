"""Scene files that are open, and the overviews that keep coarse tiles of files without levels from being dear.

Scenes bear many threads, so nobody waits for another's read. What does take turns are reads of very many stored pixels,
which would fill memory together.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ssldiff_core.geometry import Box

from .library import SceneEntry
from .once import Once

if TYPE_CHECKING:
    from ssldiff_core.scenes import Scene

HEAVY_PX = 2**20
"""Stored pixels that one tile may be made of; where a file has no level that is coarse enough, an overview serves."""
MOST_OVERVIEW_PX = 4096
_HEAVY_AT_ONCE = threading.BoundedSemaphore(2)


class OpenScene:
    """A scene with its overview, which is made when it is first needed, by one pass over the file."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._making = threading.Lock()

    @cached_property
    def overview_px(self) -> int:
        """Longer side of the overview: the finest that spares heavy reads, within bounds."""
        coarsest = max(level.downsample for level in self.scene.levels)
        return min(MOST_OVERVIEW_PX, math.ceil(max(self.scene.size_l0) / (8 * coarsest)))

    @cached_property
    def overview(self) -> Image.Image:
        """The whole scene in small."""
        return Image.fromarray(self.scene.thumbnail(self.overview_px))

    def read(self, box: Box, size_px: tuple[int, int]) -> np.ndarray:
        """A box of level-0 pixels as RGB (height, width, 3) uint8; from the overview where the file would be dear.

        Raises:
            SceneError: where the file is broken at this place.
        """
        scale = min(box.width / size_px[0], box.height / size_px[1])
        fine = [level.downsample for level in self.scene.levels if level.downsample <= scale * 1.01]
        if box.width * box.height / max(fine, default=1.0) ** 2 <= HEAVY_PX:
            return self.scene.read(box, size_px=size_px)
        if scale * self.overview_px < max(self.scene.size_l0) * 0.99:  # finer than the overview
            with _HEAVY_AT_ONCE:
                return self.scene.read(box, size_px=size_px)
        with self._making:  # of those that need it the first makes it
            overview = self.overview
        across = overview.width / self.scene.size_l0[0], overview.height / self.scene.size_l0[1]
        window = (
            max(0.0, box.x * across[0]), max(0.0, box.y * across[1]),
            min(float(overview.width), box.right * across[0]), min(float(overview.height), box.bottom * across[1]),
        )  # fmt: skip
        return np.asarray(overview.resize(size_px, Image.Resampling.LANCZOS, box=window))


class OpenScenes:
    """Open scene files, at most ``capacity`` at a time."""

    def __init__(self, capacity: int = 12) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[str, str], OpenScene] = OrderedDict()
        self._opening: Once[tuple[str, str], OpenScene] = Once()

    def read(self, entry: SceneEntry, use: Callable[[Scene], np.ndarray]) -> np.ndarray:
        """What ``use`` reads from the open scene."""
        return use(self.get(entry))

    def read_small(self, entry: SceneEntry, box: Box, size_px: tuple[int, int]) -> np.ndarray:
        """A tile or thumbnail: as :meth:`OpenScene.read`."""
        return self._get(entry).read(box, size_px)

    def get(self, entry: SceneEntry) -> Scene:
        """The open scene."""
        return self._get(entry).scene

    def _get(self, entry: SceneEntry) -> OpenScene:
        key = (entry.id, entry.version)
        return self._look_up(key) or self._opening.get(key, lambda: self._look_up(key) or self._opened(entry.path, key))

    def _look_up(self, key: tuple[str, str]) -> OpenScene | None:
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
            return self._open.get(key)

    def _opened(self, path: Path, key: tuple[str, str]) -> OpenScene:
        from ssldiff_core.scenes import open_scene

        opened = OpenScene(open_scene(path))
        with self._lock:
            self._open[key] = opened
            # a scene pushed out is closed when its last reader lets go of it
            while len(self._open) > self._capacity:
                self._open.popitem(last=False)
        return opened
