"""The picture that follows the brush, and the sharpening of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response

from ..following import start_follow
from ..workspace import Workspace
from .image_routes import find_document

Payload = Annotated[dict[str, Any], Body()]


def follow_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.post("/documents/{document_id}/follow")
    def follow(document_id: str, payload: Payload) -> dict[str, object]:
        return workspace.job_to_json(start_follow(workspace, find_document(workspace, document_id), payload))

    @router.get("/documents/{document_id}/follow/{number}.webp")
    def picture(document_id: str, number: int) -> Response:
        follower = workspace.followers.get(find_document(workspace, document_id).id)
        if follower is None or not follower.picture:
            return Response(status_code=204)
        return Response(follower.picture, media_type="image/webp", headers={"Cache-Control": "no-store"})

    return router
