"""Downloads that are made when they are asked for: images in other formats, and a blinded set for readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from ..exporting import IMAGES, download_name, export_image, export_pair, scratch_folder
from ..results import find_result
from ..workspace import Workspace
from .image_routes import find_document


def export_routes(workspace: Workspace) -> APIRouter:
    """To be included before the routes of images, which take every name of a result's file that is left."""
    router = APIRouter()

    @router.get("/documents/{document_id}/results/{result_id}/export.{ending}")
    def image(document_id: str, result_id: str, ending: str) -> FileResponse:
        document = find_document(workspace, document_id)
        record = find_result(document, result_id)
        if record is None or ending not in IMAGES:
            raise HTTPException(404, "This result is no longer in the document.")
        return send_made(
            workspace,
            download_name(record.name, ending),
            lambda folder: export_image(workspace, document, record, ending, folder),
        )

    @router.get("/documents/{document_id}/results/{result_id}/pair.zip")
    def pair(document_id: str, result_id: str) -> FileResponse:
        document = find_document(workspace, document_id)
        record = find_result(document, result_id)
        if record is None:
            raise HTTPException(404, "This result is no longer in the document.")
        return send_made(
            workspace,
            download_name(record.name, "pair.zip"),
            lambda folder: export_pair(workspace, document, record, folder),
        )

    return router


def send_made(workspace: Workspace, filename: str, make: Callable[[Path], Path]) -> FileResponse:
    """Send a file that ``make`` writes into the folder it gets; it is removed afterwards."""
    folder, remove = scratch_folder(workspace)
    try:
        path = make(folder)
    except BaseException:
        remove()
        raise
    return FileResponse(path, filename=filename, background=BackgroundTask(remove))
