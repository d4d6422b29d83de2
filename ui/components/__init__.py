"""The page's own components: ``gr.HTML`` shells whose scripts and styles are served by our routes."""

from __future__ import annotations

from .shell import appearance, draw, progress, topbar
from .stage import describe, painter, palette, viewer, ways

__all__ = ["appearance", "describe", "draw", "painter", "palette", "progress", "topbar", "viewer", "ways"]
