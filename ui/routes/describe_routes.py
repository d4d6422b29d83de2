"""What the page asks of sentences: layouts to choose from, and taking one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from ..describing import describe_anew, start_description, take_proposal
from ..document_json import document_to_json
from ..proposals import proposals_to_json
from ..workspace import Workspace
from .image_routes import find_document

Payload = Annotated[dict[str, Any], Body()]


def describe_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.post("/described-documents")
    def begin(payload: Payload) -> dict[str, object]:
        document = describe_anew(workspace, payload)
        jobs = [workspace.job_to_json(job)["job"] for job in workspace.jobs.of_document(document.id)]
        return {**document_to_json(document), "jobs": jobs}

    @router.post("/documents/{document_id}/describe")
    def describe(document_id: str, payload: Payload) -> dict[str, object]:
        return workspace.job_to_json(start_description(workspace, find_document(workspace, document_id), payload))

    @router.get("/documents/{document_id}/proposals")
    def proposals(document_id: str) -> dict[str, object]:
        return proposals_to_json(workspace, find_document(workspace, document_id))

    @router.post("/documents/{document_id}/proposals/{key}/take")
    def take(document_id: str, key: str) -> dict[str, object]:
        take_proposal(workspace, find_document(workspace, document_id), key)
        return {"ok": True}

    return router
