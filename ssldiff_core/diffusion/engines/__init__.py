"""Engines: how a denoiser draws a canvas larger than it was trained on."""

from .dense import DenseEngine, EngineStep
from .notebook import NotebookEngine
from .shifted import ShiftedEngine
from .windowed import WindowedEngine, WindowStep

__all__ = ["DenseEngine", "EngineStep", "NotebookEngine", "ShiftedEngine", "WindowStep", "WindowedEngine"]
