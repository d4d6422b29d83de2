"""What the page asks of annotations and label masks: reading a file, and painting what it holds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, File, UploadFile

from ..annotating import lay_annotations, read_annotations_for
from ..document_json import layout_to_json
from ..workspace import Workspace
from .image_routes import find_document


def annotation_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.post("/documents/{document_id}/annotations")
    def read(document_id: str, file: Annotated[UploadFile, File()]) -> dict[str, object]:
        document = find_document(workspace, document_id)
        return read_annotations_for(workspace, document, file.filename or "", file.file)

    @router.post("/documents/{document_id}/annotations/lay")
    def lay(document_id: str, payload: Annotated[dict[str, Any], Body()]) -> dict[str, object]:
        document = find_document(workspace, document_id)
        lay_annotations(workspace, document, payload)
        return layout_to_json(document)

    return router
