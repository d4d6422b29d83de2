"""The app: one FastAPI process with a Gradio page, our own routes, documents and jobs."""

from __future__ import annotations

from .config import AppConfig
from .server import create_app, serve

__all__ = ["AppConfig", "create_app", "serve"]
