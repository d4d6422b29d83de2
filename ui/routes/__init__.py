"""Our own routes beside Gradio: bulk data, strokes, and what the page's scripts ask for."""

from __future__ import annotations

from fastapi import FastAPI

from ..workspace import Workspace
from .annotation_routes import annotation_routes
from .describe_routes import describe_routes
from .document_routes import document_routes
from .export_routes import export_routes
from .file_routes import file_routes
from .follow_routes import follow_routes
from .image_routes import image_routes
from .kiosk_routes import kiosk_routes
from .model_routes import model_routes
from .palette_routes import palette_routes
from .queue_routes import queue_routes
from .reader_routes import reader_routes
from .result_routes import result_routes
from .scene_routes import scene_routes
from .security import add_guards
from .service_routes import service_routes
from .static_routes import static_routes
from .strokes import stroke_routes


def add_routes(app: FastAPI, workspace: Workspace) -> None:
    """All routes; to be called before Gradio is mounted, which takes every path that is left."""
    add_guards(app, workspace.config)
    makers = (
        annotation_routes, describe_routes, document_routes, export_routes, file_routes, follow_routes, kiosk_routes,
        model_routes, palette_routes, queue_routes, reader_routes, result_routes, scene_routes, image_routes,
        service_routes, stroke_routes,
    )  # fmt: skip
    for router in (static_routes(), *(make(workspace) for make in makers)):
        app.include_router(router)
