"""The catalogue for the page: models and patch encoders, under which licence, here or how to get them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..workspace import Workspace


def model_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.get("/models")
    def models() -> dict[str, Any]:
        from ssldiff_core.models.listing import list_everything

        listing = list_everything().to_json()
        for row in listing["models"]:
            del row["folder"]  # where things lie on the server is nobody's business
        return listing

    return router
