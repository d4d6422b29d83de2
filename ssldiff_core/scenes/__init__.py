"""Pixels in: one :class:`Scene` for whole slides, aerial rasters and ordinary images."""

from .array_scene import ArrayScene
from .opening import open_scene
from .scene import Level, Region, Scene

__all__ = ["ArrayScene", "Level", "Region", "Scene", "open_scene"]
