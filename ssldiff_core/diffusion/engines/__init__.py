"""Engines: how a denoiser draws a canvas larger than it was trained on."""

from .dense import DenseEngine, EngineStep
from .notebook import NotebookEngine

__all__ = ["DenseEngine", "EngineStep", "NotebookEngine"]
