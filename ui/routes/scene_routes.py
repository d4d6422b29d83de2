"""Facts of a scene that are looked up once: where its places lie on the Earth."""

from __future__ import annotations

from fastapi import APIRouter, Response

from ssldiff_core.errors import SSLDiffError

from ..workspace import Workspace
from .image_routes import find_scene
from .static_routes import IMMUTABLE

LATTICE = 17


def scene_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.get("/scenes/{scene_id}/{version}/places")
    def places(scene_id: str, version: str, response: Response) -> dict[str, object]:
        from ssldiff_core.scenes.geography import lon_lat_lattice

        entry = find_scene(workspace, scene_id, version)
        response.headers.update(IMMUTABLE)
        try:
            found = lon_lat_lattice(workspace.tiles.scenes.get(entry), LATTICE)
        except SSLDiffError:  # a file that can no longer be read: the tiles tell
            found = None
        if found is None:
            return {}
        return {"n": LATTICE, "lon": found[:, 0].round(8).tolist(), "lat": found[:, 1].round(8).tolist()}

    return router
