"""What the page's scripts ask for as JSON: scenes, models, documents, edits, jobs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, File, UploadFile

from .. import handlers, swatches
from ..document_json import document_to_json, layout_to_json
from ..growing import grow
from ..model_choice import model_to_json
from ..projecting import start_umap
from ..scene_links import link_scene
from ..users import current_user
from ..workspace import Workspace
from .image_routes import find_document, find_job

Payload = Annotated[dict[str, Any], Body()]


def document_routes(workspace: Workspace) -> APIRouter:
    """Routes are thin: they find the document and call a handler."""
    router = APIRouter()
    _add_opening(router, workspace)
    _add_document(router, workspace)
    _add_jobs(router, workspace)
    return router


def _add_opening(router: APIRouter, workspace: Workspace) -> None:
    @router.get("/library")
    def library() -> dict[str, object]:
        return {
            "scenes": [entry.to_json() for entry in workspace.library.listing()],
            "has_root": workspace.config.root is not None,
            "recent": [] if workspace.config.kiosk else workspace.documents.recent(),
            "models": [model_to_json(spec) for spec in workspace.models()],
            "user": current_user(),
            "has_login": bool(workspace.config.accounts),
        }

    @router.post("/documents")
    def create(payload: Payload) -> dict[str, object]:
        if "scene" in payload:
            document = handlers.open_scene(workspace, str(payload["scene"]))
        else:
            rows, cols = payload.get("rows", 8), payload.get("cols", 8)
            document = handlers.empty_canvas(workspace, str(payload.get("model")), rows, cols)
        return document_to_json(document)

    @router.post("/uploads")
    def upload(file: Annotated[UploadFile, File()]) -> dict[str, object]:
        entry = workspace.library.add_upload(file.filename or "scene", file.file)
        return document_to_json(handlers.open_upload(workspace, entry))


def _add_document(router: APIRouter, workspace: Workspace) -> None:
    @router.get("/documents/{document_id}")
    def read(document_id: str) -> dict[str, object]:
        document = find_document(workspace, document_id)
        link_scene(workspace, document)
        jobs = [workspace.job_to_json(job)["job"] for job in workspace.jobs.of_document(document_id)[-20:]]
        return {**document_to_json(document), "jobs": jobs}

    @router.post("/documents/{document_id}/pixel-size")
    def pixel_size(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        handlers.set_pixel_size(workspace, document, str(payload.get("text", "")))
        return document_to_json(document)

    @router.post("/documents/{document_id}/name")
    def rename(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        document.rename(str(payload.get("name", "")).strip()[:120] or "Untitled")
        workspace.publish_document(document)
        return {"ok": True}

    @router.post("/documents/{document_id}/edits")
    def edit(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        handlers.apply_edit(workspace, document, payload)
        return layout_to_json(document)

    @router.post("/documents/{document_id}/grow")
    def enlarge(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        grow(workspace, document, payload)
        return document_to_json(document)

    @router.post("/documents/{document_id}/swatches")
    def pick(document_id: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        return {"swatch": swatches.new_swatch(workspace, document, payload)}

    @router.post("/documents/{document_id}/swatches/{key}")
    def change_swatch(document_id: str, key: str, payload: Payload) -> dict[str, object]:
        document = find_document(workspace, document_id)
        handlers.change_swatch(workspace, document, key, payload.get("name"), payload.get("colour"))
        return document_to_json(document)


def _add_jobs(router: APIRouter, workspace: Workspace) -> None:
    @router.post("/documents/{document_id}/encode")
    def encode(document_id: str, payload: Payload) -> dict[str, object]:
        job = handlers.encode_region(workspace, find_document(workspace, document_id), payload)
        return workspace.job_to_json(job)

    @router.post("/documents/{document_id}/generate")
    def generate(document_id: str, payload: Payload) -> dict[str, object]:
        job = handlers.start_generation(workspace, find_document(workspace, document_id), payload)
        return workspace.job_to_json(job)

    @router.post("/documents/{document_id}/umap")
    def umap(document_id: str) -> dict[str, object]:
        return workspace.job_to_json(start_umap(workspace, find_document(workspace, document_id)))

    @router.get("/jobs/{job_id}")
    def job(job_id: str) -> dict[str, object]:
        return workspace.job_to_json(find_job(workspace, job_id))

    @router.post("/jobs/{job_id}/cancel")
    def cancel(job_id: str) -> dict[str, object]:
        found = find_job(workspace, job_id)
        workspace.jobs.cancel(found.id)
        return workspace.job_to_json(found)
