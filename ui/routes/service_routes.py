"""For the one who runs the server: is it well, and how much does it do."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse

from ..housekeeping import health
from ..workspace import Workspace


def service_routes(workspace: Workspace) -> APIRouter:
    """``/healthz`` is answered without a login and says nothing of anybody; ``/metrics`` needs one."""
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> JSONResponse:
        found = health(workspace)
        headers = {"Cache-Control": "no-store"}
        return JSONResponse(found, status_code=200 if found["status"] == "ok" else 503, headers=headers)

    @router.get("/metrics")
    def metrics() -> PlainTextResponse:
        return PlainTextResponse("\n".join(workspace.metrics.lines(workspace)) + "\n")

    return router
