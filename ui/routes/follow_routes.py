"""Pictures of what was not asked for as a whole: what follows the brush, and the tiles of virtual slides."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response

from ..following import start_follow
from ..slide_tiles import LEVELS
from ..virtual import draw_rest, look, slide_wish
from ..workspace import Workspace
from .image_routes import find_document
from .static_routes import IMMUTABLE

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

    @router.post("/documents/{document_id}/virtual")
    def slide(document_id: str, payload: Payload) -> dict[str, object]:
        return workspace.slides.get(find_document(workspace, document_id), slide_wish(payload)).to_json()

    @router.post("/documents/{document_id}/virtual/look")
    def look_at(document_id: str, payload: Payload) -> dict[str, object]:
        return workspace.job_to_json(look(workspace, find_document(workspace, document_id), payload))

    @router.post("/documents/{document_id}/virtual/rest")
    def rest(document_id: str, payload: Payload) -> dict[str, object]:
        return workspace.job_to_json(draw_rest(workspace, find_document(workspace, document_id), payload))

    @router.get("/documents/{document_id}/virtual/{version}/{level}/{row}_{col}.jpg")
    def tile(document_id: str, version: str, level: int, row: int, col: int) -> Response:
        document = find_document(workspace, document_id)
        content = workspace.slides.jpeg(document, version, level, (row, col)) if 0 <= level < LEVELS else None
        if content is None:
            return Response(status_code=204)
        return Response(content, media_type="image/jpeg", headers=IMMUTABLE)

    return router
