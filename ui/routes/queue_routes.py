"""What the page asks of the queue and of bookmarked regions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from ..bookmarks import add_bookmark, remove_bookmark, vary_all
from ..users import may_see
from ..workspace import Workspace
from .image_routes import find_document, find_job

Payload = Annotated[dict[str, Any], Body()]


def queue_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.get("/queue")
    def queue() -> dict[str, object]:
        seen = [job for job in workspace.jobs.active("accelerator") if may_see(job.owner)]
        return {"jobs": [workspace.job_to_json(job)["job"] for job in seen]}

    @router.post("/jobs/{job_id}/move")
    def move(job_id: str, payload: Payload) -> dict[str, object]:
        workspace.jobs.move(find_job(workspace, job_id), -1 if payload.get("up") else 1)
        return queue()

    @router.post("/documents/{document_id}/queue/clear")
    def clear(document_id: str) -> dict[str, object]:
        document = find_document(workspace, document_id)
        for job in workspace.jobs.of_document(document.id):
            if job.state == "queued":
                workspace.jobs.cancel(job.id)
        return queue()

    @router.post("/documents/{document_id}/bookmarks")
    def add(document_id: str, payload: Payload) -> dict[str, object]:
        return {"id": add_bookmark(workspace, find_document(workspace, document_id), payload).id}

    @router.post("/documents/{document_id}/bookmarks/{key}/delete")
    def remove(document_id: str, key: str) -> dict[str, object]:
        remove_bookmark(workspace, find_document(workspace, document_id), key)
        return {"ok": True}

    @router.post("/documents/{document_id}/vary-all")
    def vary(document_id: str, payload: Payload) -> dict[str, object]:
        return workspace.job_to_json(vary_all(workspace, find_document(workspace, document_id), payload))

    return router
