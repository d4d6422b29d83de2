"""Whole documents: as a file out and in, copied, deleted; and what the user answers to a question of the app."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, UploadFile
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from ssldiff_core.errors import LayoutError

from ..document_files import duplicate_document, read_document_file, write_document_file
from ..document_json import document_to_json
from ..scene_links import link_scene
from ..users import current_user
from ..workspace import Workspace
from .image_routes import find_document

SUFFIX = ".ssldiff"


def file_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()
    store = workspace.documents

    @router.get("/documents/{document_id}/file")
    def save(document_id: str) -> FileResponse:
        document = find_document(workspace, document_id)
        handle, name = tempfile.mkstemp(dir=workspace.config.data_dir, prefix=".out-", suffix=SUFFIX)
        os.close(handle)
        path = Path(name)
        try:
            write_document_file(store, document, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        filename = (re.sub(r"[^\w.() -]+", "_", document.name).strip(" .") or "document") + SUFFIX
        done = BackgroundTask(path.unlink, missing_ok=True)
        return FileResponse(path, media_type="application/zip", filename=filename, background=done)

    @router.post("/document-files")
    def load(file: Annotated[UploadFile, File()]) -> dict[str, object]:
        document = read_document_file(store, file.file, workspace.config.max_upload_bytes, current_user())
        link_scene(workspace, document)
        return document_to_json(document)

    @router.post("/documents/{document_id}/duplicate")
    def duplicate(document_id: str) -> dict[str, object]:
        return document_to_json(duplicate_document(store, find_document(workspace, document_id), current_user()))

    @router.post("/documents/{document_id}/delete")
    def delete(document_id: str) -> dict[str, object]:
        document = find_document(workspace, document_id)
        for job in workspace.jobs.of_document(document_id):
            workspace.jobs.cancel(job.id)
        store.delete(document)
        return {"ok": True}

    @router.post("/documents/{document_id}/accept")
    def accept(document_id: str) -> dict[str, object]:
        document = find_document(workspace, document_id)
        if document.layout is None:
            raise LayoutError("go on", "there is no grid yet")
        document.accept_note()
        workspace.publish_document(document)
        return document_to_json(document)

    return router
