"""What the page of a stage asks for: whether it is one, and the pictures of its gallery."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from ..kiosk import gallery
from ..workspace import Workspace
from .image_routes import find_scene
from .static_routes import IMMUTABLE

PICTURE_PX = 1920


def kiosk_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.get("/kiosk")
    def kiosk() -> dict[str, object]:
        if not workspace.config.kiosk:
            return {"kiosk": False}
        return {"kiosk": True, "idle_s": workspace.config.kiosk_idle_s, "pictures": gallery(workspace)}

    @router.get("/kiosk/pictures/{scene_id}/{version}.jpg")
    def picture(scene_id: str, version: str) -> Response:
        entry = find_scene(workspace, scene_id, version)
        if not workspace.config.kiosk or entry.origin not in ("demo", "result"):
            raise HTTPException(404)
        return Response(workspace.tiles.thumbnail(entry, PICTURE_PX), media_type="image/jpeg", headers=IMMUTABLE)

    return router
